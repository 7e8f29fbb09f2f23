"""What the click network learns from: regions of forgeries, objects, and masks that have gone wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.synthesis.forgeries import KINDS, forge, random_shape
from fakeshield_core.training.photographs import Photograph

CUTOUT, SPLICE = 0.5, "splice"
SMALLEST, LARGEST = 0.004, 0.7  # of the window: regions outside of this are drawn again


@dataclass(frozen=True, slots=True)
class ClickSample:
    """A window and the region somebody wants."""

    rgb: RgbImage  # (H, W, 3)
    truth: BoolMask  # (H, W)
    start: BoolMask | None  # (H, W) the mask the correction begins from, None: from nothing


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often each source is drawn; the rest are labelled objects of untouched photographs."""

    tampered: float = 0.45
    made: float = 0.25
    started: float = 0.6  # of all samples begin from a mask that has gone wrong


class ClickSampler:
    """Draws samples from photographs; the same generator state gives the same sample."""

    def __init__(self, photographs: Sequence[Photograph], mixture: Mixture = Mixture()) -> None:
        self.mixture = mixture
        self.tampered = [p for p in photographs if p.is_tampered and p.mask is not None]
        self.objects = [p for p in photographs if p.objects is not None]
        self.untouched = [p for p in photographs if not p.is_tampered]

    def draw(self, rng: np.random.Generator, height: int, width: int) -> ClickSample:
        """One sample of the given window, multiples of 16, with a region neither tiny nor all of it."""
        while True:
            rgb, truth = self._source(rng, height, width)
            if SMALLEST <= truth.mean() <= LARGEST:
                break
        if rng.random() < 0.5:
            rgb, truth = rgb[:, ::-1], truth[:, ::-1]
        start = spoilt(truth, rng) if rng.random() < self.mixture.started else None
        return ClickSample(_toned(np.ascontiguousarray(rgb), rng), np.ascontiguousarray(truth), start)

    def _source(self, rng: np.random.Generator, height: int, width: int) -> tuple[RgbImage, BoolMask]:
        choice = rng.random()
        if choice < self.mixture.tampered and self.tampered:
            photograph = self.tampered[rng.integers(len(self.tampered))]
            return window(photograph.rgb, one_of(photograph.mask, rng), (height, width), rng)
        if (choice < self.mixture.tampered + self.mixture.made or not self.objects) and self.untouched:
            return self._made(rng, height, width)
        photograph = self.objects[rng.integers(len(self.objects))]
        return window(photograph.rgb, one_of(photograph.objects, rng), (height, width), rng)

    def _made(self, rng: np.random.Generator, height: int, width: int) -> tuple[RgbImage, BoolMask]:
        host = self._scaled(self.untouched[rng.integers(len(self.untouched))], rng, height, width)[0]
        kind = KINDS[rng.choice(3, p=[0.7, 0.2, 0.1])]
        donor, cutout = host, None
        if kind == SPLICE:
            pool = self.objects if self.objects and rng.random() < CUTOUT else self.untouched
            donor, cutout = self._scaled(pool[rng.integers(len(pool))], rng, height, width)
        forged = forge(host, donor, kind, rng, cutout)
        return forged.rgb, forged.mask

    def _scaled(
        self, photograph: Photograph, rng: np.random.Generator, height: int, width: int
    ) -> tuple[RgbImage, BoolMask | None]:
        objects = photograph.objects
        empty = np.zeros(photograph.rgb.shape[:2], np.bool_)
        rgb, mask = window(photograph.rgb, empty if objects is None else objects, (height, width), rng)
        return rgb, mask if objects is not None and mask.any() else None


def one_of(mask: BoolMask | None, rng: np.random.Generator) -> BoolMask:
    """The whole mask, or one of its connected parts where it has several.

    Raises:
        ValueError: no mask.
    """
    if mask is None:
        raise ValueError("the photograph has no mask")
    if rng.random() < 0.5:
        return mask
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    large = np.flatnonzero(sizes >= 0.2 * sizes.max()) + 1
    return np.asarray(labels == rng.choice(large))


def window(
    rgb: RgbImage, mask: BoolMask, size_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[RgbImage, BoolMask]:
    """Most of a picture at window size: perhaps turned to fit, scaled, cut, padded with its own border."""
    height, width = size_hw
    if (rgb.shape[0] > rgb.shape[1]) != (height > width) and rng.random() < 0.5:
        rgb, mask = rgb.transpose(1, 0, 2), mask.T
    fit = min(height / rgb.shape[0], width / rgb.shape[1])
    factor = fit * float(rng.uniform(0.85, 1.7))
    size = max(16, round(rgb.shape[0] * factor)), max(16, round(rgb.shape[1] * factor))
    rgb = np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize(size[::-1], Image.Resampling.BILINEAR))
    soft = Image.fromarray(mask.astype(np.uint8) * 255).resize(size[::-1], Image.Resampling.BILINEAR)
    mask = np.asarray(np.asarray(soft) > 127)
    top, left = _corner(mask, size_hw, rng)
    rgb, mask = rgb[top : top + height, left : left + width], mask[top : top + height, left : left + width]
    missing = ((0, height - rgb.shape[0]), (0, width - rgb.shape[1]))
    return np.pad(rgb, (*missing, (0, 0)), mode="edge"), np.pad(mask, missing)


def _corner(mask: BoolMask, size_hw: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Where to cut: with the middle of the region inside where it can be."""
    room = [max(0, have - want) for have, want in zip(mask.shape, size_hw, strict=True)]
    if not mask.any():
        return int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1))
    centre = [int(c.mean()) for c in np.nonzero(mask)]
    lowest = [max(0, min(r, c - want)) for r, c, want in zip(room, centre, size_hw, strict=True)]
    highest = [max(low, min(r, c)) for low, r, c in zip(lowest, room, centre, strict=True)]
    return int(rng.integers(lowest[0], highest[0] + 1)), int(rng.integers(lowest[1], highest[1] + 1))


def spoilt(truth: BoolMask, rng: np.random.Generator) -> BoolMask:
    """A mask as an engine or a hasty hand leaves it: grown, shrunk, with parts missing and parts too many."""
    mask = truth.copy()
    height, width = truth.shape
    for _ in range(int(rng.integers(1, 4))):
        choice = rng.integers(5)
        reach = int(rng.integers(2, max(3, round(0.06 * min(truth.shape)))))
        if choice == 0:
            mask = ndimage.binary_dilation(mask, iterations=reach)
        elif choice == 1:
            mask = ndimage.binary_erosion(mask, iterations=reach)
        elif choice == 2:
            mask = np.roll(mask, (int(rng.integers(-reach, reach + 1)), reach), (0, 1))
        else:
            blob = _blob_at(rng, height, width, truth if choice == 3 else ~truth)
            mask = mask & ~blob if choice == 3 else mask | blob
    if rng.random() < 0.4:  # as coarse as a map of 1/16
        coarse = Image.fromarray(mask.astype(np.uint8) * 255).resize((width // 16, height // 16))
        soft = coarse.resize((width, height), Image.Resampling.BICUBIC)
        mask = np.asarray(np.asarray(soft) > rng.integers(80, 176))
    return np.asarray(mask, np.bool_)


def _blob_at(rng: np.random.Generator, height: int, width: int, inside: BoolMask) -> BoolMask:
    """A random shape whose middle lies where `inside` is true."""
    tall, wide = (max(8, round(side * rng.uniform(0.08, 0.4))) for side in (height, width))
    shape = random_shape(tall, wide, rng)
    ys, xs = np.nonzero(inside)
    blob = np.zeros((height + 2 * tall, width + 2 * wide), np.bool_)
    pick = rng.integers(ys.size)
    top, left = ys[pick] + tall - shape.shape[0] // 2, xs[pick] + wide - shape.shape[1] // 2
    blob[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return blob[tall : tall + height, wide : wide + width]


def _toned(rgb: RgbImage, rng: np.random.Generator) -> RgbImage:
    """Brightness, contrast and colour a little off."""
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.9, 1.1, 3)
    return np.clip(rgb * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
