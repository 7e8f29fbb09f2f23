"""Does an area occur a second time in its picture: what the copies say, and a search for the area itself."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.evidence.copies import Copies, sized

Grey32 = npt.NDArray[np.float32]

SEARCH_SIDE = 192  # pixels, the long side of the picture the area is sought in
SMOOTH_PX = 9  # window of the mean that is taken off before the search
SCALED = 0.03  # a magnification so far from 1 is one
TURNED_DEGREES = 2.0
COPY_NAMES = ("pairs", "covered", "filled", "beside", "moved", "found", "mirrored", "near")


def copy_features(rgb: RgbImage, mask: BoolMask, copies: Copies | None) -> list[float]:
    """What COPY_NAMES names.

    Returns:
        pairs: logarithm of 1 + the agreeing pairs, 0 where the copies do not meet the area.
        covered: share of the area that one of the two copied areas covers, 0..1.
        filled: share of that copied area that lies in the area, 0..1.
        beside: 1 where source and copy lie less than twice the area's size apart, weighted with `covered`.
        moved: 1 where the copy was only moved, neither turned nor scaled, weighted likewise.
        found: best correlation of the area with another place of the picture, -1..1.
        mirrored: the same with the area mirrored.
        near: how far that other place is away, logarithm of sizes of the area.
    """
    return [*_met(mask, copies), *_sought(rgb, mask)]


def _met(mask: BoolMask, copies: Copies | None) -> list[float]:
    if copies is None:
        return [0.0] * 5
    small = sized(mask, *copies.first.shape)
    area = max(1, int(np.count_nonzero(small)))
    best = max((copies.first, copies.second), key=lambda copied: int(np.count_nonzero(small & copied)))
    shared = int(np.count_nonzero(small & best))
    if not shared:
        return [0.0] * 5
    covered, filled = shared / area, shared / int(np.count_nonzero(best))
    apart = float(np.hypot(*copies.offset_xy)) * copies.scale / np.sqrt(area)
    straight = abs(copies.magnification - 1) <= SCALED and abs(copies.turn_degrees) <= TURNED_DEGREES
    pairs = float(np.log1p(len(copies.pairs)))
    return [pairs, covered, filled, covered * (apart < 2), covered * straight]


def _sought(rgb: RgbImage, mask: BoolMask) -> list[float]:
    """The area's texture looked for elsewhere, as it is and mirrored, in a small copy of the picture."""
    factor = min(1.0, SEARCH_SIDE / max(mask.shape))
    size = max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor))
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    grey = small.astype(np.float32)
    texture = grey - cv2.blur(grey, (SMOOTH_PX, SMOOTH_PX))
    marked = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if rows.size < 5 or columns.size < 5:
        return [0.0, 0.0, 0.0]
    top, left = int(rows[0]), int(columns[0])
    part = np.s_[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    shape = marked[part].astype(np.float32)
    spread = float(texture[part][shape > 0].std())
    if spread < 0.5:  # a flat area is like any other flat one
        return [0.0, 0.0, 0.0]
    tall, wide = shape.shape
    answers = []
    for flip in (1, -1):
        piece, weight = (np.ascontiguousarray(plane[:, ::flip]) for plane in (texture[part], shape))
        likeness = _likeness(texture, piece, weight)
        # places that overlap the area by much are the area itself
        likeness[
            max(0, top - tall // 2) : top + tall // 2 + 1, max(0, left - wide // 2) : left + wide // 2 + 1
        ] = -1
        y, x = np.unravel_index(int(likeness.argmax()), likeness.shape)
        answers.append((float(likeness[y, x]), float(np.hypot((y - top) / tall, (x - left) / wide))))
    (plain, away), (mirrored, _) = answers
    return [plain, mirrored, plain * float(np.log1p(away))]


def _likeness(texture: Grey32, piece: Grey32, weight: Grey32) -> Grey32:
    """Correlation of the weighted piece with every place it fits, -1..1; flat places 0.

    The means are about 0 after the smooth part was taken off, so they are not taken off again.
    """
    product = cv2.matchTemplate(texture, piece * weight, cv2.TM_CCORR)
    energy = cv2.matchTemplate(texture * texture, weight, cv2.TM_CCORR)
    own = float((piece * piece * weight).sum())
    floor = 0.25 * float(weight.sum())
    return np.asarray(np.clip(product / np.sqrt(np.maximum(energy, floor) * own), -1, 1), np.float32)
