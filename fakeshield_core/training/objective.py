"""What the compact network is trained for: cross-entropy for the class, BCE and Dice for the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.networks.compact import CompactConfig, CompactNetwork
from fakeshield_core.networks.stem import once_compressed
from fakeshield_core.training.config import TrainConfig
from fakeshield_core.training.loader import Batches
from fakeshield_core.training.samples import Sample, Sampler

DICE_WEIGHT = 0.7
CLASS_WEIGHT = 1.0
MASK_STRIDE = 4  # the network's masks are at 1/4


@dataclass(frozen=True)
class Batch:
    """Samples as tensors."""

    rgb: Tensor  # (B, 3, H, W) uint8 grey levels, channels last
    table: Tensor  # (B, 8, 8)
    once: Tensor  # (B, 1, H/8, W/8) of `once_compressed`
    mask: Tensor  # (B, H/4, W/4) share of tampered pixels in each cell, 0..1
    valid: Tensor  # (B, H/4, W/4) share of pixels inside the picture
    label: Tensor  # (B,) 0 authentic, 1 tampered
    class_counts: Tensor  # (B,) 0 or 1

    def to(self, device: torch.device | str) -> Batch:
        """The same there."""
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in vars(self).items()})


def collated(samples: Sequence[Sample]) -> Batch:
    """One batch of equally large samples."""
    rgb = torch.from_numpy(np.stack([s.rgb for s in samples])).permute(0, 3, 1, 2)
    table = torch.from_numpy(np.stack([s.table for s in samples]))
    return Batch(
        rgb=rgb.contiguous(memory_format=torch.channels_last),
        table=table,
        once=once_compressed(rgb, table),
        mask=_pooled([s.mask for s in samples]),
        valid=_pooled([s.valid for s in samples]),
        label=torch.tensor([int(s.is_tampered) for s in samples]),
        class_counts=torch.tensor([float(s.class_counts) for s in samples]),
    )


def _pooled(masks: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]) -> Tensor:
    return functional.avg_pool2d(torch.from_numpy(np.stack(masks)).float()[:, None], MASK_STRIDE)[:, 0]


@dataclass(frozen=True)
class Losses:
    """Parts of the objective; `total` is what is minimised."""

    pixel: Tensor
    dice: Tensor
    label: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        return self.pixel + DICE_WEIGHT * self.dice + CLASS_WEIGHT * self.label


def losses(classes: Tensor, mask_logits: Tensor, batch: Batch) -> Losses:
    """The objective of one batch.

    Args:
        classes: (B, 2) class logits.
        mask_logits: (B, H/4, W/4).
    """
    weight = batch.valid * (1 + 2 * batch.mask)
    pixel = functional.binary_cross_entropy_with_logits(mask_logits, batch.mask, weight, reduction="sum")
    pixel = pixel / weight.sum().clamp(min=1)
    probability = torch.sigmoid(mask_logits) * batch.valid
    overlap = (probability * batch.mask).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (probability.sum((1, 2)) + batch.mask.sum((1, 2)) + 1)
    forged = batch.label.float()
    dice = (dice * forged).sum() / forged.sum().clamp(min=1)
    label = functional.cross_entropy(classes, batch.label, reduction="none")
    label = (label * batch.class_counts).sum() / batch.class_counts.sum().clamp(min=1)
    return Losses(pixel, dice, label)


class ForensicTask:
    """What `Trainer` asks for: the compact network, and the losses of one step."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self._batches: Batches[Batch] | None = None

    def network(self) -> nn.Module:
        """The network with random weights."""
        return CompactNetwork(CompactConfig())

    def losses(self, network: nn.Module, config: TrainConfig, step: int, rank: int) -> Mapping[str, Tensor]:
        """`total` and its parts: a function of the weights, the seed, the step and the rank alone."""
        if self._batches is None:
            self._batches = Batches(
                lambda at: batch_for(self.sampler, config, at, rank), config.steps, config.loaders
            )
        batch = self._batches.at(step).to(config.device)
        with torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.half):
            classes, mask_logits = network(batch.rgb.float(), batch.table, batch.once)
        parts = losses(classes.float(), mask_logits.float(), batch)
        return {"total": parts.total, "pixel": parts.pixel, "dice": parts.dice, "label": parts.label}


def batch_for(sampler: Sampler, config: TrainConfig, step: int, rank: int) -> Batch:
    """The samples of one step: a function of seed, step and rank alone, so that a run resumes exactly."""
    height, width, count = config.windows(step)
    rng = np.random.default_rng([config.seed, step, rank])
    return collated([sampler.draw(rng, height, width) for _ in range(count)])
