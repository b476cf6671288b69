"""Who started whom, so that a worker can be killed (-9) without its supervisor."""

from __future__ import annotations

from pathlib import Path


def children(pid: int) -> dict[int, str]:
    """Process id and command line of everything a process started itself. Linux only: it is read from /proc."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold spaces; the parent stands second after it.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has just ended
    return found
