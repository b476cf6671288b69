"""A child process that does not outlive its parent, however the parent ends (kill -9 included)."""

from __future__ import annotations

import os
import signal
import threading
import time

VARIABLE = "DIE_WITH_PARENT"
_GRACE = 5.0


def end_with_parent() -> None:
    """When DIE_WITH_PARENT holds the parent's process id, watch it and end this process after it.

    First politely (SIGTERM), after 5 s for certain. A polling thread works on every system and survives exec by make
    or a shell; the id is handed over because a parent may be gone before its child looks.
    """
    expected = os.environ.get(VARIABLE, "")
    if not expected.isdigit():
        return
    parent = int(expected)
    os.environ[VARIABLE] = str(os.getpid())  # for the children of this process

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
