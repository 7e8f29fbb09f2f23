"""What a forged area looks like against its surroundings: the numbers the kind of a forgery is read from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, Plane, RgbImage
from fakeshield_core.evidence.copies import Copies
from fakeshield_core.evidence.kinds_copies import COPY_NAMES, copy_features

Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]  # (N,)

LEAST_PX = 48  # pixels of an area or of its ring; fewer tell nothing
LARGEST_SHARE = 0.8  # of the picture; beyond, there is nothing to compare with
LARGEST_WINDOW_PX = 220_000  # a larger window is reduced to this many pixels
MARGIN_PX = 24  # least width of what is looked at round the area
EDGE_PX = 2.5  # so far from the outline a pixel counts as border
RING_PX = (8.0, 64.0)  # least and largest width of the ring
JPEG_QUALITY = 90  # as the error level of the evidence
FLAT_LEVEL = 2.0  # grey levels; mean step, across plus down, of a window that counts as flat
SAMPLED = 12_000  # pixels of a zone, evenly spread, that its numbers are read from
SIDE_PX = (11, 11)  # window that the brightness on either side of the outline is read from
FLOOR = 0.3  # grey levels, added before a logarithm

TEXTURE_NAMES = (
    "noise",
    "noise_rest",
    "noise_floor",
    "noise_level",
    "error",
    "error_level",
    "fine",
    "coarse",
    "fine_level",
    "flat",
    "flat_inside",
    "spread",
    "chroma",
    "colour",
    "edge",
    "jump",
    "lattice",
    "strange",
    "size",
    "fill",
)
NAMES = (*TEXTURE_NAMES, *COPY_NAMES)


@dataclass(frozen=True, slots=True)
class _Zones:
    """Parts of the window, as places in it when it is read row by row; at most SAMPLED each."""

    inside: Places
    ring: Places
    rest: Places  # all outside, the ring included
    border: Places
    sides: tuple[BoolMask, BoolMask]  # (h, w) all pixels inside, and all of the ring


def features_of(rgb: RgbImage, mask: BoolMask, copies: Copies | None) -> Values | None:
    """(len(NAMES),) numbers about one area; None where it is too small or leaves nothing to compare with.

    Differences are of logarithms, inside minus outside, of levels in grey levels.

    Args:
        rgb: (H, W, 3).
        mask: (H, W), the area.
        copies: of `find_copies` for the same picture.
    """
    area = int(np.count_nonzero(mask))
    if area < LEAST_PX or area > LARGEST_SHARE * mask.size:
        return None
    window, inside = _window(rgb, mask)
    zones = _zones(inside)
    if min(zones.inside.size, zones.ring.size) < LEAST_PX:
        return None
    texture = _texture(window, zones)
    high, wide = (int(np.count_nonzero(mask.any(axis=axis))) for axis in (1, 0))
    texture += [_strange(rgb, mask), float(np.log(area / mask.size)), area / (high * wide)]
    return np.array([*texture, *copy_features(rgb, mask, copies)], np.float64)


def _window(rgb: RgbImage, mask: BoolMask) -> tuple[RgbImage, BoolMask]:
    """The area's box with half as much on each side, at native scale unless that is too much."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = tuple(
        slice(max(0, int(found[0]) - margin), int(found[-1]) + margin + 1)
        for found in (rows, columns)
        for margin in [max(MARGIN_PX, int(found[-1] - found[0]) // 2)]
    )
    cut, inside = rgb[part], mask[part]
    if inside.size <= LARGEST_WINDOW_PX:
        return np.ascontiguousarray(cut), inside
    factor = float(np.sqrt(LARGEST_WINDOW_PX / inside.size))
    size = max(1, round(inside.shape[1] * factor)), max(1, round(inside.shape[0] * factor))
    small = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    marked = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.uint8), np.asarray(marked > 0)


def _zones(inside: BoolMask) -> _Zones:
    marks = inside.astype(np.uint8)
    deep = cv2.distanceTransform(marks, cv2.DIST_L2, 3)
    away = cv2.distanceTransform(1 - marks, cv2.DIST_L2, 3)
    reach = float(np.clip(0.5 * np.sqrt(np.count_nonzero(inside)), *RING_PX))
    core, rest = deep > EDGE_PX, away > EDGE_PX
    if np.count_nonzero(core) < LEAST_PX:
        core = inside
    ring = rest & (away <= EDGE_PX + reach)
    border = (deep <= EDGE_PX) & (away <= EDGE_PX)
    return _Zones(_places(core), _places(ring), _places(rest), _places(border), (core, ring))


def _places(zone: BoolMask) -> Places:
    found = np.flatnonzero(zone)
    return found[:: max(1, found.size // SAMPLED) | 1]  # an odd step meets both colours of a chessboard


def _texture(window: RgbImage, zones: _Zones) -> list[float]:
    """All of TEXTURE_NAMES that the window tells."""
    small = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    grey = small.astype(np.float32)
    second = np.array([1, -2, 1], np.float32)
    noise = np.abs(cv2.sepFilter2D(grey, -1, second, second)) / np.float32(6)
    error = np.abs(_saved_again(small) - grey)
    fine, coarse = _steps(grey, 1), _steps(cv2.blur(grey, (3, 3)), 3)
    chroma = _steps(cv2.subtract(window[..., 0], window[..., 2], dtype=cv2.CV_32F), 1)
    inside, ring = zones.inside, zones.ring
    floors = [_low(cv2.blur(noise, (5, 5)), zone) for zone in (inside, ring)]
    smooth = cv2.blur(fine, (5, 5)).ravel()
    flat = [float((smooth[zone] < FLAT_LEVEL).mean()) for zone in (inside, ring)]
    spreads = [float(grey.ravel()[zone].std()) + 1 for zone in (inside, ring)]
    steepest = max(_level(fine, inside), _level(fine, ring))
    return [
        _against(noise, inside, ring),
        _against(noise, inside, zones.rest),
        floors[0] - floors[1],
        _level(noise, inside),
        _against(error, inside, ring),
        _level(error, inside),
        _against(fine, inside, ring),
        _against(coarse, inside, ring),
        _level(fine, inside),
        flat[0] - flat[1],
        flat[0],
        float(np.log(spreads[0] / spreads[1])),
        _against(chroma, inside, ring),
        _colour(window, zones),
        _level(fine, zones.border) - steepest if zones.border.size else 0.0,
        _jump(grey, zones),
        _lattice(grey, inside),
    ]


def _saved_again(grey: npt.NDArray[np.uint8]) -> Plane:
    coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32)


def _steps(plane: Plane, apart: int) -> Plane:
    """Mean absolute step to the pixel so far right and the one so far below, 0 along the last ones."""
    steps = np.zeros_like(plane)
    steps[:, :-apart] += np.abs(plane[:, apart:] - plane[:, :-apart])
    steps[:-apart] += np.abs(plane[apart:] - plane[:-apart])
    return steps


def _level(plane: Plane, zone: Places) -> float:
    return float(np.log(plane.ravel()[zone].mean(dtype=np.float64) + FLOOR))


def _against(plane: Plane, inside: Places, outside: Places) -> float:
    return _level(plane, inside) - _level(plane, outside)


def _low(plane: Plane, zone: Places) -> float:
    """Logarithm of the level that a tenth of the zone stays below."""
    return float(np.log(np.percentile(plane.ravel()[zone], 10) + FLOOR))


def _lattice(grey: Plane, inside: Places) -> float:
    """Share of the finest structure that is a chessboard, as some enlargements leave it; 0..1."""
    high = (grey - cv2.blur(grey, (3, 3))).ravel()[inside]
    rows, columns = np.divmod(inside, grey.shape[1])
    signs = 1.0 - 2.0 * ((rows + columns) % 2)
    return abs(float((high * signs).mean())) / (float(np.abs(high).mean()) + FLOOR)


def _colour(window: RgbImage, zones: _Zones) -> float:
    """Logarithm of how far the mean colours lie apart, in spreads of the ring."""
    pixels = window.reshape(-1, 3)
    inside, ring = pixels[zones.inside].astype(np.float32), pixels[zones.ring].astype(np.float32)
    apart = np.abs(inside.mean(axis=0) - ring.mean(axis=0))
    return float(np.log1p((apart / (ring.std(axis=0) + 4)).mean()))


def _jump(grey: Plane, zones: _Zones) -> float:
    """Logarithm of how far brightness just inside and just outside lie apart along the outline."""
    levels, known = [], np.ones(zones.border.size, np.bool_)
    for zone in zones.sides:
        weight = zone.astype(np.float32)
        heft = cv2.blur(weight, SIDE_PX).ravel()[zones.border]
        total = cv2.blur(grey * weight, SIDE_PX).ravel()[zones.border]
        levels.append(total / np.maximum(heft, 1e-6))
        known &= heft > 0.05
    if not known.any():
        return 0.0
    return float(np.log1p(np.abs(levels[0] - levels[1])[known].mean()))


def _strange(rgb: RgbImage, mask: BoolMask) -> float:
    """Share of the area whose colour, one of 512, is rare in the rest of the picture."""
    step = max(1, int(np.sqrt(mask.size / 60_000)))
    few, marked = rgb[::step, ::step], mask[::step, ::step]
    codes = (few >> 5).astype(np.int32) @ np.array([64, 8, 1], np.int32)
    if not marked.any() or marked.all():
        return 0.0
    here, there = (np.bincount(codes[zone], minlength=512) / zone.sum() for zone in (marked, ~marked))
    return float(np.maximum(here - there, 0).sum())
