"""`train-compact`: photographs in; checkpoint, weights and card out."""

from __future__ import annotations

import argparse
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import start_processes

from fakeshield_core.checkpoints.clicks import ClickCheckpoint, read_clicks
from fakeshield_core.checkpoints.compact import CompactCheckpoint, read_compact
from fakeshield_core.threads import use_threads
from fakeshield_core.training.click_samples import ClickSampler
from fakeshield_core.training.click_task import ClickTask
from fakeshield_core.training.config import LEARNING_RATE, Stage, TrainConfig
from fakeshield_core.training.loop import CHECKPOINT, Task, Trainer
from fakeshield_core.training.objective import ForensicTask
from fakeshield_core.training.photographs import Photograph, read_photographs, split
from fakeshield_core.training.publish import publish, publish_clicks
from fakeshield_core.training.samples import Sampler

log = logging.getLogger(__name__)

PARTS = ("forensic", "clicks")
START: Mapping[str, Callable[[Path], CompactCheckpoint | ClickCheckpoint]] = {
    "forensic": read_compact,
    "clicks": read_clicks,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `train-compact`."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders with a manifest.csv each"
    )
    parser.add_argument(
        "--part", choices=PARTS, default="forensic", help="the network that finds, or the one that is clicked"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and log")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument(
        "--start", type=Path, help="folder of compact weights to begin from, such as the shipped ones"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--half", action="store_true", help="bfloat16 between the stems and the losses; forensic part"
    )
    parser.add_argument("--processes", type=int, default=1, help="CPU processes, one thread each")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument(
        "--fixed", nargs="*", default=(), help="beginnings of names of weights to leave as they are"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--loaders",
        type=int,
        default=0,
        help="processes that make batches beforehand: one per core for a GPU; forensic part",
    )
    parser.add_argument(
        "--doubled-every",
        type=int,
        default=0,
        metavar="N",
        help="every N steps, half as many windows, twice as high; forensic part (default: never)",
    )
    parser.add_argument("--small-steps", type=int, default=1500, help="steps with small windows")
    parser.add_argument("--steps", type=int, default=7000, help="steps in all; the others see large ones")
    parser.add_argument("--batch", type=int, default=6, help="large windows for each process and step")


def run(options: argparse.Namespace) -> int:
    """Trains to the end, then writes weights and card to `compact` below --out; 0 when done."""
    config = TrainConfig(
        stages=_stages(options),
        seed=options.seed,
        learning_rate=options.learning_rate,
        processes=options.processes,
        device=options.device,
        half=options.half,
        start=None if options.start is None else START[options.part](options.start).digest,
        fixed=tuple(options.fixed),
        loaders=options.loaders,
        doubled_every=options.doubled_every,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    photographs = read_photographs(options.data)
    log.info("%d photographs, %d of them tampered", len(photographs), sum(p.is_tampered for p in photographs))
    beginning = Beginning(options.part, options.out, options.resume, options.start)
    _train_in_processes(config, photographs, beginning)
    written = publish if options.part == "forensic" else publish_clicks
    digest = written(options.out / CHECKPOINT, photographs, options.out / "compact")
    log.info("weights %s are in %s", digest[:12], options.out / "compact")
    return 0


def _stages(options: argparse.Namespace) -> tuple[Stage, ...]:
    """The forensic network sees pixels as they are; the click network most of a picture, scaled."""
    first, then = options.small_steps, options.steps
    if options.part == "clicks":
        return Stage(first, 192, 288, options.batch * 2), Stage(then, 320, 480, options.batch)
    return Stage(first, 128, 128, options.batch * 3), Stage(then, 256, 384, options.batch)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run trains, where it writes, and what it begins from: random weights unless told otherwise."""

    part: str  # one of PARTS
    out: Path
    resume: bool
    start: Path | None


def _train_in_processes(config: TrainConfig, photographs: Sequence[Photograph], beginning: Beginning) -> None:
    learnt, _ = split(photographs)
    if config.processes == 1:
        _train(0, config, learnt, beginning)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(probe.getsockname()[1]))
    start_processes(_train, (config, learnt, beginning), nprocs=config.processes, start_method="fork")


def _train(rank: int, config: TrainConfig, learnt: Sequence[Photograph], beginning: Beginning) -> None:
    use_threads(1)  # the processes that make samples for a GPU are copies of this one
    if config.device != "cpu":
        torch.set_float32_matmul_precision("high")
    if config.processes > 1:
        distributed.init_process_group("gloo", rank=rank, world_size=config.processes)
    forensic = beginning.part == "forensic"
    task: Task = ForensicTask(Sampler(learnt)) if forensic else ClickTask(ClickSampler(learnt))
    trainer = Trainer(config, task, beginning.out, rank)
    if beginning.start is not None:
        trainer.begin_from(START[beginning.part](beginning.start).network.state_dict())
    if beginning.resume:
        trainer.resume()
    trainer.run()
    if config.processes > 1:
        distributed.destroy_process_group()
