"""Builds `.venv` from requirements/dev.txt, and does nothing when it is already as it should be.

make runs this before everything else, with a bare Python: only the standard library is used. The stamp
`.venv/.built-from` names what the environment was built from; while an installation is under way it says
`unfinished`, so one that was interrupted is thrown away and repeated. Two makes at once take turns.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".built-from"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
UNFINISHED = "unfinished"


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  this very file is what finds out
        fail(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}.")
    # The requirements file doubles as the lock: it is there before anything else, and read-only is enough.
    with REQUIREMENTS.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is building .venv; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        # The folder is part of it: scripts inside an environment name their place, so a moved one is rebuilt.
        wanted = f"{hashlib.sha256(lock.read()).hexdigest()} {ROOT}"
        found = STAMP.read_text().strip() if STAMP.exists() else ""
        if found == wanted and works():
            return
        build(wanted, keep=found != UNFINISHED and works(), lock=lock.fileno())


def build(wanted: str, *, keep: bool, lock: int) -> None:
    """Make the environment, in place if what is there can be kept.

    The programs started here hold the lock too: should this one be killed, the next make waits until they have
    ended and then starts anew.
    """
    if not keep:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
            fail(f"{sys.executable} cannot make virtual environments; on Debian: apt install python3-venv.")
    say(f"Building .venv with Python {sys.version.split()[0]} (once; a minute or two).")
    ENVIRONMENT.mkdir(exist_ok=True)
    STAMP.write_text(f"{UNFINISHED}\n")
    if not keep or run(PYTHON, "-m", "pip", "--version", quiet=True) != 0:
        step(sys.executable, "-m", "venv", ENVIRONMENT, lock=lock)
    # Where packages come from is the user's own pip configuration; what they must be is in the hashes.
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--require-hashes")
    step(*pip, "--requirement", REQUIREMENTS, lock=lock)
    STAMP.write_text(f"{wanted}\n")
    say("The environment is ready.")


def works() -> bool:
    """The environment's Python starts (its base may have been uninstalled) and is new enough."""
    return (
        PYTHON.exists()
        and run(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))", quiet=True) == 0
    )


def step(*command: str | Path, lock: int) -> None:
    code = run(*command, keep=(lock,))
    if code != 0:
        fail(f"{' '.join(map(str, command[:4]))} ... ended with {code}; `make` tries again from the start.")


def run(*command: str | Path, quiet: bool = False, keep: tuple[int, ...] = ()) -> int:
    output = subprocess.DEVNULL if quiet else None
    words = [*map(str, command)]
    return subprocess.run(words, stdout=output, stderr=output, pass_fds=keep, check=False).returncode


def say(text: str) -> None:
    sys.stdout.write(f"==> {text}\n")
    sys.stdout.flush()


def fail(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(1)


def ended(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)  # which ends the program being waited for as well


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ended)
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
