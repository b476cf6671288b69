"""The embedded PostgreSQL, with real processes and signals: whoever dies, and however, nothing is left."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.core import embedded_postgres
from backend.core.embedded_postgres import EmbeddedServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="LOOKS FOR LEFT-OVER PROCESSES IN /proc"),
]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="ONLY ROOT CAN TEST WHAT HAPPENS TO ROOT")

REPOSITORY = Path(__file__).resolve().parents[2]
BOUND = 15.0

# One user of the server: attaches, says where, and stays until it is told to leave or killed.
USER_PROGRAM = """
import json, os, signal, sys
from pathlib import Path
# A shell's background job ignores SIGINT, and so would its children's children.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
from backend.core.embedded_postgres import EmbeddedServerError, attach
if "ready" in sys.argv[3:]:
    import psycopg  # which takes longer than everything else
    print("{}", flush=True)
    sys.stdin.readline()
if "unwatched" in sys.argv[3:]:
    sys.executable = "/nonexistent"
try:
    server = attach(Path(sys.argv[2]))
except EmbeddedServerError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(3)
assert "twice" not in sys.argv[3:] or attach(Path(sys.argv[2])) is server
worker = os.fork() if "fork" in sys.argv[3:] else None
if worker != 0:
    print(json.dumps({"host": server.host, "data": str(server.data_directory), "worker": worker}), flush=True)
sys.stdin.read()
"""


@dataclass
class User:
    process: subprocess.Popen[str]
    _answer: dict[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> dict[str, Any]:
        if not self._answer:
            assert self.process.stdout is not None
            self._answer = json.loads(self.process.stdout.readline())
        return self._answer

    @property
    def server(self) -> EmbeddedServer:
        assert "error" not in self.answer, self.answer["error"]
        return EmbeddedServer(self.answer["host"], "app", "mawid", Path(self.answer["data"]))

    @property
    def postmaster(self) -> int:
        return int((self.server.data_directory / "postmaster.pid").read_text().split()[0])

    def ask(self, query: str) -> Any:
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else None

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(BOUND)

    def end_by(self, number: int) -> None:
        os.killpg(self.process.pid, number)  # as the terminal does: to everybody in the foreground
        self.process.wait(BOUND)


@dataclass
class Checkout:
    """A folder with room for a server's state, and the processes that use it."""

    top: Path
    state: Path
    users: list[User] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)

    def user(
        self,
        *words: str,
        wait: bool = True,
        path: str = os.environ["PATH"],
        prefix: tuple[str, ...] = (),
    ) -> User:
        user = User(
            subprocess.Popen(
                [*prefix, sys.executable, "-c", USER_PROGRAM, str(REPOSITORY), str(self.state), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                cwd=self.top,
                env=os.environ | {"PATH": path},
            )
        )
        self.users.append(user)
        if wait and "data" in user.answer:
            self.folders.add(user.answer["data"])
        return user

    def processes(self) -> dict[int, str]:
        """All that live and have this state folder, or its data, as an argument or as current folder."""
        found = {}
        ours = {str(self.state), *self.folders}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                here = str((process / "cwd").readlink()).removesuffix(" (deleted)")
            except OSError:
                continue
            if ours & {*words, here} or any(word.startswith(f"{self.state}/") for word in (*words, here)):
                found[int(process.name)] = " ".join(words)
        return found

    def postmasters(self) -> list[int]:
        return [pid for pid, words in self.processes().items() if "/postgres -D " in words]

    def watchers(self) -> list[int]:
        return [pid for pid, words in self.processes().items() if " watch " in words]

    def nothing_is_left(self) -> bool:
        return eventually(lambda: not self.processes())


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + BOUND
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    top = Path(os.path.realpath(tempfile.mkdtemp(prefix="h-")))  # 0700, as mkdtemp makes it
    place = Checkout(top=top, state=top / "project" / "var" / "postgres")
    yield place
    for user in place.users:
        if user.process.poll() is None:
            user.process.kill()
        user.process.wait(BOUND)
        for pipe in (user.process.stdin, user.process.stdout):
            if pipe is not None:
                pipe.close()
    clean = place.nothing_is_left()
    left = place.processes()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    for folder in (top, *(Path(name).parent for name in place.folders)):
        shutil.rmtree(folder, ignore_errors=True)
    assert clean, left


def rights(folder: Path) -> list[tuple[Path, int, int]]:
    return [(path, path.stat().st_mode, path.stat().st_uid) for path in (folder, *folder.parents)]


def test_a_first_user_gets_a_fresh_database_behind_a_private_socket(checkout: Checkout) -> None:
    user = checkout.user("twice")

    facts = """SELECT datname, current_user, getdatabaseencoding(), datlocprovider::text, datlocale,
        current_setting('listen_addresses'), current_setting('max_connections'), current_setting('fsync'),
        current_setting('server_version_num')::int / 10000
        FROM pg_database WHERE datname = current_database()"""
    assert user.ask(facts) == [("mawid", "app", "UTF8", "b", "C.UTF-8", "", "250", "on", 18)]
    assert stat.S_IMODE(Path(user.server.host).stat().st_mode) == 0o700
    assert len(checkout.postmasters()) == len(checkout.watchers()) == 1

    user.leave()
    assert checkout.nothing_is_left()
    assert not Path(user.server.host).exists()


def test_three_first_users_at_once_share_one_server(checkout: Checkout) -> None:
    users = [checkout.user(wait=False) for _ in range(3)]

    assert len({user.ask("SELECT pg_postmaster_start_time()")[0][0] for user in users}) == 1
    assert len(checkout.postmasters()) == len(checkout.watchers()) == 1

    users[0].leave()
    users[1].end_by(signal.SIGKILL)
    time.sleep(0.5)
    assert users[2].ask("SELECT 1") == [(1,)]


def test_the_path_of_the_checkout_does_not_matter(checkout: Checkout) -> None:
    checkout.state = checkout.top / ("long-" * 30) / "with space and 'quote'" / "موعد" / "var" / "postgres"

    user = checkout.user()

    assert user.ask("SHOW data_directory") == [(str(checkout.state / "data"),)]


def test_nothing_is_left_however_the_user_ends(checkout: Checkout) -> None:
    checkout.user().ask("CREATE TABLE kept AS SELECT 7 AS n")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        checkout.users[-1].end_by(number)
        assert checkout.nothing_is_left(), number
        assert checkout.user().ask("SELECT n FROM kept") == [(7,)]


def test_users_that_follow_each_other_closely_never_miss_the_server(checkout: Checkout) -> None:
    checkout.user().ask("CREATE TABLE cycle (n int)")
    for n in range(6):
        before, after = checkout.users[-1], checkout.user("ready", wait=False)
        assert after.process.stdin is not None
        assert after.process.stdout is not None
        after.process.stdout.readline()
        before.end_by(signal.SIGKILL)
        time.sleep(n * 0.03)  # before, while and after the watcher stops the server
        after.process.stdin.write("\n")
        after.process.stdin.flush()
        after.ask(f"INSERT INTO cycle VALUES ({n})")
        time.sleep(0.1)
        assert eventually(lambda: len(checkout.watchers()) == 1)

    assert after.ask("SELECT count(*) FROM cycle") == [(6,)]


def test_a_forked_worker_keeps_the_server_after_its_parent(checkout: Checkout) -> None:
    user = checkout.user("fork")
    user.process.kill()
    user.process.wait(BOUND)
    time.sleep(0.5)
    assert user.ask("SELECT 1") == [(1,)]

    os.kill(user.answer["worker"], signal.SIGKILL)
    assert checkout.nothing_is_left()


def test_a_killed_postmaster_is_replaced_and_its_data_is_there(checkout: Checkout) -> None:
    first = checkout.user()
    first.ask("CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(first.postmaster, signal.SIGKILL)

    second = checkout.user()

    assert second.ask("SELECT n FROM kept") == first.ask("SELECT n FROM kept") == [(7,)]
    assert len(checkout.postmasters()) == 1


def test_a_watcher_ignores_polite_signals_and_is_replaced_when_killed(checkout: Checkout) -> None:
    first = checkout.user()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(checkout.watchers()[0], number)
    time.sleep(0.1)
    os.kill(checkout.watchers()[0], signal.SIGKILL)  # politely it would not go
    first.end_by(signal.SIGKILL)
    time.sleep(0.3)
    assert len(checkout.postmasters()) == 1  # nobody was there to stop it

    second = checkout.user()
    assert second.ask("SELECT 1") == [(1,)]
    second.leave()
    assert checkout.nothing_is_left()


def test_no_server_is_started_that_nobody_would_stop(checkout: Checkout) -> None:
    assert "/nonexistent: not found" in checkout.user("unwatched").answer["error"]
    assert not checkout.postmasters()


def test_a_user_killed_during_its_first_start_leaves_nothing_and_hinders_nobody(checkout: Checkout) -> None:
    for delay in (0.2, 0.4, 0.6):
        user = checkout.user(wait=False)
        time.sleep(delay)
        user.end_by(signal.SIGKILL)

    assert checkout.user().ask("SELECT 1") == [(1,)]


def test_a_pid_file_naming_a_stranger_does_not_stop_the_start(checkout: Checkout) -> None:
    user = checkout.user()
    lines = (user.server.data_directory / "postmaster.pid").read_text().splitlines()
    os.kill(checkout.watchers()[0], signal.SIGKILL)
    os.kill(user.postmaster, signal.SIGKILL)
    user.end_by(signal.SIGKILL)
    assert eventually(lambda: not checkout.postmasters())
    stranger = "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    (user.server.data_directory / "postmaster.pid").write_text(stranger)

    assert checkout.user().ask("SELECT 1") == [(1,)]


def test_a_server_whose_folder_was_deleted_goes_with_its_last_user(checkout: Checkout) -> None:
    user = checkout.user()
    shutil.rmtree(checkout.state)

    user.end_by(signal.SIGINT)

    assert checkout.nothing_is_left()


def test_a_folder_deleted_and_made_anew_gets_a_server_of_its_own(checkout: Checkout) -> None:
    old = checkout.user()
    old.ask("CREATE TABLE of_the_old_one ()")
    shutil.rmtree(checkout.state)

    new = checkout.user()

    assert new.ask("SELECT to_regclass('of_the_old_one')") == [(None,)]
    old.leave()
    time.sleep(0.5)
    assert new.ask("SELECT 1") == [(1,)]


def test_a_failed_start_says_what_the_server_said(checkout: Checkout) -> None:
    user = checkout.user()
    user.leave()
    assert checkout.nothing_is_left()
    with (user.server.data_directory / "postgresql.conf").open("a") as settings:
        settings.write("shared_bufers = 1\n")

    error = checkout.user().answer["error"]

    assert str(user.server.data_directory) in error
    assert 'unrecognized configuration parameter "shared_bufers"' in error
    assert checkout.nothing_is_left()


def test_a_socket_folder_somebody_else_made_is_refused(checkout: Checkout) -> None:
    host = embedded_postgres._socket_folder(checkout.state, checkout.state / "data")
    host.symlink_to(checkout.top)
    try:
        assert "somebody else made it" in checkout.user().answer["error"]
    finally:
        host.unlink()


@as_root
@pytest.mark.parametrize(
    ("mode", "path"),
    [(0o755, os.environ["PATH"]), (0o700, os.environ["PATH"]), (0o700, "/nonexistent")],
    ids=["reachable", "below a private folder", "below a private folder and without namespaces"],
)
def test_root_gets_a_server_and_no_folder_changes_its_rights(
    checkout: Checkout, mode: int, path: str
) -> None:
    checkout.top.chmod(mode)
    checkout.state.parent.mkdir(parents=True)
    before = rights(checkout.state.parent), rights(Path(sys.executable).parent)

    user = checkout.user(path=path)
    user.ask("CREATE TABLE kept AS SELECT 7 AS n")
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{user.postmaster}/status").read_text()
    user.end_by(signal.SIGKILL)
    assert checkout.nothing_is_left()

    assert checkout.user(path=path).ask("SELECT n FROM kept") == [(7,)]
    assert before == (rights(checkout.state.parent), rights(Path(sys.executable).parent))


@as_root
def test_root_can_close_and_open_the_folder_above_and_keeps_the_data(checkout: Checkout) -> None:
    for n, mode in enumerate([0o755, 0o700, 0o755]):
        checkout.top.chmod(mode)
        user = checkout.user()
        user.ask("CREATE TABLE IF NOT EXISTS kept (n int)")
        user.ask(f"INSERT INTO kept VALUES ({n})")
        user.leave()
        assert checkout.nothing_is_left()

    assert checkout.user().ask("SELECT count(*) FROM kept") == [(3,)]


@as_root
def test_an_ordinary_user_and_root_take_turns_in_the_ordinary_users_checkout(checkout: Checkout) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(checkout.top, nobody.pw_uid, nobody.pw_gid)
    become = ("setpriv", "--reuid=nobody", f"--regid={nobody.pw_gid}", "--clear-groups", "--inh-caps=-all")
    # Where nobody may not even read our Python (it lives below /root), lend the right to read, nothing else.
    lend = (*become[:-1], "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
    again = "import os, psycopg, sys; os.execv(sys.executable, [sys.executable, '-c', ''])"
    program = [sys.executable, "-c", f"import backend.core.embedded_postgres; {again}"]
    ordinary = next((way for way in (become, lend) if succeeds([*way, *program])), None)
    if ordinary is None:
        pytest.skip("nobody CAN RUN NOTHING FROM THIS CHECKOUT: THE ORDINARY USER IS NOT TESTED")

    for turn, prefix in enumerate([(), ordinary, (), ordinary]):
        user = checkout.user(prefix=prefix)
        user.ask(f"CREATE TABLE turn_{turn} ()")
        owners = {path.lstat().st_uid for path in (checkout.state, *checkout.state.iterdir())}
        assert owners == {nobody.pw_uid}
        user.end_by(signal.SIGTERM)
        assert checkout.nothing_is_left()

    both = [checkout.user(prefix=prefix) for prefix in (ordinary, ())]
    assert both[0].ask("SELECT pg_postmaster_start_time()") == both[1].ask(
        "SELECT pg_postmaster_start_time()"
    )


def succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False
