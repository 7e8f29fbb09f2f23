"""Everything that decides what a training run learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEARNING_RATE = 8e-4  # of AdamW, at its highest


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
    learning_rate: float = LEARNING_RATE
    weight_decay: float = 0.05
    warm_up: int = 200  # steps
    processes: int = 1
    device: str = "cpu"
    fixed: tuple[str, ...] = ()  # beginnings of the names of weights that are not trained
    loaders: int = 0  # processes that make batches beforehand
    start: str | None = None  # digest of the weights it begins from; None: random ones
    half: bool = False  # bfloat16 between the stems and the losses
    doubled_every: int = 0  # every so many steps, half as many windows, twice as high; 0: never

    @property
    def steps(self) -> int:
        """Length of the whole run."""
        return self.stages[-1].until

    def stage(self, step: int) -> Stage:
        """The stage a step belongs to."""
        return next(s for s in self.stages if step < s.until)

    def windows(self, step: int) -> tuple[int, int, int]:
        """Height, width and number of the windows of one process at a step."""
        stage = self.stage(step)
        if self.doubled_every and step % self.doubled_every == self.doubled_every - 1:
            return 2 * stage.height, stage.width, max(1, stage.batch // 2)
        return stage.height, stage.width, stage.batch

    def rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to 2 %."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
