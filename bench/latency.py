"""Time and memory of the engine, beside the budgets: `python -m bench.latency --engine compact --json FILE`.

Budgets: verdict and map of 1 megapixel p95 <= 1.5 s and <= 2 CPU-s, network at 512 x 512 <= 0.6 CPU-s, on two
idle cores. `provenance.load` in the result tells how busy the machine was.
"""

from __future__ import annotations

import argparse
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.app_startup import measure_app
from bench.measurement import Measurement, quantile
from bench.pictures import textured, textured_jpeg
from bench.report import report
from fakeshield_core.domain import Done, Engine, MapReady, VerdictReady
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.imaging import decode
from fakeshield_core.pipeline import analyze
from fakeshield_core.provenance import ROOT
from fakeshield_core.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Size:
    """A picture size to time, and how often."""

    megapixels: float
    repeats: int
    wall_budget_s: float | None = None  # p95, file -> verdict and map
    cpu_budget_s: float | None = None


SIZES = (Size(0.25, 20), Size(1.0, 20, wall_budget_s=1.5, cpu_budget_s=2.0), Size(12.0, 5))
NETWORK_SIDE_PX = 512
NETWORK_REPEATS = 10
NETWORK_BUDGET_CPU_S = 0.6
START_REPEATS = 3
START_CODE = (
    "from fakeshield_core.engines.registry import build_engine\n"
    "from fakeshield_core.settings import Settings\n"
    "build_engine({name!r}, Settings.from_environment())\n"
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one picture, from the bytes of its file."""

    answer_s: float  # wall, until verdict and map are there
    answer_cpu_s: float  # CPU-seconds of all threads, the same
    told_s: float  # wall, with the explanation
    end_s: float  # wall, with the check of the verdict


def time_picture(engine: Engine, data: bytes) -> Timing:
    """Decodes and analyses one file."""
    began, cpu_began = time.perf_counter(), time.process_time()
    missing = {VerdictReady, MapReady}
    answer_s = answer_cpu_s = told_s = 0.0
    for update in analyze(engine, decode(data, None)):
        if type(update) in missing:
            missing.discard(type(update))
            answer_s, answer_cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        if isinstance(update, Done) and not told_s:
            told_s = time.perf_counter() - began
    return Timing(answer_s, answer_cpu_s, told_s, time.perf_counter() - began)


def measure_size(engine: Engine, size: Size) -> Iterator[Measurement]:
    """p50 and p95 of a size, after one picture that is not counted."""
    time_picture(engine, textured_jpeg(size.megapixels))
    timings = [
        time_picture(engine, textured_jpeg(size.megapixels, seed)) for seed in range(1, size.repeats + 1)
    ]
    name, n = f"{size.megapixels:g} MP file -> verdict and map", size.repeats
    walls = [timing.answer_s for timing in timings]
    yield Measurement(f"{name}, p50", quantile(walls, 0.5), "s", None, n)
    yield Measurement(f"{name}, p95", quantile(walls, 0.95), "s", size.wall_budget_s, n)
    cpu = quantile([timing.answer_cpu_s for timing in timings], 0.5)
    yield Measurement(f"{name}, p50", cpu, "CPU-s", size.cpu_budget_s, n)
    told = quantile([timing.told_s for timing in timings], 0.95)
    yield Measurement(f"{size.megapixels:g} MP file -> explanation, p95", told, "s", None, n)
    end = quantile([timing.end_s for timing in timings], 0.95)
    yield Measurement(f"{size.megapixels:g} MP file -> verdict checked, p95", end, "s", None, n)
    yield Measurement(f"peak memory after {size.megapixels:g} MP", peak_memory_mb(), "MB", None)


def measure_network(engine: Engine) -> Measurement:
    """CPU-seconds of one pass of the network over 512 x 512; the median."""
    from fakeshield_core.engines.compact import CompactEngine

    what = f"network, {NETWORK_SIDE_PX} x {NETWORK_SIDE_PX}, p50"
    if not isinstance(engine, CompactEngine):
        return Measurement(
            what, None, "CPU-s", NETWORK_BUDGET_CPU_S, 0, "only the compact engine is a network here"
        )
    rgb = textured(NETWORK_SIDE_PX, NETWORK_SIDE_PX)
    engine.read(rgb)
    spent = [_cpu_s(lambda: engine.read(rgb)) for _ in range(NETWORK_REPEATS)]
    return Measurement(what, quantile(spent, 0.5), "CPU-s", NETWORK_BUDGET_CPU_S, NETWORK_REPEATS)


def measure_start(engine_name: str) -> Measurement:
    """Wall seconds of a fresh process that imports the core and builds the engine; the median.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    code = START_CODE.format(name=engine_name)
    walls = []
    for _ in range(START_REPEATS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
        walls.append(time.perf_counter() - began)
    return Measurement("new process -> engine built, p50", quantile(walls, 0.5), "s", None, START_REPEATS)


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, megabytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure_all(engine_name: str, sizes: Sequence[Size], with_app: bool) -> Iterator[Measurement]:
    """Start-up first, then sizes from small to large, then the app."""
    yield measure_start(engine_name)
    engine = build_engine(engine_name, Settings.from_environment())
    yield measure_network(engine)
    for size in sizes:
        log.info("timing %g megapixels", size.megapixels)
        yield from measure_size(engine, size)
    if with_app:
        log.info("starting the app")
        yield from measure_app(ROOT / "app.py", textured_jpeg(1.0))


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.latency", description="Time and memory beside budgets."
    )
    parser.add_argument("--engine", default="compact", metavar="NAME")
    parser.add_argument("--without-app", action="store_true", help="leave the page's start-up out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    return report(
        lambda: list(measure_all(args.engine, SIZES, not args.without_app)), args.json, engine=args.engine
    )


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
