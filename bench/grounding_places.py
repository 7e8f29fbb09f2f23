"""Is an area where the words say? Judged by its pixels; `masks.where_in_picture` chooses words by its box.

A side or corner is right where at least half of the area's pixels lie in the part of the picture it names.
"""

from __future__ import annotations

import numpy as np

from fakeshield_core.domain import BoolMask

HALF = 0.5  # share of an area's pixels
SPANNED = 0.75  # of the picture: least length of what lies across or down it
WHOLE = 0.75  # of the picture's pixels: "almost the whole picture"
THIRD, MIDDLE = 1 / 3, (1 / 4, 3 / 4)


def lies_where(mask: BoolMask, where: str) -> bool:
    """Whether the words hold for one area; words that are not known never do.

    Args:
        mask: (H, W), True inside, at least one pixel.
        where: such as "far left", "above and right of centre", "across the top".
    """
    rows, columns = np.nonzero(mask)
    across, down = (columns + 0.5) / mask.shape[1], (rows + 0.5) / mask.shape[0]
    words = where.split()
    if words[-1] == "picture":
        return bool(mask.mean() >= (WHOLE if "whole" in words else HALF))
    if words[0] in ("across", "down"):
        along, other = (across, down) if words[0] == "across" else (down, across)
        return bool(np.ptp(along) >= SPANNED) and _on_side(other, words[2])
    if "of" in words or words[0] in ("above", "below"):
        return _near_centre(across, words, "left", "right") and _near_centre(down, words, "above", "below")
    first, *rest = words
    if first == "far":
        return _in_outer_third(across, rest[0]) and _mostly(down, *MIDDLE)
    if first == "centre":
        in_the_middle = _mostly(across, *MIDDLE) and _mostly(down, *MIDDLE)
        return in_the_middle and bool(mask.mean() < HALF)  # what fills the picture lies nowhere in it
    if first in ("top", "bottom") and len(rest) == 1:
        beside = _mostly(across, *MIDDLE) if rest[0] == "centre" else _in_outer_third(across, rest[0])
        return _in_outer_third(down, first) and beside
    return False


def _mostly(places: np.ndarray, low: float, high: float) -> bool:
    return bool(((places >= low) & (places <= high)).mean() >= HALF)


def _in_outer_third(places: np.ndarray, side: str) -> bool:
    ends = {"left": (0.0, THIRD), "top": (0.0, THIRD), "right": (1 - THIRD, 1.0), "bottom": (1 - THIRD, 1.0)}
    return side in ends and _mostly(places, *ends[side])


def _on_side(places: np.ndarray, side: str) -> bool:
    """Of a band: in the half it names, or mostly in the middle half."""
    if side == "middle":
        return _mostly(places, *MIDDLE)
    return _mostly(places, 0.0, HALF) if side in ("top", "left") else _mostly(places, HALF, 1.0)


def _near_centre(places: np.ndarray, words: list[str], before: str, after: str) -> bool:
    """On the side that is named, and not in the outermost sixth; where none is named, about the middle."""
    if before in words:
        return _mostly(places, 0.0, HALF) and float(places.mean()) >= THIRD / 2
    if after in words:
        return _mostly(places, HALF, 1.0) and float(places.mean()) <= 1 - THIRD / 2
    return _mostly(places, *MIDDLE)
