"""The real app as a process of its own, for tests that talk to it from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_LIMIT_TRIES = 1800  # other work may share the cores
PAUSE_S = 0.1

# Runs app.py, and writes each name that is looked up and each address that is connected to, outside of this
# machine, to the file named first.
WATCHED = """
import runpy, sys
log = open(sys.argv[1], "a", buffering=1)
HERE = ("127.", "::1", "localhost", "0.0.0.0", "None")
def watch(event, args):
    target = {"socket.connect": lambda: args[1], "socket.getaddrinfo": lambda: args[0]}.get(event)
    if target is None:
        return
    host = target()
    host = host[0] if isinstance(host, tuple) else host
    host = host.decode() if isinstance(host, bytes) else str(host)
    if not host.startswith(HERE) and not host.startswith("/"):
        log.write(event + " " + host + "\\n")
        raise OSError("no network in this test: " + host)
sys.addaudithook(watch)
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of(address: str) -> int:
    """The HTTP status of a GET; 0 where nothing answers."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@contextmanager
def served(folder: Path, engine: str = "stub", until: int = 200, **settings: str) -> Iterator[str]:
    """The address of the running app, once `/readyz` answers `until`.

    What it tried to reach outside of this machine is in `folder/outside.txt`.
    """
    with served_process(folder, engine, until, **settings) as (address, _):
        yield address


@contextmanager
def served_process(
    folder: Path, engine: str = "stub", until: int = 200, **settings: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same with the process, for tests that kill it."""
    port = free_port()
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FAKESHIELD_", "GRADIO_"))
        },
        "FAKESHIELD_ENGINE": engine,
        "FAKESHIELD_DATA_DIR": str(folder / "data"),
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    command = [sys.executable, "-c", WATCHED, str(folder / "outside.txt")]
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_until(until, process, address, folder / "app.log")
            yield address, process
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until(status: int, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(START_LIMIT_TRIES):
        if status_of(f"{address}readyz") == status:
            return
        try:
            process.wait(timeout=PAUSE_S)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"the app did not become ready:\n{log.read_text()[-3000:]}")
