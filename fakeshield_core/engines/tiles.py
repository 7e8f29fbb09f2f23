"""Large pictures in pieces: the fewest even tiles that cover, and one map from theirs without seams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fakeshield_core.domain import Logits, Plane

TILE = 512  # pixels; the longest side the network sees at once
GRID = 16  # pixels; tiles start on the JPEG grid (8), and on whole cells of the coarsest features
MOST_TILES = 16
RAMP = 4  # map cells on each side of a seam over which two neighbours mix


@dataclass(frozen=True, slots=True)
class Tile:
    """A window of the padded picture, in pixels, all multiples of 16."""

    top: int
    left: int
    height: int
    width: int


def padded_side(length: int) -> int:
    """The next multiple of 16 pixels."""
    return math.ceil(length / 16) * 16


def spread(length: int) -> tuple[tuple[int, ...], int]:
    """Starts and common size of the fewest tiles of at most 512 px covering a padded side, evenly spread.

    Args:
        length: padded side in pixels, a multiple of 16.
    """
    count = math.ceil(length / TILE)
    size = min(TILE, math.ceil(length / count / 16) * 16)
    starts = [round(k * (length - size) / max(1, count - 1) / GRID) * GRID for k in range(count)]
    return tuple(starts), size


def tiles_for(height: int, width: int) -> tuple[Tile, ...]:
    """Tiles covering a picture of that size, row by row."""
    tops, tall = spread(padded_side(height))
    lefts, wide = spread(padded_side(width))
    return tuple(Tile(top, left, tall, wide) for top in tops for left in lefts)


def analysed_size(height: int, width: int) -> tuple[int, int]:
    """The size a picture is analysed at: its own, or the largest of its shape that 16 tiles cover."""
    if tile_count(height, width) <= MOST_TILES:
        return height, width
    scale = math.sqrt(MOST_TILES * TILE * TILE / (height * width))
    while True:
        size = max(16, math.floor(height * scale)), max(16, math.floor(width * scale))
        if tile_count(*size) <= MOST_TILES:
            return size
        scale *= 0.99


def tile_count(height: int, width: int) -> int:
    """How many tiles cover a picture of that size."""
    return math.ceil(padded_side(height) / TILE) * math.ceil(padded_side(width) / TILE)


def blended(pieces: Sequence[tuple[Tile, Logits]], height: int, width: int, stride: int) -> Logits:
    """One map of the padded picture from the maps of its tiles.

    Each map is carried on a little beyond its tile; towards that edge its weight falls linearly, so that
    neighbours mix over a strip even where tiles only touch.

    Args:
        pieces: tiles and their (tile.height / stride, tile.width / stride) logits.
        height: padded picture height in pixels; width likewise.
        stride: pixels in a map cell.
    """
    rows, columns = height // stride, width // stride
    total = np.zeros((rows + 2 * RAMP, columns + 2 * RAMP), np.float32)
    weight = np.zeros_like(total)
    for tile, logits in pieces:
        top, left = tile.top // stride, tile.left // stride
        wider = np.pad(logits, RAMP, mode="edge")
        ramp = np.outer(
            _ramp(wider.shape[0], top > 0, top + logits.shape[0] < rows),
            _ramp(wider.shape[1], left > 0, left + logits.shape[1] < columns),
        )
        window = np.s_[top : top + wider.shape[0], left : left + wider.shape[1]]
        total[window] += wider * ramp
        weight[window] += ramp
    inner = np.s_[RAMP:-RAMP, RAMP:-RAMP]
    mixed: Logits = total[inner] / weight[inner]
    return mixed


def _ramp(length: int, falls_before: bool, falls_after: bool) -> Plane:
    """Weights along one side of a widened tile: 1 inside, falling to near 0 towards a neighbour."""
    weights = np.ones(length, np.float32)
    slope = (np.arange(2 * RAMP, dtype=np.float32) + 0.5) / (2 * RAMP)
    if falls_before:
        weights[: 2 * RAMP] = slope
    if falls_after:
        weights[-2 * RAMP :] = slope[::-1]
    return weights
