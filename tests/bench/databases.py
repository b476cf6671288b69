"""Databases of the bench's own: one is migrated, which takes most of a minute, and the others are copies of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.server import ROOT, database_url


@contextmanager
def migrated() -> Iterator[str]:
    """The name of a database with all tables and no rows, to make others from."""
    name = f"mawid_bench_migrated_{os.getpid()}"
    with made(name, template="template0") as url:
        command = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"DATABASE_URL": url}, check=True)
        yield name


@contextmanager
def made(name: str, *, template: str) -> Iterator[str]:
    """The address of a database beside our own, which is gone after the block."""
    own = database_url()
    with psycopg.connect(own, autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield own.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(own, autocommit=True) as link:
            link.execute(f"DROP DATABASE {name} WITH (FORCE)")
