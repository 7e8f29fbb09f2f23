"""Start-up and memory of the page: a real `app.py` in a process of its own, asked over HTTP."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from bench.app_process import free_port, seconds_until, start, stop
from bench.measurement import Measurement

PAGE_BUDGET_S = 8.0
READY_BUDGET_S = 15.0
MEMORY_BUDGET_MB = 1500.0


def measure_app(app: Path, picture: bytes | None = None) -> Iterator[Measurement]:
    """Seconds to the first page and to ready, and memory then and after one analysis of a picture file."""
    if not app.is_file():
        yield Measurement("app start -> ready", None, "s", READY_BUDGET_S, 0, "there is no app.py")
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        began = time.perf_counter()
        process = start(app, port, Path(folder))
        try:
            ready = yield from _measure(process, f"http://127.0.0.1:{port}", began)
            if ready and picture is not None:
                yield _after_analysis(process, f"http://127.0.0.1:{port}", picture, Path(folder))
        finally:
            stop(process)


def memory_mb(status: str, field: str = "VmHWM") -> float | None:
    """A size of `/proc/<pid>/status` in megabytes; None where the field is missing."""
    for line in status.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _measure(
    process: subprocess.Popen[bytes], address: str, began: float
) -> Generator[Measurement, None, bool]:
    """Measurements until the app is ready; gives back whether it became so."""
    page = seconds_until(f"{address}/", process, began)
    yield Measurement("app start -> first page", page, "s", PAGE_BUDGET_S, 1, "" if page else "no page came")
    ready = seconds_until(f"{address}/readyz", process, began)
    yield Measurement(
        "app start -> ready", ready, "s", READY_BUDGET_S, 1, "" if ready else "it was never ready"
    )
    if ready is not None:
        yield Measurement("app memory when ready, peak", _peak_mb(process), "MB", MEMORY_BUDGET_MB)
    return ready is not None


def _after_analysis(
    process: subprocess.Popen[bytes], address: str, picture: bytes, folder: Path
) -> Measurement:
    from gradio_client import Client, handle_file

    path = folder / "picture.jpg"
    path.write_bytes(picture)
    Client(f"{address}/", verbose=False).predict(handle_file(str(path)), api_name="/analyze")
    return Measurement(
        "app memory after an analysis of 1 MP, peak", _peak_mb(process), "MB", MEMORY_BUDGET_MB
    )


def _peak_mb(process: subprocess.Popen[bytes]) -> float | None:
    status = Path(f"/proc/{process.pid}/status")
    return memory_mb(status.read_text(encoding="utf-8")) if status.is_file() else None
