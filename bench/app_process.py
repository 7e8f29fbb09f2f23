"""A real `app.py` in a process of its own, for benches that ask it over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakeshield_core.errors import EngineUnavailable

PATIENCE_S = 120.0  # until the app counts as not starting
POLL_S = 0.05


@contextmanager
def running_app(app: Path, folder: Path, engine: str) -> Iterator[str]:
    """The address of the app, without a slash at its end, once it is ready.

    Args:
        app: the script.
        folder: for everything it writes.
        engine: name of its engine.

    Raises:
        EngineUnavailable: it did not become ready.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = start(app, port, folder, {"FAKESHIELD_ENGINE": engine})
    try:
        if seconds_until(f"{address}/readyz", process, time.perf_counter()) is None:
            raise EngineUnavailable(
                f"The app did not become ready with the engine {engine}; start it by hand."
            )
        yield address
    finally:
        stop(process)


def start(app: Path, port: int, folder: Path, more: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The app as a process; its output is thrown away.

    Args:
        folder: for everything it writes.
        more: environment variables.
    """
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "FAKESHIELD_DATA_DIR": str(folder / "data"),
        "HF_HUB_OFFLINE": "1",
        **(more or {}),
    }
    return subprocess.Popen(
        [sys.executable, str(app)],
        cwd=app.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends it, by force where it does not end by itself."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def seconds_until(address: str, process: subprocess.Popen[bytes], began: float) -> float | None:
    """Wall seconds since `began` until the address answers 200; None if the process ends or patience does."""
    while process.poll() is None and time.perf_counter() - began < PATIENCE_S:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(POLL_S)
    return None


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
