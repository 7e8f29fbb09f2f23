"""Areas that occur twice: matched places that agree on one movement, and the pixels that confirm it."""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.evidence.keypoints import Grey, Pairs, matches, working_picture

FEWEST_PAIRS = 4
CLEAR_PAIRS = 12  # fewer agreeing places also occur in repetitive scenes
TRIES = 3  # movements looked for, one after the other
REACH_PX = 3.0  # of the working picture: a pair agrees with a movement within this
SCALES = (0.4, 2.5)  # of a believable copy
WINDOW_PX = 9  # of the correlation
ALIKE = 0.8  # correlation of source and copy
FLAT = 4.0  # variance, squared grey levels; flatter windows say nothing
REMEMBERED = 4  # pictures

Plane32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Copies:
    """One area found twice. Masks and pairs are in pixels of the working picture."""

    pairs: Pairs  # (N, 4) places that agree: x, y in one area and x, y in the other
    first: BoolMask  # (h, w) one area
    second: BoolMask  # (h, w) the other; matching alone cannot tell which of them is the original
    correlation: float  # mean over the first area, 0..1
    magnification: float  # of the second against the first
    turn_degrees: float  # of the second against the first
    scale: float  # working pixels in a picture pixel

    @property
    def clear(self) -> bool:
        """Whether so many places agree that the area counts as copied."""
        return len(self.pairs) >= CLEAR_PAIRS

    @property
    def offset_xy(self) -> tuple[int, int]:
        """How far the second area lies from the first, picture pixels, the median over the pairs."""
        moved = np.median(self.pairs[:, 2:] - self.pairs[:, :2], axis=0) / self.scale
        return round(float(moved[0])), round(float(moved[1]))

    def areas(self, height: int, width: int) -> tuple[BoolMask, BoolMask]:
        """Both areas at picture size, (height, width)."""
        return sized(self.first, height, width), sized(self.second, height, width)


_recent: OrderedDict[bytes, Copies | None] = OrderedDict()  # by the working picture's digest: no pictures
_recent_lock = threading.Lock()


def find_copies(rgb: RgbImage) -> Copies | None:
    """The area of the picture that most clearly occurs twice, None where no four places agree.

    The last few answers are remembered: evidence and engine both ask.

    Args:
        rgb: (H, W, 3), upright.
    """
    grey, scale = working_picture(rgb)
    digest = hashlib.sha256(grey.tobytes() + f"{grey.shape} {scale}".encode()).digest()
    with _recent_lock:
        if digest in _recent:
            return _recent[digest]
    found = _found(grey, scale)
    with _recent_lock:
        _recent[digest] = found
        while len(_recent) > REMEMBERED:
            _recent.popitem(last=False)
    return found


def sized(mask: BoolMask, height: int, width: int) -> BoolMask:
    """The mask at another size, (height, width)."""
    resized = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized > 0)


def _found(grey: Grey, scale: float) -> Copies | None:
    pairs = matches(grey).pairs
    candidates = (_confirmed(grey, scale, matrix, agreeing) for matrix, agreeing in _movements(pairs))
    there = [copies for copies in candidates if copies is not None]
    return max(there, key=lambda copies: len(copies.pairs) * copies.first.mean(), default=None)


def _movements(pairs: Pairs) -> Iterator[tuple[npt.NDArray[np.float64], Pairs]]:
    """Similarities that many pairs agree on, the most agreed first, each with its pairs."""
    rest = np.concatenate([pairs, pairs[:, [2, 3, 0, 1]]])
    for _ in range(TRIES):
        if len(rest) < FEWEST_PAIRS:
            return
        cv2.setRNGSeed(0)  # the same picture gives the same answer
        matrix, inside = cv2.estimateAffinePartial2D(
            np.ascontiguousarray(rest[:, :2]),
            np.ascontiguousarray(rest[:, 2:]),
            method=cv2.RANSAC,
            ransacReprojThreshold=REACH_PX,
            maxIters=2000,
            confidence=0.999,
        )
        if matrix is None or int(inside.sum()) < FEWEST_PAIRS:
            return
        agreeing = rest[inside.ravel() > 0]
        yield np.asarray(matrix, np.float64), agreeing
        used = {row.tobytes() for row in agreeing} | {row[[2, 3, 0, 1]].tobytes() for row in agreeing}
        rest = np.array([row for row in rest if row.tobytes() not in used], np.float32).reshape(-1, 4)


def _confirmed(grey: Grey, scale: float, matrix: npt.NDArray[np.float64], pairs: Pairs) -> Copies | None:
    """The movement with the areas whose pixels agree; None where they do not."""
    magnification = math.hypot(matrix[0, 0], matrix[1, 0])
    if not SCALES[0] < magnification < SCALES[1]:
        return None
    likeness = _correlation(grey, matrix)
    first = _holding(np.asarray(likeness > ALIKE), pairs[:, :2])
    if not first.any():
        return None
    size = grey.shape[1], grey.shape[0]
    second = cv2.warpAffine(first.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return Copies(
        pairs=pairs,
        first=first,
        second=np.asarray(second),
        correlation=float(likeness[first].mean()),
        magnification=magnification,
        turn_degrees=math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
        scale=scale,
    )


def _correlation(grey: Grey, matrix: npt.NDArray[np.float64]) -> Plane32:
    """(h, w) correlation of each window with where the movement takes it, 0 where either is flat."""
    here = grey.astype(np.float32)
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = grey.shape[1], grey.shape[0]
    there = cv2.warpAffine(here, matrix, size, flags=back)
    known = cv2.warpAffine(np.ones_like(here), matrix, size, flags=back) > 0.99
    mean_here, mean_there = _mean(here), _mean(there)
    spread_here = _mean(here * here) - mean_here**2
    spread_there = _mean(there * there) - mean_there**2
    together = _mean(here * there) - mean_here * mean_there
    likeness = together / np.sqrt(np.maximum(spread_here, 1.0) * np.maximum(spread_there, 1.0))
    likeness[(spread_here < FLAT) | (spread_there < FLAT) | ~known] = 0.0
    return np.asarray(np.clip(likeness, 0.0, 1.0), np.float32)


def _mean(plane: Plane32) -> Plane32:
    return np.asarray(cv2.boxFilter(plane, -1, (WINDOW_PX, WINDOW_PX)), np.float32)


def _holding(alike: BoolMask, places_xy: npt.NDArray[np.float32]) -> BoolMask:
    """The connected parts, without specks and holes, that hold a matched place."""
    opened = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((11, 11), np.uint8))
    labels = cv2.connectedComponents(closed)[1]
    columns = np.clip(np.rint(places_xy[:, 0]).astype(int), 0, labels.shape[1] - 1)
    rows = np.clip(np.rint(places_xy[:, 1]).astype(int), 0, labels.shape[0] - 1)
    held = np.unique(labels[rows, columns])
    return np.asarray(np.isin(labels, held[held > 0]))
