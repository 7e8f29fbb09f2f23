"""What the two parts learn from: cross entropy of the answers, BCE and Dice of the masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fakeshield_core.fakeshield.labels import LabelledText
from fakeshield_core.fakeshield.pixels import sam_size
from fakeshield_core.fakeshield.tokenizer import IMAGE_ID
from fakeshield_core.networks.llava import IGNORED, Llava, expand_labels
from fakeshield_core.networks.mflm import Mflm, place_states, seg_places

DICE_SCALE, DICE_EPSILON, COUNT_EPSILON = 1000.0, 1e-6, 1e-8  # GLaMM `GLaMM.py`


@dataclass(frozen=True, slots=True)
class MaskWeights:
    """Weights of the terms; the defaults are published."""

    ce: float = 1.0
    bce: float = 2.0
    dice: float = 0.5


@dataclass(frozen=True, slots=True)
class MaskSample:
    """One training sample of the MFLM, its pictures already through the frozen encoders."""

    text: LabelledText
    features: Tensor  # (1, rows, vision width)
    embedding: Tensor  # (1, C, 64, 64), SAM's
    gt_masks: Tensor  # (n, H, W) float, 0 or 1, one for each [SEG] of the answer


@dataclass(frozen=True, slots=True)
class MaskLosses:
    """Scalars, each already weighted."""

    total: Tensor
    ce: Tensor
    bce: Tensor
    dice: Tensor


def answer_states(
    network: Llava, texts: Sequence[LabelledText], features: Sequence[Tensor], limit: int | None = None
) -> tuple[Tensor, Tensor]:
    """Last hidden states (B, L, width) of a right-padded batch, and its labels (B, L) with the rows as -100.

    Args:
        network: the part that is trained.
        texts: ids and labels.
        features: (1, rows, vision width) for each text.
        limit: positions beyond are cut off.
    """
    embedded, labels = [], []
    for text, feature in zip(texts, features, strict=True):
        one = network.embed(text.ids, network.image_rows(feature)[0], IMAGE_ID, limit)[0]
        embedded.append(one)
        labels.append(expand_labels(text.labels, text.ids, IMAGE_ID, network.rows_of_picture)[: len(one)])
    longest = max(len(one) for one in embedded)
    batch = torch.stack([functional.pad(one, (0, 0, 0, longest - len(one))) for one in embedded])
    lengths = torch.tensor([len(one) for one in embedded], device=batch.device)
    attention = torch.arange(longest, device=batch.device)[None] < lengths[:, None]
    rows = [[*row, *([IGNORED] * (longest - len(row)))] for row in labels]
    return network.states(batch, attention.long()), torch.tensor(rows, device=batch.device)


def cross_entropy(network: Llava, states: Tensor, labels: Tensor) -> Tensor:
    """Mean over all learnt tokens of the batch; 0 where there is none.

    Only the states that predict a learnt token go through the head: 32,000 logits for each of some 1,500
    positions would be most of the memory of a step.
    """
    wanted = labels[:, 1:]
    learnt = wanted != IGNORED
    if not bool(learnt.any()):
        return states.sum() * 0.0
    logits = network.language.lm_head(states[:, :-1][learnt]).float()
    return functional.cross_entropy(logits, wanted[learnt])


def detection_loss(
    network: Llava, texts: Sequence[LabelledText], features: Sequence[Tensor], limit: int | None = None
) -> Tensor:
    """The loss of a DTE-FDM batch; arguments as in `answer_states`."""
    return cross_entropy(network, *answer_states(network, texts, features, limit))


def localisation_losses(
    network: Mflm, samples: Sequence[MaskSample], seg_id: int, weights: MaskWeights | None = None
) -> MaskLosses:
    """The losses of an MFLM batch, [SEG] teacher-forced; every mask of the batch counts the same."""
    chosen = weights or MaskWeights()
    states, labels = answer_states(network, [s.text for s in samples], [s.features for s in samples])
    ce = cross_entropy(network, states, labels) * chosen.ce
    bce, dice, count = states.sum() * 0.0, states.sum() * 0.0, 0
    for sample, one in zip(samples, states, strict=True):
        logits = sample_logits(network, sample, one, seg_id)
        gt = sample.gt_masks[: len(logits)].to(logits)
        bce = bce + mask_bce(logits, gt).sum()
        dice = dice + mask_dice(logits, gt).sum()
        count += len(logits)
    bce = chosen.bce * bce / (count + COUNT_EPSILON)
    dice = chosen.dice * dice / (count + COUNT_EPSILON)
    return MaskLosses(ce + bce + dice, ce, bce, dice)


def mask_bce(logits: Tensor, gt_masks: Tensor) -> Tensor:
    """(n): mean over the pixels of each mask."""
    return functional.binary_cross_entropy_with_logits(logits, gt_masks, reduction="none").flatten(1).mean(1)


def mask_dice(logits: Tensor, gt_masks: Tensor) -> Tensor:
    """(n): Dice loss of each mask, sums scaled by 1/1000 as published."""
    share, truth = logits.sigmoid().flatten(1), gt_masks.flatten(1)
    both = 2 * (share / DICE_SCALE * truth).sum(-1)
    each = (share / DICE_SCALE).sum(-1) + (truth / DICE_SCALE).sum(-1)
    return 1 - (both + DICE_EPSILON) / (each + DICE_EPSILON)


def sample_logits(network: Mflm, sample: MaskSample, states: Tensor, seg_id: int) -> Tensor:
    """(n, H, W) float32 at the size of the ground truth; no more masks than there are ground truths.

    Args:
        network: the MFLM.
        sample: with the ids in which [SEG] is looked for.
        states: (L, width) of its text.
        seg_id: id of [SEG].
    """
    height, width = (int(side) for side in sample.gt_masks.shape[-2:])
    places = seg_places(list(sample.text.ids), seg_id, network.rows_of_picture)
    usable = [place for place in places if place < len(states)][-len(sample.gt_masks) :]
    if not usable or not len(sample.gt_masks):
        return states.new_zeros((0, height, width), dtype=torch.float32)
    low = network.low_resolution(place_states(states, usable), sample.embedding)
    return network.sam.full_size(low, sam_size(height, width), (height, width))
