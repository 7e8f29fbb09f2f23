"""The training loop: accelerate places and synchronises; a killed run goes on where it was."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs  # type: ignore[import-untyped,unused-ignore]
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from fakeshield_core.errors import InputError
from fakeshield_core.fakeshield.recipes import Recipe
from fakeshield_core.fakeshield.training import plan
from fakeshield_core.fakeshield.training.adapter import attach, load_trained, save_adapter, trained_weights
from fakeshield_core.fakeshield.training.tasks import Task
from fakeshield_core.networks.llava import Llava

WEIGHTS, PROGRESS, BEST = "trained.safetensors", "progress.json", "best.json"
CHECKPOINT = "checkpoint"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run adds to its recipe."""

    out: Path
    seed: int = 0
    max_steps: int | None = None  # None: as the recipe's epochs give
    save_every: int = 100  # steps
    resume: bool = False  # from `out/checkpoint`
    gradient_checkpointing: bool = True
    mixed_precision: str = "no"  # "bf16" on GPUs, as published
    cpu: bool = False
    judge: Callable[[], float] | None = (
        None  # called after each pass and at the end; `out/best` has its highest
    )


@dataclass(frozen=True, slots=True)
class StepReport:
    """One optimiser step."""

    step: int  # from 1
    losses: dict[str, float]  # mean over its batches on this process
    rate: float  # learning rate of the adapter


class Objective(nn.Module):
    """The network with its loss as `forward`, which is what distributed training wraps."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = task.network
        self._task = task

    def forward(self, indices: Sequence[int], seed: int) -> dict[str, Tensor]:
        """`Task.losses`."""
        return self._task.losses(indices, seed)


def train(task: Task, recipe: Recipe, options: RunOptions) -> Iterator[StepReport]:
    """Trains, yielding each step; at the end `out/adapter` holds the adapter.

    Raises:
        InputError: there is nothing to train on, or nothing to resume.
    """
    # three of SAM's four mask heads and its quality head never see a gradient
    parallel = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(
        mixed_precision=options.mixed_precision, cpu=options.cpu, kwargs_handlers=[parallel]
    )
    per_epoch = plan.steps_per_epoch(len(task), recipe, accelerator.num_processes)
    total = options.max_steps or per_epoch * recipe.epochs
    attach(task.network, recipe, options.seed)
    if options.gradient_checkpointing:
        _recompute_activations(task.network)
    optimiser = AdamW(_groups(task, recipe), betas=recipe.betas, weight_decay=recipe.weight_decay)
    schedule = LambdaLR(optimiser, lambda step: plan.rate_at(step, total, recipe))
    objective, optimiser = accelerator.prepare(Objective(task), optimiser)
    keeper = Checkpoints(accelerator, task, schedule, options.out)
    first = keeper.load() if options.resume else 0
    objective.train()
    best = keeper.best
    passes = plan.Passes(len(task), task.length, recipe, options.seed)
    for step in range(first, total):
        batches = passes.batches(step, accelerator.process_index, accelerator.num_processes)
        torch.manual_seed(options.seed * 1_000_003 + step)  # of dropout: a resumed run draws the same
        losses = _step(accelerator, objective, optimiser, batches, recipe, options.seed + step)
        yield StepReport(step + 1, losses, float(schedule.get_last_lr()[0]))
        schedule.step()
        if options.judge is not None and ((step + 1) % per_epoch == 0 or step + 1 == total):
            best = _judged(accelerator, task, recipe, options, best)
        if (step + 1) % options.save_every == 0 and step + 1 < total:
            keeper.save(step + 1)
    objective.eval()
    if accelerator.is_main_process:
        save_adapter(task.network, recipe, options.out / "adapter")


def _step(
    accelerator: Accelerator,
    objective: nn.Module,
    optimiser: Any,
    batches: list[list[int]],
    recipe: Recipe,
    seed: int,
) -> dict[str, float]:
    """One optimiser step over accumulated batches."""
    sums: dict[str, float] = {}
    for number, batch in enumerate(batches):
        waits = accelerator.no_sync(objective) if number + 1 < len(batches) else nullcontext()
        with waits, accelerator.autocast():
            losses = objective(batch, seed)
            accelerator.backward(losses["loss"] / len(batches))
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach()) / len(batches)
    accelerator.clip_grad_norm_([p for p in objective.parameters() if p.requires_grad], recipe.clip_norm)
    optimiser.step()
    optimiser.zero_grad()
    return sums


def _judged(accelerator: Accelerator, task: Task, recipe: Recipe, options: RunOptions, best: float) -> float:
    """The higher of the best figure so far and the present one, whose adapter is then kept."""
    figure = options.judge() if options.judge is not None else best
    log.info("validation: %.4f, best so far %.4f", figure, best)
    if figure > best and accelerator.is_main_process:
        save_adapter(task.network, recipe, options.out / "best")
        (options.out / "best" / BEST).write_text(json.dumps({"g_iou": figure}), encoding="utf-8")
    return max(best, figure)


def _groups(task: Task, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by learning rate: the projector has its own where it is trained."""
    own = trained_weights(task.network)
    slow = [weight for name, weight in own.items() if name.startswith("projector.")]
    fast = [weight for name, weight in own.items() if not name.startswith("projector.")]
    groups: list[dict[str, Any]] = [{"params": fast, "lr": recipe.learning_rate}]
    if slow:
        groups.append({"params": slow, "lr": recipe.projector_rate or recipe.learning_rate})
    return groups


def _recompute_activations(network: Llava) -> None:
    """Gradient checkpointing of LLaMA; transformers 5.24 renamed the switch."""
    language: Any = network.language
    switch = getattr(language, "activation_checkpointing_enable", None)
    (switch or language.gradient_checkpointing_enable)({"use_reentrant": False})


class Checkpoints:
    """What is needed to go on after a kill: trained weights and optimiser, never the frozen base."""

    def __init__(self, accelerator: Accelerator, task: Task, schedule: LambdaLR, out: Path) -> None:
        self._accelerator, self._task, self._folder = accelerator, task, out / CHECKPOINT
        self._schedule = schedule
        accelerator.register_for_checkpointing(schedule)
        accelerator.register_save_state_pre_hook(self._save_weights)
        accelerator.register_load_state_pre_hook(self._load_weights)

    @property
    def best(self) -> float:
        """The best figure of an earlier part of this run."""
        path = self._folder.parent / "best" / BEST
        return float(json.loads(path.read_text(encoding="utf-8"))["g_iou"]) if path.is_file() else -1.0

    def save(self, step: int) -> None:
        """Writes beside the last checkpoint, then takes its place: a kill in between leaves a whole one."""
        partial = self._folder.with_name(CHECKPOINT + ".partial")
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            shutil.rmtree(partial, ignore_errors=True)
        self._accelerator.wait_for_everyone()
        self._accelerator.save_state(str(partial))
        if self._accelerator.is_main_process:
            (partial / PROGRESS).write_text(json.dumps({"step": step}), encoding="utf-8")
            old = self._folder.with_name(CHECKPOINT + ".old")
            shutil.rmtree(old, ignore_errors=True)
            if self._folder.exists():
                self._folder.rename(old)
            partial.rename(self._folder)
            shutil.rmtree(old, ignore_errors=True)
        log.info("step %d is saved", step)

    def load(self) -> int:
        """Puts everything back; the number of steps done.

        Raises:
            InputError: there is no checkpoint.
        """
        folder = self._folder if self._folder.is_dir() else self._folder.with_name(CHECKPOINT + ".old")
        path = folder / PROGRESS
        if not path.is_file():
            raise InputError(f"{self._folder.parent} holds no checkpoint to resume; start without --resume.")
        self._accelerator.load_state(str(folder))
        return int(json.loads(path.read_text(encoding="utf-8"))["step"])

    def _save_weights(self, models: list[nn.Module], weights: list[Any], folder: str) -> None:
        if self._accelerator.is_main_process:
            own = {n: p.detach().cpu().contiguous() for n, p in trained_weights(self._task.network).items()}
            save_file(own, Path(folder) / WEIGHTS)
        weights.clear()

    def _load_weights(self, models: list[nn.Module], folder: str) -> None:
        load_trained(self._task.network, load_file(Path(folder) / WEIGHTS))
        models.clear()
