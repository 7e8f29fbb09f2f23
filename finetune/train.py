"""Training an adapter: seeded steps, checkpoints from which a run goes on exactly, progress and ETA."""

from __future__ import annotations

import io
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from fakeshield_core.adapters import AdapterCard
from fakeshield_core.checkpoints.compact import Calibration, CompactCheckpoint
from fakeshield_core.domain import JsonValue
from fakeshield_core.training.objective import Batch, losses
from feedback import durable
from finetune.config import TrainConfig
from finetune.diet import Diet
from finetune.lora import Answer, Student, write_adapter

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
EVERY = 10  # steps between two checkpoints and reports
KEEP_WEIGHT = 2.0  # of staying near the base's map on replayed pictures
KEEP_SCORE_WEIGHT = 4.0  # of staying near its score there, on the logit scale
SCORE_WEIGHT = 0.3  # of the image-level score on corrections


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is."""

    step: int
    steps: int
    loss: float
    seconds: float  # spent training, over all processes that worked on the run
    eta_s: float

    def to_json(self) -> dict[str, JsonValue]:
        """For the run record."""
        return {
            "step": self.step,
            "steps": self.steps,
            "loss": round(self.loss, 4),
            "seconds": round(self.seconds, 1),
            "eta_s": round(self.eta_s, 1),
        }

    def line(self) -> str:
        """One line for a person."""
        return f"step {self.step} of {self.steps}, loss {self.loss:.3f}, about {self.eta_s:.0f} s left"


class Trainer:
    """One process of a training; `accelerate launch` starts several."""

    def __init__(self, checkpoint: CompactCheckpoint, diet: Diet, config: TrainConfig, folder: Path) -> None:
        self.config, self.diet, self.folder = config, diet, folder
        self.calibration = checkpoint.calibration
        self.accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision="no")
        self.student = Student(checkpoint, config)
        trained = [p for p in self.student.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.0)
        self.model, self.optimizer = self.accelerator.prepare(self.student, optimizer)
        self.step, self.seconds = 0, 0.0

    def resume(self) -> bool:
        """Goes on from the checkpoint in the folder; False where there is none that can be read."""
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return False
        try:
            state = torch.load(path, map_location=self.accelerator.device, weights_only=True)
        except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
            log.warning("%s cannot be read, and the training begins again: %s", path.name, error)
            return False
        own = dict(self.student.named_parameters())
        with torch.no_grad():
            for name, value in state["trained"].items():
                own[name].copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        log.info("resumed at step %d", self.step)
        return True

    def run(self, report: Callable[[Progress], None]) -> None:
        """Steps to the end; `report` is called beside every checkpoint, and may raise to stop."""
        began, loss = time.monotonic(), 0.0
        while self.step < self.config.steps:
            loss = self._one_step()
            self.step += 1
            if self.step % EVERY == 0 or self.step == self.config.steps:
                self.seconds, began = self.seconds + time.monotonic() - began, time.monotonic()
                self.save()
                left = (self.config.steps - self.step) * self.seconds / self.step
                report(Progress(self.step, self.config.steps, loss, self.seconds, left))

    def save(self) -> None:
        """Writes the checkpoint whole or not at all; the first process only.

        Raises:
            StorageFull: the disk has no room.
            StoreUnavailable: the system refuses.
        """
        if not self.accelerator.is_main_process:
            return
        state = {
            "trained": {n: p.detach() for n, p in self.student.named_parameters() if p.requires_grad},
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "config": asdict(self.config),
        }
        data = io.BytesIO()
        torch.save(state, data)
        durable.replace(self.folder / CHECKPOINT, data.getvalue())

    def summary(self) -> dict[str, JsonValue]:
        """What the card says of the training."""
        return {"steps": self.step, "seconds": round(self.seconds, 1), "torch": str(torch.__version__)}

    def _one_step(self) -> float:
        batch = self.diet.batch(self.step, self.accelerator.process_index).to(self.accelerator.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.config, self.step)
        student, base = self.model(batch, self.diet.replayed)
        loss = objective(student, base, batch, self.calibration)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.detach())


def rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to 2 %."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    done = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    return config.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def objective(student: Answer, base: Answer, batch: Batch, calibration: Calibration) -> Tensor:
    """Truth everywhere, and on replayed pictures the base's own answers, so that what it knew stays.

    Args:
        student: of the whole batch.
        base: of its first rows, the replayed ones.
    """
    replayed = base.label.shape[0]
    parts = losses(student.classes, student.mask_logits, batch)
    truth = batch.label[replayed:].float()
    logit = calibration.bias + calibration.label_weight * student.label[replayed:]
    score = functional.binary_cross_entropy_with_logits(logit, truth)
    kept = functional.binary_cross_entropy_with_logits(
        student.mask_logits[:replayed], torch.sigmoid(base.mask_logits)
    )
    moved = calibration.label_weight * (student.label[:replayed] - base.label)
    return parts.total + SCORE_WEIGHT * score + KEEP_WEIGHT * kept + KEEP_SCORE_WEIGHT * moved.square().mean()


def write_trained(folder: Path, trainer: Trainer, about: Mapping[str, object]) -> AdapterCard:
    """The adapter a finished training has made.

    Args:
        folder: `<data_dir>/adapters`.
        about: fields of AdapterCard but digest and files.
    """
    size = sum(p.numel() for p in trainer.student.parameters() if p.requires_grad)
    training = {**cast("Mapping[str, JsonValue]", about["training"]), **trainer.summary(), "parameters": size}
    return write_adapter(folder, trainer.student, {**about, "training": training})
