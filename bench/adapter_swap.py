"""How long until the running app serves a new champion: `python -m bench.adapter_swap --json FILE`.

Budget: 10 s from the moved pointer to an engine with the new adapter, with requests running meanwhile. The
adapter changes nothing: its second halves are zero. What it costs is the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from bench.measurement import Measurement, quantile
from bench.pictures import textured_jpeg
from bench.report import report
from fakeshield_core.adapters import (
    CONFIG,
    DIGEST_LENGTH,
    PEFT_PREFIX,
    WEIGHTS,
    AdapterCard,
    move_champion,
    write_card,
)
from fakeshield_core.checkpoints.compact import read_compact
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.files import write_file
from fakeshield_core.imaging import decode
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.settings import Settings
from ui.host import EngineHost

SWAPS = 10
BUDGET_S = 10.0
START_LIMIT_S = 300.0
RANK = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Swaps to and fro while somebody analyses a picture; 0 where no request failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.adapter_swap", description="Time of a swap.")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--swaps", type=int, default=SWAPS)
    args = parser.parse_args(argv)
    return report(lambda: measured(args.swaps), args.json)


def measured(swaps: int) -> list[Measurement]:
    """Swaps in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return measure_swaps(Path(folder), swaps)


def measure_swaps(adapters: Path, swaps: int) -> list[Measurement]:
    """Wall seconds from moved pointer to served adapter, and what happened to requests meanwhile."""
    digest = write_idle_adapter(adapters)
    host = EngineHost(partial(build_engine, "compact", Settings()), adapters)
    host.start()
    host.wait(START_LIMIT_S)
    stop, answered = threading.Event(), [0]

    def ask() -> None:
        while not stop.is_set():
            analyze_to_end(host.engine(), decode(textured_jpeg(0.25), None))
            answered[0] += 1

    visitor = threading.Thread(target=ask)
    visitor.start()
    try:
        walls = [swap(host, adapters, None if number % 2 else digest) for number in range(swaps)]
    finally:
        stop.set()
        visitor.join()
        host.stop()
    what = "moved pointer -> served adapter, one visitor analysing"
    return [
        Measurement(f"{what}, p50", quantile(walls, 0.5), "s", None, swaps),
        Measurement(f"{what}, p95", quantile(walls, 0.95), "s", BUDGET_S, swaps),
        Measurement("answers meanwhile", answered[0], "answers"),
    ]


def swap(host: EngineHost, adapters: Path, champion: str | None) -> float:
    """Moves the pointer and waits until it is served; wall seconds."""
    began = time.perf_counter()
    move_champion(adapters, champion)
    while host.engine().info.adapter != champion:
        if time.perf_counter() - began > START_LIMIT_S:
            raise TimeoutError(host.problem or "the adapter was not served in time")
        threading.Event().wait(0.02)
    return time.perf_counter() - began


def write_idle_adapter(adapters: Path) -> str:
    """An adapter of every linear layer of the body that changes nothing; its digest."""
    base = read_compact()
    halves = {}
    for name, value in base.network.state_dict().items():
        if name.startswith("body.") and name.endswith(".weight") and value.ndim == 2:
            layer = PEFT_PREFIX + name.removesuffix(".weight")
            halves[f"{layer}.lora_A.weight"] = np.ones((RANK, value.shape[1]), np.float32)
            halves[f"{layer}.lora_B.weight"] = np.zeros((value.shape[0], RANK), np.float32)
    data = {WEIGHTS: save(halves), CONFIG: json.dumps({"r": RANK, "lora_alpha": RANK}).encode()}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
    digest = files[WEIGHTS][:DIGEST_LENGTH]
    for name, content in data.items():
        write_file(adapters / digest / name, content)
    write_card(adapters / digest, AdapterCard(digest, files, "compact", base.digest, None, None, "", {}))
    return digest


if __name__ == "__main__":
    sys.exit(main())
