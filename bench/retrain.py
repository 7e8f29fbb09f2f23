"""How fast a retraining is, part by part: `python -m bench.retrain --json FILE`.

Corrections are procedural forgeries of the free scene groups; the store is not part of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.measurement import Measurement
from bench.report import report
from fakeshield_core.checkpoints.compact import read_compact
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.synthesis.forgeries import forge
from fakeshield_core.synthesis.scenes import scene
from fakeshield_core.threads import use_threads
from fakeshield_core.training.samples import NO_TABLE
from finetune.base import FREE, frozen_examples, replay_sampler
from finetune.config import TrainConfig
from finetune.dataset import Example
from finetune.diet import Diet
from finetune.evaluate import measure
from finetune.train import Trainer

T = TypeVar("T")
CORRECTIONS = 40
STEPS = 20
SIDES = (128, 192)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints a table, and writes the result where asked; 0 when done."""
    parser = argparse.ArgumentParser(prog="python -m bench.retrain", description="Speed of retraining.")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    use_threads(args.threads)
    return report(
        lambda: [one for side in SIDES for one in measure_side(side)], args.json, threads=args.threads
    )


def measure_side(side: int) -> list[Measurement]:
    """Seconds of each part of a run with windows and frozen pictures of that side."""
    base, config = read_compact(), TrainConfig(steps=STEPS, window=side)
    what = f"{side} x {side}: "
    with tempfile.TemporaryDirectory() as folder:
        frozen, frozen_s, frozen_cpu_s = timed(lambda: frozen_examples(Path(folder), side))
        replay, replay_s, _ = timed(replay_sampler)
        trainer = Trainer(base, Diet(corrections(side), replay, config), config, Path(folder))
        _, train_s, train_cpu_s = timed(lambda: trainer.run(lambda _: None))
        some = frozen[:: len(frozen) // 50]
        _, read_s, read_cpu_s = timed(lambda: measure(CompactEngine(base), some, None, lambda: None))
    step = f"{what}training step of {config.batch} windows"
    return [
        Measurement(f"{what}frozen sets made, {len(frozen)} pictures", frozen_s, "s"),
        Measurement(f"{what}frozen sets made, {len(frozen)} pictures", frozen_cpu_s, "CPU-s"),
        Measurement(f"{what}replayed scenes made", replay_s, "s"),
        Measurement(step, train_s / STEPS, "s", n=STEPS),
        Measurement(step, train_cpu_s / STEPS, "CPU-s", n=STEPS),
        Measurement(f"{what}{TrainConfig().steps} steps", train_cpu_s / STEPS * TrainConfig().steps, "CPU-s"),
        Measurement(f"{what}measuring a frozen picture", read_s / len(some), "s", n=len(some)),
        Measurement(f"{what}measuring a frozen picture", read_cpu_s / len(some), "CPU-s", n=len(some)),
    ]


def corrections(side: int) -> list[Example]:
    """Spliced scenes with their masks."""
    made = []
    for group in FREE[:CORRECTIONS]:
        host, donor = scene(group, side, side), scene(FREE[-1] - group + FREE[0], side, side)
        forged = forge(host.rgb, donor.rgb, "splice", np.random.default_rng([1, group]))
        made.append(Example(str(group), str(group), "bench", forged.rgb, NO_TABLE, forged.mask))
    return made


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What the work gives, its wall seconds and CPU-seconds."""
    began, cpu_began = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - began, time.process_time() - cpu_began


if __name__ == "__main__":
    sys.exit(main())
