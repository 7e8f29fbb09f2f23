"""The published validation of the MFLM: gIoU and cIoU with the answer given: only masks are judged."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from fakeshield_core.fakeshield.losses import MaskSample, answer_states, sample_logits
from fakeshield_core.fakeshield.mask_metrics import Overlap, c_iou, g_iou, overlap
from fakeshield_core.fakeshield.training.tasks import MaskTask


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures over a validation set; the first chooses the adapter that is kept."""

    g_iou: float
    c_iou: float


def validate(task: MaskTask, seed: int = 0) -> Validation:
    """Judges every example of a task; questions and answers are drawn from the seed, the same each time.

    Raises:
        ValueError: the task has no examples.
    """
    was_training = task.network.training
    task.network.eval()
    try:
        found = [_overlap(task, task.sample(n, random.Random(f"{seed}:{n}"))) for n in range(len(task))]
    finally:
        task.network.train(was_training)
    return Validation(g_iou(found), c_iou(found))


@torch.no_grad()
def _overlap(task: MaskTask, sample: MaskSample) -> Overlap:
    states, _ = answer_states(task.network, [sample.text], [sample.features])
    logits = sample_logits(task.stage.network, sample, states[0], task.stage.seg_id)
    pred = (logits > 0).any(dim=0).cpu().numpy()
    return overlap(pred, (sample.gt_masks > 0).any(dim=0).cpu().numpy())
