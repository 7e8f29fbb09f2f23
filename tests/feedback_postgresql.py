"""A PostgreSQL server for the tests of the store, where its programs and the driver can be had."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAMS = ("initdb", "pg_ctl", "createdb")


@contextlib.contextmanager
def postgresql() -> Iterator[Callable[[], str]]:
    """Gives URLs of empty databases on a server of its own; skips with the reason where there can be none."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"PostgreSQL is not installed here ({missing[0]} is missing)")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("the PostgreSQL driver psycopg is not installed here")
    with tempfile.TemporaryDirectory(prefix="pg") as name, _server(Path(name)) as socket:
        numbers = itertools.count()

        def new_database() -> str:
            name = f"feedback{next(numbers)}"
            _run("createdb", "-h", str(socket), "-U", "postgres", name)
            return f"postgresql+psycopg://postgres@/{name}?host={socket}"

        yield new_database


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Path]:
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")  # the server refuses root
    data = folder / "data"
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    _run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", str(data))
    _run("pg_ctl", "-D", str(data), "-o", options, "-w", "-l", str(folder / "log"), "start")
    try:
        yield folder
    finally:
        _run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def _run(*command: str) -> None:
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")
