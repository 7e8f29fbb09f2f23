"""Maps of methods that know nothing of forgeries, or one classical trace: what every engine has to beat.

Each takes a picture and gives a non-negative plane of its size; the scale is the method's own, and is divided
by the largest value of the picture before a threshold is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fakeshield_core.domain import Plane, RgbImage
from fakeshield_core.evidence.blocks import Sampling, luma
from fakeshield_core.evidence.copies import find_copies
from fakeshield_core.evidence.double_quantisation import measure_double
from fakeshield_core.evidence.ghosts import measure_ghosts
from fakeshield_core.evidence.region_rows import Measured
from fakeshield_core.evidence.stored_blocks import StoredBlocks
from fakeshield_core.imaging import recompress
from fakeshield_core.picture import Picture

ERROR_LEVEL_QUALITY = 90  # of the copy the picture is compared with
ERROR_LEVEL_WINDOW = 9  # pixels; 9 comes nearest to the published reading (MISD .54 here, .57 there, at half)
WIDE_WINDOW = 33  # pixels; stronger on every data set, so it is told too
NOISE_WINDOW = 17  # pixels
NOISE_MEDIAN = 3  # pixels; what a median of this size takes away is called noise
BLOB_SIGMA = 0.25  # of the picture's sides
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True, slots=True)
class Baseline:
    """A method by name."""

    name: str
    title: str
    compute: Callable[[Picture], Plane]  # -> (H, W) of the picture, >= 0


def all_ones(rgb: RgbImage) -> Plane:
    """Everything is tampered."""
    return np.ones(rgb.shape[:2], np.float32)


def centre_blob(rgb: RgbImage) -> Plane:
    """A bell over the middle, as wide as the picture is: where people put what matters."""
    rows, columns = (((np.arange(side) + 0.5) / side - 0.5) / BLOB_SIGMA for side in rgb.shape[:2])
    return np.asarray(np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / 2), np.float32)


def error_level(rgb: RgbImage, window: int = ERROR_LEVEL_WINDOW) -> Plane:
    """Mean absolute change on saving as JPEG 90, grey levels, averaged over a square window."""
    again = recompress(rgb, ERROR_LEVEL_QUALITY)
    change = np.abs(rgb.astype(np.float32) - again.astype(np.float32)).mean(axis=2)
    return np.asarray(ndimage.uniform_filter(change, window), np.float32)


def error_level_wide(rgb: RgbImage) -> Plane:
    """The same over a wider window."""
    return error_level(rgb, WIDE_WINDOW)


def noise_variance(rgb: RgbImage) -> Plane:
    """Variance of what a 3 x 3 median takes away from the luma, grey levels squared, over a square window."""
    luma = rgb.astype(np.float32) @ LUMA
    noise = luma - ndimage.median_filter(luma, NOISE_MEDIAN)
    mean = ndimage.uniform_filter(noise, NOISE_WINDOW)
    mean_square = ndimage.uniform_filter(noise * noise, NOISE_WINDOW)
    return np.asarray(np.maximum(mean_square - mean * mean, 0.0), np.float32)


def ghosts(picture: Picture) -> Plane:
    """Our own JPEG ghosts (Farid 2009): spreads by which a place dips at another quality than the rest."""
    return _shown(measure_ghosts(_stored(picture)), picture)


def double_quantisation(picture: Picture) -> Plane:
    """Our own double quantisation (Bianchi et al. 2011): how much more likely once compressed than twice."""
    probability = _shown(measure_double(_stored(picture), picture), picture)
    return np.asarray(np.maximum(2 * probability - 1, 0), np.float32)


def copied(picture: Picture) -> Plane:
    """Our own matching of SIFT places: both areas of a confirmed copy, however few pairs agree."""
    height, width = picture.rgb.shape[:2]
    copies = find_copies(picture.rgb)
    if copies is None:
        return np.zeros((height, width), np.float32)
    first, second = copies.areas(height, width)
    return (first | second).astype(np.float32)


def _stored(picture: Picture) -> StoredBlocks:
    return StoredBlocks.of(picture, luma(Sampling.of(picture.rgb.shape).take(picture.rgb)))


def _shown(measured: Measured, picture: Picture) -> Plane:
    """The layer, nothing where none was measured."""
    if measured.layer is None:
        return np.zeros(picture.rgb.shape[:2], np.float32)
    return np.asarray(np.maximum(measured.layer.values, 0), np.float32)


def _of_pixels(compute: Callable[[RgbImage], Plane]) -> Callable[[Picture], Plane]:
    return lambda picture: compute(picture.rgb)


BASELINES = (
    Baseline("all_ones", "all ones", _of_pixels(all_ones)),
    Baseline("centre_blob", "centre blob", _of_pixels(centre_blob)),
    Baseline("error_level", "error level (quality 90)", _of_pixels(error_level)),
    Baseline("error_level_wide", "error level, window 33", _of_pixels(error_level_wide)),
    Baseline("noise_variance", "noise variance", _of_pixels(noise_variance)),
    Baseline("ghosts", "JPEG ghosts", ghosts),
    Baseline("double_quantisation", "double quantisation", double_quantisation),
    Baseline("copied", "SIFT matching", copied),
)
