"""JPEG ghosts: is there an area that an older compression at another quality left its mark on?

A part that was once saved at some quality changes least when it is saved at that quality again. The picture
is quantised at a series of qualities; where one of them changes a block less than its neighbours in the
series let expect, and the rest of the picture does not do so, there is a ghost.

Source: H. Farid, "Exposing digital forgeries from JPEG ghosts", IEEE TIFS 4 (2009). Here the quantisation is
done on the coefficients of the stored grid, without writing a file, and a block is held against the
neighbouring qualities instead of its own extremes, so that texture plays little part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fakeshield_core.domain import EvidenceItem, JsonValue, Layer, Plane
from fakeshield_core.evidence.blocks import BLOCK_PX
from fakeshield_core.evidence.contrast import BEYOND, MIN_OUTSIDE, GridMask
from fakeshield_core.evidence.level_test import NOT_MEASURED
from fakeshield_core.evidence.region_rows import SAME, Measured, RegionRow, told
from fakeshield_core.evidence.stored_blocks import Marked, StoredBlocks
from fakeshield_core.evidence.windows import Rest, Stack, smoothed
from fakeshield_core.jpeg import STANDARD_LUMA, coefficients, standard_table, zigzag

NAME, TITLE = "ghosts", "Compression ghost"
QUALITIES = tuple(range(30, 100, 5))  # libjpeg scale; dips can be told at all but the first and last
# Of 9, 20 and 40 frequencies, 20 served CASIA v1.0, MISD and IMD2020 best together (42 forgeries of the
# training pool, 2026-11-25); a residual floor of 0.5 was better than 0.1.
FREQUENCIES = tuple(zigzag()[1:21])
FLOOR = 0.5  # squared grey levels, added to the residual: rounding of pixels leaves about 0.1
LEAST_TEXTURE = 4.0  # squared grey levels; a smoother block leaves nothing to quantise
WINDOW_BLOCKS = 3  # side of the squares whose residuals are averaged
SHOWN_BLOCKS = 5  # the same of the layer
SPREAD_FLOOR = 0.02  # logarithms
ROBUST_FLOOR = 0.05  # logarithms, added to the median deviation
LEAST_EFFECT = 2.6  # spreads, of a claim; between 2.2 and 2.6 untouched regions are as frequent as forged
LEAST_PERCENT = 8  # of a difference that is worth a claim
TEXTURE_FLOOR, REACH = 0.1, 3.0  # of the scaled texture: added to its deviation, and limit of its square
CLEAR = 6.0  # robust spreads of a block that counts as ghost
CLEAR_PERCENT = 1.0  # of the blocks
FEWEST_BLOCKS = 64  # of a picture
GRID, TEXTURE = "ghost_{quality}", "ghost_texture"
DISPLAY_MAX = 10.0  # robust spreads
CANNOT_SHOW = (
    "A part that lies off the grid it was saved on, was scaled or was saved at a higher quality than the "
    "whole leaves no ghost, and smooth or regular areas can look like one."
)
SMALL = "Could not be measured: the picture has fewer than {blocks} blocks of 8 × 8 pixels."
NONE_CLEAR = "Saved again at {count} qualities, no area stands out at one of them."
FOUND = (
    "Saved again at quality {quality}, {percent} % of the blocks change {words} than at the qualities "
    "beside it, unlike the rest."
)
POINTS = (
    "saved again at quality {quality}, {place} stands out: compared with neighbouring qualities, it changes "
    "{percent} % {words} than similar parts elsewhere (usual variation {spread} %)."
)
UNCLEAR = "at none of {count} qualities does {place} clearly change otherwise than similar parts elsewhere."


@dataclass(frozen=True, slots=True)
class Strongest:
    """The quality that tells most about the picture."""

    quality: int
    less: bool  # whether the part that stands out changes less there, or more
    share: float  # of the blocks, that clearly do
    strength: Plane  # (h, w), robust spreads by which each block stands out at any quality


def ghost_dips(blocks: StoredBlocks) -> tuple[Stack, Plane]:
    """How much less each block changes at a quality than at the two beside it.

    Returns:
        (len(QUALITIES) - 2, h, w), differences of logarithms, positive where it changes less;
        (h, w), logarithm of the block's strength of texture.
    """
    values = coefficients(blocks.plane, FREQUENCIES)
    residuals = np.empty((len(QUALITIES) + 1, *blocks.sampling.grid_hw), np.float32)
    for plane, quality in zip(residuals, QUALITIES, strict=False):
        steps = standard_table(STANDARD_LUMA, quality).ravel()[list(FREQUENCIES)].astype(np.float32)
        rest = values / steps
        rest -= np.rint(rest)
        rest *= steps
        plane[:] = np.square(rest).mean(axis=1).reshape(plane.shape)
    residuals[-1] = np.square(values).mean(axis=1).reshape(residuals[-1].shape)
    *logs, texture = np.log(smoothed(residuals, WINDOW_BLOCKS) + np.float32(FLOOR))
    each = np.stack(logs)
    return np.asarray((each[:-2] + each[2:]) / 2 - each[1:-1], np.float32), texture


def beyond_texture(dips: Stack, texture: Plane, learn: GridMask) -> Stack:
    """The dips without what their texture lets expect, as learnt where `learn` is True.

    Share of regions beyond the 99.5th percentile of random ones, without and with it: CASIA v1.0 8 and 20 %,
    IMD2020 19 and 23 %, MISD 12 and 14 %, objects of untouched photographs 5 and 6 % (training pool, as they
    are, 2026-11-25).

    Returns:
        (p, h, w), of mean 0 where learnt; the dips themselves where there is too little to learn from.
    """
    if np.count_nonzero(learn) < MIN_OUTSIDE:
        return dips
    scaled = (texture - texture[learn].mean()) / (texture[learn].std() + np.float32(TEXTURE_FLOOR))
    terms = np.stack([np.ones_like(scaled), scaled, np.clip(scaled, -REACH, REACH) ** 2])
    known = terms[:, learn].astype(np.float64)
    solution = np.linalg.lstsq(known.T, dips[:, learn].T.astype(np.float64), rcond=None)[0]
    expected = np.tensordot(solution.T.astype(np.float32), terms, axes=1)
    return np.asarray(dips - expected, np.float32)


def measure_ghosts(blocks: StoredBlocks) -> Measured:
    """Item and layer of the whole picture; not measured where it has too few blocks."""
    rows, columns = blocks.sampling.grid_hw
    if rows * columns < FEWEST_BLOCKS:
        shows = SMALL.format(blocks=FEWEST_BLOCKS)
        numbers: dict[str, JsonValue] = {"least_blocks": FEWEST_BLOCKS, "block_px": BLOCK_PX}
        return Measured(EvidenceItem(NAME, TITLE, "not_measured", NOT_MEASURED, shows, CANNOT_SHOW, numbers))
    dips, texture = ghost_dips(blocks)
    found = strongest(_learnt(dips, texture))
    shown = blocks.upright(found.strength)
    return Measured(
        _item(found, len(dips), blocks.orientation),
        Layer(NAME, TITLE, shown, "spreads", DISPLAY_MAX),
        {TEXTURE: texture}
        | {GRID.format(quality=quality): dip for quality, dip in zip(QUALITIES[1:-1], dips, strict=True)},
    )


def strongest(dips: Stack) -> Strongest:
    """What stands out at any quality, and the quality at which most does."""
    wide = smoothed(dips, SHOWN_BLOCKS)
    off = wide - np.median(wide, axis=(1, 2), keepdims=True)
    off /= np.median(np.abs(off), axis=(1, 2), keepdims=True) + np.float32(ROBUST_FLOOR)
    size = np.abs(off)
    at = int(np.argmax(np.percentile(size, 95, axis=(1, 2))))
    low, high = np.percentile(off[at], [3, 97])
    less = bool(high >= -low)
    share = float(((off[at] if less else -off[at]) > CLEAR).mean())
    return Strongest(QUALITIES[at + 1], less, share, size.max(axis=0))


def _item(found: Strongest, compared: int, turn: int) -> EvidenceItem:
    percent = round(100 * found.share, 1)
    numbers: dict[str, JsonValue] = {
        "qualities": list(QUALITIES),
        "compared": compared,
        "quality": found.quality,
        "share_percent": percent,
        "share_changes": "less" if found.less else "more",
        "orientation": turn,
    }
    if percent < CLEAR_PERCENT:
        shows = NONE_CLEAR.format(count=compared)
        return EvidenceItem(
            NAME, TITLE, "no_difference", "None clear", shows, CANNOT_SHOW, numbers, layer=NAME
        )
    shows = FOUND.format(quality=found.quality, percent=percent, words=numbers["share_changes"])
    headline = f"Quality {found.quality}"
    return EvidenceItem(NAME, TITLE, "informs", headline, shows, CANNOT_SHOW, numbers, layer=NAME)


def ghosts_compared(item: EvidenceItem, grids: Mapping[str, Plane], marked: Marked) -> EvidenceItem:
    """The item with a row for each region; a claim where one quality clearly singles it out.

    Args:
        item: of `measure_ghosts`.
        grids: with those of the same; without them the item comes back as it is.
        marked: the regions, on the same grid.
    """
    if TEXTURE not in grids:
        return item
    dips = np.stack([grids[GRID.format(quality=quality)] for quality in QUALITIES[1:-1]])
    usable = _usable(grids[TEXTURE], marked.outside)
    learnt = beyond_texture(dips, grids[TEXTURE], usable & marked.outside)
    rest = Rest.of(learnt * usable, usable.astype(np.float32), marked.outside, SPREAD_FLOOR)
    return told(item, marked.rows(usable, lambda *of: _row(rest, *of)))


def _learnt(dips: Stack, texture: Plane) -> Stack:
    """The dips of the whole picture beyond what texture explains, 0 where there is none."""
    textured = texture > math.log(FLOOR + LEAST_TEXTURE)
    return np.asarray(beyond_texture(dips, texture, textured) * textured, np.float32)


def _usable(texture: Plane, outside: GridMask) -> GridMask:
    """Blocks with texture, and as much of it as occurs outside the regions; elsewhere nothing is learnt."""
    textured = texture > math.log(FLOOR + LEAST_TEXTURE)
    if not (textured & outside).any():
        return textured & outside
    low, high = np.percentile(texture[textured & outside], [1, 99])
    return np.asarray(textured & (texture >= low - BEYOND) & (texture <= high + BEYOND))


def _row(rest: Rest, region_id: int, place: str, inside: GridMask) -> RegionRow:
    effects = rest.effect(inside)
    at = int(np.argmax(np.abs(effects)))
    effect = abs(float(effects[at]))
    percent = _percent(float(rest.level_in(inside)[at] - rest.level[at]))
    spread = abs(_percent(float(rest.spread[at])))
    clear = effect >= LEAST_EFFECT and abs(percent) >= LEAST_PERCENT
    quality = QUALITIES[at + 1]
    words = {
        "place": place,
        "quality": quality,
        "percent": abs(percent),
        "words": "less" if percent > 0 else "more",
        "spread": spread,
        "count": len(effects),
    }
    return RegionRow(
        region_id=region_id,
        outcome="ghost" if clear else SAME,
        text=(POINTS if clear else UNCLEAR).format(**words),
        headline=f"Quality {quality}" if clear else "None clear",
        effect=effect,
        numbers={
            "at_quality": quality,
            "percent": abs(percent),
            "changes": "less" if percent > 0 else "more",
            "spread_percent": spread,
            "blocks_inside": int(np.count_nonzero(inside)),
        },
    )


def _percent(dip: float) -> int:
    """By how much less a block changes, per cent; below 0: more."""
    return round(-100 * math.expm1(-dip))
