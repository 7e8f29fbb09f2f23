"""Forgeries of known kind to learn it from: made from photographs, with masks as an engine draws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.evidence.copies import Copies, find_copies
from fakeshield_core.synthesis.forgeries import KINDS, LARGEST, SMALLEST, Forged, Kind, forge, random_shape
from fakeshield_core.synthesis.retouches import Retouch, retouch
from fakeshield_core.training.photographs import Photograph
from fakeshield_core.training.samples import finished, piece

LONG_SIDES = (256, 448)  # pixels of a made forgery
RETOUCHED: dict[Kind, tuple[float, tuple[Retouch, ...]]] = {  # share of a kind, and which
    "splice": (0.2, ("blended",)),
    "copy_move": (0.0, ()),
    "removal": (0.4, ("inpainted", "redrawn")),
}
NEARLY = 0.06  # strength of `drawn` for a mask that is nearly the true one
MADE_STREAM, REAL_STREAM = 41, 42  # keep the draws apart
ALIKE_SHARE = 0.6  # of the untouched areas
APART_PX = 6  # between an untouched area and the forged one
LARGEST_PX = 1_000_000  # of a real forgery; larger ones take long
MANY_SPLICES = "splicing (2 or more pasted objects)"  # as the manifest of MISD says
NOISE_CELLS = (4, 14)  # across the picture: how finely the outline of a drawn mask wanders


@dataclass(frozen=True, slots=True)
class Known(Forged):
    """A forgery of which it is known how it was made, as far as its history says, and from which scenes."""

    group: str


@dataclass(frozen=True, slots=True)
class Learnable:
    """A forgery with masks to learn its kind from."""

    forgery: Known
    copies: Copies | None
    masks: tuple[BoolMask, ...]  # (H, W), one area each: nearly the true one, and as an engine marks it
    untouched: BoolMask  # (H, W), an area of the same picture that is no forgery; may be empty


def made(photographs: Sequence[Photograph], number: int, rng: np.random.Generator) -> Known:
    """A forgery of untouched photographs, not yet saved; kinds take turns with the number."""
    kind = KINDS[number % len(KINDS)]
    host, other = (photographs[i] for i in rng.integers(len(photographs), size=2))
    long, aspect = int(rng.integers(*LONG_SIDES)), float(rng.uniform(0.62, 1.0))
    height, width = (round(long * aspect), long) if rng.random() < 0.7 else (long, round(long * aspect))
    rgb = piece(host.rgb, height, width, rng)
    share, ways = RETOUCHED[kind]
    if rng.random() < share:
        forged = retouch(rgb, piece(other.rgb, height, width, rng), ways[rng.integers(len(ways))], rng)
    elif kind == "splice" and other.objects is not None and rng.random() < 0.6:
        forged = forge(rgb, other.rgb, kind, rng, other.objects)
    else:
        donor = piece(other.rgb, height, width, rng) if kind == "splice" else rgb
        forged = forge(rgb, donor, kind, rng)
    return Known(forged.rgb, forged.mask, kind, forged.history, host.group)


def learnable(
    photographs: Sequence[Photograph], count: int, most_real: int, seed: int
) -> Iterator[Learnable]:
    """Forgeries with their masks, made ones first: the same seed gives the same."""
    hosts = [p for p in photographs if not p.is_tampered]
    for number in range(count):
        rng = np.random.default_rng([seed, MADE_STREAM, number])
        forgery = made(hosts, number, rng)
        yield _learnable(replace(forgery, rgb=finished(forgery.rgb, rng)[0]), rng)
    for number, (photograph, kind) in enumerate(real(photographs, most_real)):
        rng = np.random.default_rng([seed, REAL_STREAM, number])
        rgb = finished(photograph.rgb, rng)[0]
        if photograph.mask is not None:
            yield _learnable(Known(rgb, photograph.mask, kind, (), photograph.group), rng)


def _learnable(forgery: Known, rng: np.random.Generator) -> Learnable:
    copies = find_copies(forgery.rgb)
    near = largest(drawn(forgery.mask, NEARLY, rng))
    found, taken = as_found(forgery.mask, copies, rng), forgery.mask
    if copies is not None and copies.clear:
        first, second = copies.areas(*taken.shape)
        taken = taken | first | second
    return Learnable(forgery, copies, (near, found), untouched_area(forgery.rgb, taken, rng))


def drawn(mask: BoolMask, strength: float, rng: np.random.Generator) -> BoolMask:
    """The mask as somebody else would draw it: grown or shrunk, with an outline that wanders.

    Args:
        mask: (H, W), not empty.
        strength: 0..1; how far the outline moves, as a share of half the area's side.
    """
    size = float(np.sqrt(np.count_nonzero(mask)))
    deep = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    cells = int(rng.integers(*NOISE_CELLS))
    coarse = rng.normal(0, 1, (cells, cells))
    waves = ndimage.zoom(coarse, (mask.shape[0] / cells, mask.shape[1] / cells), order=1)
    waves = waves[: mask.shape[0], : mask.shape[1]]
    moved = deep + strength * size * (0.3 * waves + 0.25 * float(rng.normal(0.2, 1)))
    return np.asarray(moved > 0) if (moved > 0).any() else mask


def untouched_area(rgb: RgbImage, taken: BoolMask, rng: np.random.Generator) -> BoolMask:
    """An area that is no forgery but that somebody might mark: of one brightness, or of a random shape.

    Args:
        rgb: (H, W, 3).
        taken: (H, W), what the area keeps away from; where that leaves nothing, the area is empty.
    """
    height, width = taken.shape
    free = ~ndimage.binary_dilation(taken, iterations=APART_PX)
    if not free.any():
        return np.zeros_like(taken)
    places = np.flatnonzero(free)
    y, x = divmod(int(places[rng.integers(places.size)]), width)
    if rng.random() < ALIKE_SHARE:
        grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 2.0)
        near = np.abs(grey.astype(int) - int(grey[y, x])) < int(rng.integers(6, 30))
        labels = ndimage.label(near & free)[0]
        area = ndimage.binary_closing(labels == labels[y, x], iterations=2) & free
        if SMALLEST <= area.mean() <= LARGEST:
            return largest(area)
    side = np.sqrt(float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST)))) * 1.5)
    tall, wide = max(12, int(side * height)), max(12, int(side * width))
    top, left = min(max(0, y - tall // 2), height - tall), min(max(0, x - wide // 2), width - wide)
    area = np.zeros_like(taken)
    area[top : top + tall, left : left + wide] = random_shape(tall, wide, rng)
    return largest(area & free) if (area & free).any() else area & free


def largest(mask: BoolMask) -> BoolMask:
    """Its largest connected area, the one a finding points at."""
    return masks.label_regions(mask, 1).labels == 1


def as_found(mask: BoolMask, copies: Copies | None, rng: np.random.Generator) -> BoolMask:
    """The largest area an engine might mark: the mask as drawn, with both areas of clear copies."""
    found = drawn(mask, float(rng.uniform(0.1, 0.7)), rng)
    if copies is not None and copies.clear:
        first, second = copies.areas(*mask.shape)
        found = found | first | second
    return largest(found)


def real(photographs: Sequence[Photograph], most: int) -> list[tuple[Photograph, Kind]]:
    """Real forgeries whose kind is known, with it: of each word for a kind at most so many, evenly spread."""
    kinds: dict[str, Kind] = {"copy-move": "copy_move", "splicing": "splice", MANY_SPLICES: "splice"}
    found: list[tuple[Photograph, Kind]] = []
    for word, kind in kinds.items():
        fitting = [p for p in photographs if p.tampering == word and _is_usable(p)]
        step = max(1, len(fitting) // max(1, most))
        found += [(photograph, kind) for photograph in fitting[::step][:most]]
    return found


def _is_usable(photograph: Photograph) -> bool:
    mask = photograph.mask
    return mask is not None and bool(mask.any()) and mask.size <= LARGEST_PX
