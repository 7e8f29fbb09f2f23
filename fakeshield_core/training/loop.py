"""The training loop: seeded steps, averaged weights, checkpoints from which a run goes on exactly."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, distributed, nn

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.training.config import TrainConfig

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
WRONG_START = "The weights to start from are of another network; give a folder that `train-compact` wrote."
AVERAGE_DECAY = 0.998  # of the averaged weights, each step


class Task(Protocol):
    """What is trained: a network, and what one step costs."""

    def network(self) -> nn.Module:
        """The network with random weights."""
        ...

    def losses(self, network: nn.Module, config: TrainConfig, step: int, rank: int) -> Mapping[str, Tensor]:
        """`total`, which is minimised, and its parts: a function of weights, seed, step and rank alone."""
        ...


class Trainer:
    """One process of a run; with several, gradients are averaged after each step."""

    def __init__(self, config: TrainConfig, task: Task, out: Path, rank: int = 0) -> None:
        torch.manual_seed(config.seed)
        self.config, self.task, self.out, self.rank = config, task, out, rank
        self.network = task.network().to(config.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own gap
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(not name.startswith(config.fixed))
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
        """Takes over trained weights; optimiser and step start anew.

        Raises:
            EngineUnavailable: they are of another network.
        """
        try:
            self.network.load_state_dict(dict(weights))
        except RuntimeError as error:
            raise EngineUnavailable(WRONG_START) from error
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
        seen: list[dict[str, float]] = []
        began = time.perf_counter()
        while self.step < self.config.steps:
            seen.append(self._one_step())
            self.step += 1
            if self.step % every == 0 or self.step == self.config.steps:
                self._report(seen, time.perf_counter() - began)
                seen, began = [], time.perf_counter()
                self.save()

    def _one_step(self) -> dict[str, float]:
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.step)
        parts = self.task.losses(self.network, self.config, self.step, self.rank)
        self.optimizer.zero_grad()
        parts["total"].backward()
        if self.config.processes > 1:
            _average_gradients(list(self.network.parameters()), self.config.processes)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        decay = min(AVERAGE_DECAY, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value.detach(), 1 - decay)
        return {name: part.item() for name, part in parts.items() if name != "total"}

    def _report(self, seen: Sequence[Mapping[str, float]], seconds: float) -> None:
        means = {name: round(float(np.mean([step[name] for step in seen])), 4) for name in seen[0]}
        line = {"step": self.step, **means, "seconds": round(seconds, 1)}
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


def _average_gradients(parameters: Sequence[Tensor], processes: int) -> None:
    flat = torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in parameters])
    distributed.all_reduce(flat)
    flat /= processes
    start = 0
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.copy_(flat[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()
