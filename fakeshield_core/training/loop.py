"""The training loop: seeded steps, averaged weights, checkpoints from which a run goes on exactly."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from fakeshield_core.networks.compact import CompactConfig, CompactNetwork
from fakeshield_core.training.objective import Batch, collated, losses
from fakeshield_core.training.samples import Sampler

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
AVERAGE_DECAY = 0.998  # of the averaged weights, each step


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the run with one window size."""

    until: int  # step at which it ends
    height: int
    width: int
    batch: int  # samples each process draws for a step


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a run learns; saved in the checkpoint."""

    stages: tuple[Stage, ...]
    seed: int = 0
    learning_rate: float = 8e-4
    weight_decay: float = 0.05
    warm_up: int = 200  # steps
    processes: int = 1
    device: str = "cpu"

    @property
    def steps(self) -> int:
        """Length of the whole run."""
        return self.stages[-1].until

    def stage(self, step: int) -> Stage:
        """The stage a step belongs to."""
        return next(s for s in self.stages if step < s.until)

    def rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to 2 %."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def batch_for(sampler: Sampler, config: TrainConfig, step: int, rank: int) -> Batch:
    """The samples of one step: a function of seed, step and rank alone, so that a run resumes exactly."""
    stage = config.stage(step)
    rng = np.random.default_rng([config.seed, step, rank])
    return collated([sampler.draw(rng, stage.height, stage.width) for _ in range(stage.batch)])


class Trainer:
    """One process of a run; with several, gradients are averaged after each step."""

    def __init__(self, config: TrainConfig, sampler: Sampler, out: Path, rank: int = 0) -> None:
        torch.manual_seed(config.seed)
        self.config, self.sampler, self.out, self.rank = config, sampler, out, rank
        self.network = CompactNetwork(CompactConfig()).to(config.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own gap
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.step = 0

    def begin_from(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over trained weights; optimiser and step start anew."""
        self.network.load_state_dict(dict(weights))
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def resume(self) -> None:
        """Goes on from the last checkpoint of the folder, if there is one."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.config.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step = int(state["step"])
        log.info("resumed at step %d", self.step)

    def run(self, every: int = 100) -> None:
        """Steps to the end of the configuration, with a checkpoint and a log line every so many steps."""
        seen: list[tuple[float, ...]] = []
        began = time.perf_counter()
        while self.step < self.config.steps:
            seen.append(self._one_step())
            self.step += 1
            if self.step % every == 0 or self.step == self.config.steps:
                self._report(seen, time.perf_counter() - began)
                seen, began = [], time.perf_counter()
                self.save()

    def _one_step(self) -> tuple[float, ...]:
        self.network.train()
        batch = _moved(batch_for(self.sampler, self.config, self.step, self.rank), self.config.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.step)
        classes, mask_logits = self.network(batch.rgb, batch.table)
        parts = losses(classes, mask_logits, batch)
        self.optimizer.zero_grad()
        parts.total.backward()
        if self.config.processes > 1:
            _average_gradients(list(self.network.parameters()), self.config.processes)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        decay = min(AVERAGE_DECAY, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value.detach(), 1 - decay)
        return parts.pixel.item(), parts.dice.item(), parts.label.item()

    def _report(self, seen: Sequence[tuple[float, ...]], seconds: float) -> None:
        pixel, dice, label = (round(float(v), 4) for v in np.mean(seen, axis=0))
        line = {"step": self.step, "pixel": pixel, "dice": dice, "label": label, "seconds": round(seconds, 1)}
        log.info("%s", line)
        if self.rank == 0:
            with (self.out / LOG).open("a") as file:
                file.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Writes the checkpoint whole or not at all; rank 0 only."""
        if self.rank:
            return
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
            "config": asdict(self.config),
        }
        temporary = self.out / (CHECKPOINT + ".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.out / CHECKPOINT)


def _moved(batch: Batch, device: str) -> Batch:
    return Batch(**{name: value.to(device) for name, value in vars(batch).items()})


def _average_gradients(parameters: Sequence[Tensor], processes: int) -> None:
    flat = torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in parameters])
    distributed.all_reduce(flat)
    flat /= processes
    start = 0
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.copy_(flat[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()
