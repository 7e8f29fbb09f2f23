"""Training samples: windows of real and made forgeries and of untouched photographs, all finished alike.

The published sets give the class away by their compression: a forged picture carries other quantisation
tables than an authentic one. So a sample counts for the class only when its last compression was drawn from
the same distribution for both classes, or when both classes are cut out of the same forged picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.synthesis.forgeries import KINDS, forge
from fakeshield_core.synthesis.history import aged, resized, through_jpeg, through_table, weathered
from fakeshield_core.synthesis.retouches import RETOUCHES, retouch
from fakeshield_core.training.photographs import Photograph

NO_TABLE = np.ones((8, 8), np.float32)
SMALLEST_POSITIVE = 0.003  # of the window: less tampering than this does not make it a tampered sample
RETOUCHED = 0.3  # of the made forgeries
LOWEST = 50  # JPEG quality that samples are finished with
COARSEST = 60.0  # mean step of the tables that pictures are finished with
OWN_COMPRESSION = ("CASIA v1.0", "MISD")  # sets whose authentic pictures are told apart by their bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """One window, ready for the network."""

    rgb: RgbImage  # (H, W, 3)
    table: npt.NDArray[np.float32]  # (8, 8)
    mask: BoolMask  # (H, W)
    valid: BoolMask  # (H, W), False where the window hangs over the picture
    class_counts: bool  # whether the class may be learnt from it

    @property
    def is_tampered(self) -> bool:
        """Whether enough of the window is tampered."""
        return bool(self.mask.mean() >= SMALLEST_POSITIVE)


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each source is drawn; the rest are untouched photographs."""

    real: float = 0.32
    made: float = 0.38


class Sampler:
    """Draws samples from photographs; the same generator state gives the same sample."""

    def __init__(self, photographs: Sequence[Photograph], shares: Shares = Shares()) -> None:
        self.shares = shares
        self.tampered = [p for p in photographs if p.is_tampered]
        self.untouched = [p for p in photographs if not p.is_tampered]
        self.cutouts = [p for p in self.untouched if p.objects is not None]
        self.tables = [p.table.astype(np.int32) for p in photographs if 1 < p.table.mean() < COARSEST]
        weights = np.array([_weight(p) for p in self.tampered])
        self.chances = weights / weights.sum() if weights.size else weights

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        """One sample of the given window, multiples of 16."""
        choice = rng.random()
        if choice < self.shares.real and self.tampered:
            sample = self._real(rng, height, width)
        elif choice < self.shares.real + self.shares.made:
            sample = self._made(rng, height, width)
        else:
            sample = self._untouched(rng, height, width)
        return _mirrored(sample, rng)

    def _real(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        photograph = self.tampered[rng.choice(len(self.tampered), p=self.chances)]
        mask = photograph.mask
        if mask is None:
            raise ValueError(f"{photograph.name} has no mask")
        if rng.random() < 0.25:
            small = height * width < 0.6 * mask.size
            return _window(photograph.rgb, mask, photograph.table, (height, width), rng, small)
        return self._whole(photograph, mask, (height, width), rng)

    def _made(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        host = self._piece(rng, height, width)
        if rng.random() < RETOUCHED:
            donor = self._piece(rng, height, width)
            forged = retouch(host, donor, RETOUCHES[rng.integers(len(RETOUCHES))], rng)
            rgb, table = finished(forged.rgb, rng, self.tables, LOWEST)
            return Sample(rgb, table, forged.mask, np.ones_like(forged.mask), True)
        kind = KINDS[rng.choice(3, p=[0.45, 0.3, 0.25])]
        cutout, donor = None, host
        if kind == "splice":
            donor, cutout = self._donor(rng, height, width)
        forged = forge(host, donor, kind, rng, cutout)
        rgb, table = finished(forged.rgb, rng, self.tables, LOWEST)
        return Sample(rgb, table, forged.mask, np.ones_like(forged.mask), True)

    def _donor(self, rng: np.random.Generator, height: int, width: int) -> tuple[RgbImage, BoolMask | None]:
        """A picture and what to cut out: an object, the outline of a real forgery, or any shape (None)."""
        if rng.random() < 0.5 and self.cutouts:
            photograph = self.cutouts[rng.integers(len(self.cutouts))]
            factor = min(1.0, 1.2 * max(height, width) / max(photograph.rgb.shape))
            size = (
                max(32, round(photograph.rgb.shape[0] * factor)),
                max(32, round(photograph.rgb.shape[1] * factor)),
            )
            rgb = photograph.rgb if factor == 1.0 else resized(photograph.rgb, *size, rng)
            cutout = photograph.objects if factor == 1.0 else _mask_resized(photograph.objects, *size)
            return rgb, cutout
        outline = None
        if rng.random() < 0.5 and self.tampered:
            outline = _mask_resized(self.tampered[rng.integers(len(self.tampered))].mask, height, width)
        return self._piece(rng, height, width), outline

    def _piece(self, rng: np.random.Generator, height: int, width: int) -> RgbImage:
        """A piece of any untouched photograph."""
        return piece(self.untouched[rng.integers(len(self.untouched))].rgb, height, width, rng)

    def _untouched(self, rng: np.random.Generator, height: int, width: int) -> Sample:
        photograph = self.untouched[rng.integers(len(self.untouched))]
        choice = rng.random()
        mask = np.zeros(photograph.rgb.shape[:2], np.bool_)
        if choice < 0.72:
            return self._whole(photograph, mask, (height, width), rng)
        if choice < 0.85 and photograph.dataset not in OWN_COMPRESSION:
            return _window(photograph.rgb, mask, photograph.table, (height, width), rng, False)
        rgb, table = finished(self._piece(rng, height, width), rng, self.tables, LOWEST)
        empty = np.zeros((height, width), np.bool_)
        return Sample(rgb, table, empty, np.ones_like(empty), True)

    def _whole(
        self, photograph: Photograph, mask: BoolMask, size_hw: tuple[int, int], rng: np.random.Generator
    ) -> Sample:
        """A picture as it is or rescaled, perhaps weathered, then finished: the same way for both classes.

        Weathering hides what the data set's own last compression would give away.
        """
        rgb, mask = _rescaled(photograph.rgb, mask, rng)
        if rng.random() < 0.4:
            rgb = weathered(rgb, rng)[0]
        rgb, table = finished(rgb, rng, self.tables, LOWEST)
        return _window(rgb, mask, table, size_hw, rng, True)


def piece(rgb: RgbImage, height: int, width: int, rng: np.random.Generator) -> RgbImage:
    """A window of an untouched photograph after a life of its own: exactly (height, width, 3)."""
    if max(rgb.shape) > 900 and rng.random() < 0.6:
        factor = float(rng.uniform(1.0, 2.0)) * max(height, width) / max(rgb.shape[:2])
        if factor < 1:
            rgb = resized(rgb, round(rgb.shape[0] * factor), round(rgb.shape[1] * factor), rng)
    rgb = _cut(rgb, round(height * 1.7), round(width * 1.7), rng)
    rgb = aged(rgb, rng)[0]
    if rgb.shape[0] < height or rgb.shape[1] < width:
        factor = max(height / rgb.shape[0], width / rgb.shape[1])
        rgb = resized(
            rgb, max(height, round(rgb.shape[0] * factor)), max(width, round(rgb.shape[1] * factor)), rng
        )
    return _cut(rgb, height, width, rng)


def finished(
    rgb: RgbImage, rng: np.random.Generator, tables: Sequence[npt.NDArray[np.int32]] = (), lowest: int = 60
) -> tuple[RgbImage, npt.NDArray[np.float32]]:
    """The last compression, the same draw for every class.

    Args:
        tables: (8, 8) steps of files; one of them finishes three in ten of those that are compressed.
        lowest: JPEG quality of the others, which goes up to 98.

    Returns:
        The picture as it was in a quarter of cases, else from a JPEG; and its (8, 8) luma steps.
    """
    if rng.random() < 0.25:
        return rgb, NO_TABLE
    if tables and rng.random() < 0.3:
        decoded, table = through_table(rgb, tables[int(rng.integers(len(tables)))], int(rng.choice([0, 2])))
    else:
        decoded, table = through_jpeg(rgb, int(rng.integers(lowest, 99)), int(rng.choice([0, 2])))
    return decoded, table.astype(np.float32)


def _weight(photograph: Photograph) -> float:
    """Web edits are few and the nearest to what people bring; shapes pasted on textures are many and easy."""
    if photograph.dataset.startswith("IMD2020"):
        return 5.0
    texture = photograph.dataset == "CASIA v1.0" and "txt" in photograph.group
    return 0.4 if texture else 1.2 if photograph.dataset == "MISD" else 1.0


def _rescaled(rgb: RgbImage, mask: BoolMask, rng: np.random.Generator) -> tuple[RgbImage, BoolMask]:
    """Another scale in six of ten cases; a large picture often as a small one seen whole."""
    if rng.random() < 0.4:
        return rgb, mask
    longest = max(mask.shape)
    if longest > 700:
        factor = rng.uniform(384, 640) / longest if rng.random() < 0.6 else rng.uniform(0.4, 1.0)
    else:
        factor = rng.uniform(0.8, 1.25)
    size = max(64, round(mask.shape[0] * factor)), max(64, round(mask.shape[1] * factor))
    return resized(rgb, *size, rng), _mask_resized(mask, *size)


def _mask_resized(mask: BoolMask | None, height: int, width: int) -> BoolMask:
    if mask is None:
        return np.zeros((height, width), np.bool_)
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(np.asarray(grey) > 127)


def _cut(rgb: RgbImage, height: int, width: int, rng: np.random.Generator) -> RgbImage:
    """A window of at most that size, anywhere."""
    top = int(rng.integers(max(1, rgb.shape[0] - height + 1)))
    left = int(rng.integers(max(1, rgb.shape[1] - width + 1)))
    return rgb[top : top + height, left : left + width]


def _window(
    rgb: RgbImage,
    mask: BoolMask,
    table: npt.NDArray[np.float32],
    size_hw: tuple[int, int],
    rng: np.random.Generator,
    class_counts: bool,
) -> Sample:
    """A window at a corner of the JPEG grid, three times in four with part of the mask in it.

    The picture is turned on its side where that fits better, and padded with the border's own pixels.
    """
    height, width = size_hw
    if (rgb.shape[0] > rgb.shape[1]) != (height > width) and rng.random() < 0.85:
        rgb, mask, table = rgb.transpose(1, 0, 2), mask.T, table.T
    top, left = _corner(mask, size_hw, rng)
    part, region = rgb[top : top + height, left : left + width], mask[top : top + height, left : left + width]
    missing = ((0, height - part.shape[0]), (0, width - part.shape[1]))
    return Sample(
        rgb=np.pad(part, (*missing, (0, 0)), mode="edge"),
        table=np.ascontiguousarray(table),
        mask=np.pad(region, missing),
        valid=np.pad(np.ones_like(region), missing),
        class_counts=class_counts,
    )


def _corner(mask: BoolMask, size_hw: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    height, width = size_hw
    bottom, right = max(0, mask.shape[0] - height), max(0, mask.shape[1] - width)
    top, left = int(rng.integers(bottom + 1)), int(rng.integers(right + 1))
    if rng.random() < 0.75 and mask.any():
        ys, xs = np.nonzero(mask)
        pick = rng.integers(ys.size)
        top = int(np.clip(ys[pick] - rng.integers(height), 0, bottom))
        left = int(np.clip(xs[pick] - rng.integers(width), 0, right))
    return top // 8 * 8, left // 8 * 8


def _mirrored(sample: Sample, rng: np.random.Generator) -> Sample:
    """Left and right exchanged in half of all cases, top and bottom in a quarter.

    Sides are multiples of 8: the grid keeps its phase.
    """
    over = np.s_[:: -1 if rng.random() < 0.25 else 1, :: -1 if rng.random() < 0.5 else 1]
    return Sample(
        np.ascontiguousarray(sample.rgb[over]),
        sample.table,
        np.ascontiguousarray(sample.mask[over]),
        np.ascontiguousarray(sample.valid[over]),
        sample.class_counts,
    )
