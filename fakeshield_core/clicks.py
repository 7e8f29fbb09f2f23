"""Clicks on masks: what the newest one may change, and where a careful person would click next.

A segmenter's proposal is never taken whole. It is added to, or taken from, the current mask, and only in
the connected area at the newest prompt (merge guard): a click may not undo what was right elsewhere. Pure
functions; arrays in, arrays out, none changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import BoolMask, BoxXyxy, Click, Embedding, Logits, Prompts, Segmenter
from fakeshield_core.errors import InputError, MaskShapeMismatch
from fakeshield_core.masks import EIGHT_NEIGHBOURS, combine
from fakeshield_core.metrics import pixel_iou

LIMIT = 20  # clicks a simulated annotator has: RITM and all who report NoC
TARGET_IOU = 0.90  # where it stops
DROP = 0.02  # of IoU; a click that lowers it by more has done harm
NEAR_FRACTION = 0.02  # of the longer side; a change that misses its click by no more still belongs to it
NEAR_PX = 3  # in small pictures
DEEP = 0.5  # of the largest depth; jittered clicks fall where the error is at least this deep (RITM)
PRIOR_SIDE_PX = 128  # longer side of a prior made from a mask: 1/4 of the compact decoder's 512
PRIOR_LOGIT = 6.0  # of a marked pixel; its negative elsewhere

Step = Callable[[Prompts, BoolMask], BoolMask]


@dataclass(frozen=True, slots=True)
class Change:
    """What one prompt does to the current mask."""

    area: BoolMask  # (H, W), True = to be added or removed
    adds: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """One picture clicked by the simulated annotator."""

    clicks: tuple[Click, ...]  # in the order made
    ious: tuple[float, ...]  # before the first click, then after each; one more than clicks
    mask: BoolMask  # (H, W) after the last click

    def noc(self, target_iou: float, limit: int = LIMIT) -> int:
        """Clicks needed to reach the IoU; `limit` where it was not reached."""
        return noc(self.ious, target_iou, limit)

    @property
    def drops(self) -> tuple[float, ...]:
        """By how much each click lowered IoU; 0 where it did not."""
        return tuple(
            max(before - after, 0.0) for before, after in zip(self.ious, self.ious[1:], strict=False)
        )


def guarded(current: BoolMask, proposal: BoolMask, prompts: Prompts) -> Change:
    """The part of a proposal that the newest prompt may change.

    After a positive click, or with a box alone: what the proposal marks and `current` does not. After a
    negative click: what `current` marks and the proposal does not. Of that, the connected area (8 neighbours)
    holding the click, or the nearest one within 2 % of the longer side; for a box, every area that reaches
    into it.

    Args:
        current: (H, W), the mask as it stands.
        proposal: (H, W), a segmenter's mask for these prompts.
        prompts: newest click last.

    Raises:
        MaskShapeMismatch: the two masks differ in size.
        InputError: there is neither click nor box.
    """
    if current.shape != proposal.shape or current.ndim != 2:
        raise MaskShapeMismatch("The proposal has another size than the mask; open the picture again.")
    if not prompts.clicks and prompts.box_xyxy is None:
        raise InputError("Nothing was pointed at; click on the picture or draw a box.")
    adds = not prompts.clicks or prompts.clicks[-1].positive
    wanted = proposal & ~current if adds else current & ~proposal
    labels, number = _labelled(wanted)
    newest = _at_click(labels, prompts.clicks[-1]) if prompts.clicks else _in_box(labels, prompts.box_xyxy)
    chosen = np.zeros(number + 1, np.bool_)
    chosen[newest] = True
    return Change(chosen[labels], adds)


def applied(current: BoolMask, change: Change) -> BoolMask:
    """A new mask: `current` with the change made.

    Raises:
        MaskShapeMismatch: the two differ in size.
    """
    return combine(current, change.area, change.adds)


def prior_of(mask: BoolMask, long_side_px: int = PRIOR_SIDE_PX) -> Logits:
    """A mask as the prior of a segmenter that reads masks: logits over the whole picture, low resolution.

    Args:
        mask: (H, W), True = tampered.
        long_side_px: of the result; a smaller mask keeps its size.

    Returns:
        (h, w) float32 between -6 and 6, by the share of marked pixels under each.
    """
    height, width = mask.shape
    scale = min(1.0, long_side_px / max(height, width))
    rows = _edges(height, max(1, round(height * scale)))
    columns = _edges(width, max(1, round(width * scale)))
    sums = np.add.reduceat(np.add.reduceat(mask.astype(np.float32), rows[:-1], axis=0), columns[:-1], axis=1)
    share = sums / np.outer(np.diff(rows), np.diff(columns))
    return np.asarray((2 * share - 1) * PRIOR_LOGIT, np.float32)


def next_click(
    pred: BoolMask, truth: BoolMask, rng: np.random.Generator | None = None, taken: Sequence[Click] = ()
) -> Click | None:
    """The click a careful person would make next: deepest inside the largest error.

    The largest error is the one that holds the largest circle. With `rng` the click falls anywhere in it that
    is at least half as deep, as people do not hit the middle.

    Args:
        pred: (H, W), the mask as it stands.
        truth: (H, W), True = tampered.
        rng: None: always the deepest pixel.
        taken: clicks made so far; their pixels are not offered again.

    Returns:
        Positive in a missed area, negative in a false alarm (equal depth: negative); None where nothing is
        left.

    Raises:
        MaskShapeMismatch: the two masks differ in size.

    Source: RITM (Sofiiuk et al. 2021), `isegm/inference/clicker.py`; the jitter is `get_next_points` of its
    training.
    """
    if pred.shape != truth.shape or pred.ndim != 2:
        raise MaskShapeMismatch(
            "The mask has another size than the ground truth; take both from one picture."
        )
    missed, false_alarm = _depths(truth & ~pred, taken), _depths(pred & ~truth, taken)
    positive = bool(missed.max(initial=0) > false_alarm.max(initial=0))
    depth = missed if positive else false_alarm
    if depth.max(initial=0) == 0:
        return None
    y, x = _deep_pixel(depth, rng)
    return Click(x, y, positive)


def noc(ious: Sequence[float], target_iou: float, limit: int = LIMIT) -> int:
    """Number of clicks after which the IoU is reached for the first time.

    Args:
        ious: before the first click, then after each.
        target_iou: 0..1.
        limit: given back where it is not reached within so many clicks.
    """
    reached = (clicks for clicks, iou in enumerate(ious[: limit + 1]) if iou >= target_iou)
    return next(reached, limit)


def simulate(
    segmenter: Segmenter,
    embedding: Embedding,
    truth: BoolMask,
    start: BoolMask,
    limit: int = LIMIT,
    rng: np.random.Generator | None = None,
) -> Simulation:
    """Clicks until IoU 0.90 or `limit` clicks; each proposal goes through the merge guard.

    Args:
        segmenter: asked once a click with all clicks so far and the current mask as prior.
        embedding: of the picture.
        truth: (H, W) of the picture, True = tampered.
        start: (H, W), the mask to begin with: the engine's, or nothing marked.
        rng: of the jitter; None: none.

    Raises:
        MaskShapeMismatch: a mask has another size than the picture.
    """
    return drive(proposing(segmenter, embedding), truth, start, limit, rng)


def proposing(segmenter: Segmenter, embedding: Embedding) -> Step:
    """What a click does in the app: the best candidate, guarded, added to or taken from the current mask."""

    def step(prompts: Prompts, current: BoolMask) -> BoolMask:
        candidates = segmenter.segment(embedding, prompts, prior_of(current))
        return applied(current, guarded(current, candidates.masks[0], prompts))

    return step


def drive(
    step: Step, truth: BoolMask, start: BoolMask, limit: int = LIMIT, rng: np.random.Generator | None = None
) -> Simulation:
    """The simulated annotator with any method: `step(all clicks so far, current mask)` gives the next mask.

    Arguments and errors as in `simulate`.
    """
    current, clicks = start, list[Click]()
    ious = [pixel_iou(current, truth)]
    while len(clicks) < limit and ious[-1] < TARGET_IOU:
        click = next_click(current, truth, rng, clicks)
        if click is None:
            break
        clicks.append(click)
        current = step(Prompts(tuple(clicks)), current)
        ious.append(pixel_iou(current, truth))
    return Simulation(tuple(clicks), tuple(ious), current)


def _labelled(area: BoolMask) -> tuple[npt.NDArray[np.int32], int]:
    labels = np.zeros(area.shape, np.int32)
    return labels, int(ndimage.label(area, structure=EIGHT_NEIGHBOURS, output=labels))


def _at_click(labels: npt.NDArray[np.int32], click: Click) -> list[int]:
    """The label under the click, or the nearest one within reach."""
    height, width = labels.shape
    y, x = min(max(click.y, 0), height - 1), min(max(click.x, 0), width - 1)
    if labels[y, x]:
        return [int(labels[y, x])]
    reach = max(NEAR_PX, round(NEAR_FRACTION * max(height, width)))
    top, left = max(y - reach, 0), max(x - reach, 0)
    window = labels[top : y + reach + 1, left : x + reach + 1]
    rows, columns = np.nonzero(window)
    if not rows.size:
        return []
    distances = (rows + top - y) ** 2 + (columns + left - x) ** 2
    nearest = int(distances.argmin())
    return [int(window[rows[nearest], columns[nearest]])] if distances[nearest] <= reach**2 else []


def _in_box(labels: npt.NDArray[np.int32], box_xyxy: BoxXyxy | None) -> list[int]:
    if box_xyxy is None:
        return []
    x0, y0, x1, y1 = (max(edge, 0) for edge in box_xyxy)
    return [int(label) for label in np.unique(labels[y0:y1, x0:x1]) if label]


def _depths(area: BoolMask, taken: Sequence[Click]) -> npt.NDArray[np.float64]:
    """(H, W) pixels to the border of the area; the picture's edge is a border, taken pixels are 0."""
    depths = np.zeros(area.shape, np.float64)
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    if not rows.size:
        return depths
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    depths[box] = ndimage.distance_transform_edt(np.pad(area[box], 1))[1:-1, 1:-1]
    for click in taken:
        depths[click.y, click.x] = 0
    return depths


def _deep_pixel(depth: npt.NDArray[np.float64], rng: np.random.Generator | None) -> tuple[int, int]:
    deepest = int(depth.argmax())
    y, x = divmod(deepest, depth.shape[1])
    if rng is None:
        return y, x
    deep = depth >= max(DEEP * float(depth[y, x]), 1.0)
    labels, _ = _labelled(deep)
    choices = np.flatnonzero(labels == labels[y, x])
    y, x = divmod(int(rng.choice(choices)), depth.shape[1])
    return y, x


def _edges(length: int, parts: int) -> npt.NDArray[np.int64]:
    return np.round(np.linspace(0, length, parts + 1)).astype(np.int64)
