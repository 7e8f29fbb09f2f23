"""Forgeries as editing programs make them: blended by gradients, inpainted, or redrawn from a coarse copy."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from scipy import ndimage

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.synthesis.forgeries import Forged, random_hole
from fakeshield_core.synthesis.history import resized

Retouch = Literal["blended", "inpainted", "redrawn"]
RETOUCHES: tuple[Retouch, ...] = ("blended", "inpainted", "redrawn")
LARGEST = 0.2  # of the picture: share that a region takes
MARGIN = 2  # pixels kept free at the border, for gradients


def retouch(host: RgbImage, donor: RgbImage, kind: Retouch, rng: np.random.Generator) -> Forged:
    """One forgery of the host.

    Args:
        host: (H, W, 3), H and W at least 64.
        donor: at least as large; used by "blended" and half of "redrawn".
    """
    inner = host[MARGIN:-MARGIN, MARGIN:-MARGIN]
    hole = np.pad(random_hole(inner, rng, LARGEST).mask, MARGIN)
    if kind == "blended":
        rgb = _blended(host, donor, hole, rng)
        changed = ndimage.binary_fill_holes((rgb != host).any(axis=2))
        return Forged(rgb, np.asarray(changed), "splice", ("blended by gradients",))
    if kind == "inpainted":
        rgb, step = _inpainted(host, hole, rng)
    else:
        rgb, step = _redrawn(host, donor if rng.random() < 0.5 else host, hole, rng)
    return Forged(rgb, hole, "removal", (step,))


def _blended(host: RgbImage, donor: RgbImage, hole: BoolMask, rng: np.random.Generator) -> RgbImage:
    """The donor's gradients inside, the host's values at the border (Perez et al. 2003).

    OpenCV takes a pixel or two off the hole's border.
    """
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tall, wide = hole[part].shape
    top = int(rng.integers(donor.shape[0] - tall + 1))
    left = int(rng.integers(donor.shape[1] - wide + 1))
    patch = np.ascontiguousarray(donor[top : top + tall, left : left + wide])
    centre = (int(columns[0] + wide // 2), int(rows[0] + tall // 2))
    full = hole[part].astype(np.uint8) * 255
    mixed = cv2.seamlessClone(patch, np.ascontiguousarray(host), full, centre, cv2.NORMAL_CLONE)
    return np.asarray(mixed, np.uint8)


def _inpainted(host: RgbImage, hole: BoolMask, rng: np.random.Generator) -> tuple[RgbImage, str]:
    """OpenCV's two classical fillings from the border inwards."""
    method, name = ((cv2.INPAINT_TELEA, "Telea"), (cv2.INPAINT_NS, "Navier-Stokes"))[rng.integers(2)]
    filled = cv2.inpaint(np.ascontiguousarray(host), hole.astype(np.uint8), float(rng.integers(3, 8)), method)
    return _inside(host, np.asarray(filled, np.uint8), hole), f"inpainted, {name}"


def _redrawn(
    host: RgbImage, source: RgbImage, hole: BoolMask, rng: np.random.Generator
) -> tuple[RgbImage, str]:
    """Pixels rebuilt from a coarse copy, as a decoder of a generator does: smooth, without sensor noise."""
    height, width = host.shape[:2]
    factor = float(rng.uniform(1.5, 4.0))
    source = source[:height, :width]
    small = np.asarray(resized(source, max(8, round(height / factor)), max(8, round(width / factor)), rng))
    large = resized(small, height, width, rng).astype(np.float32)
    sharper = large + float(rng.uniform(0.3, 1.5)) * (large - ndimage.gaussian_filter(large, (1.2, 1.2, 0)))
    if rng.random() < 0.5:  # upsampling leaves a fine lattice
        lattice = np.indices((height, width)).sum(axis=0) % 2 * 2.0 - 1
        sharper += lattice[..., None] * float(rng.uniform(0.3, 1.5))
    sharper += rng.normal(0, float(rng.uniform(0, 1.5)), sharper.shape)
    drawn = np.clip(np.rint(sharper), 0, 255).astype(np.uint8)
    alpha = ndimage.gaussian_filter(hole.astype(np.float32), float(rng.choice([0.5, 1.0, 2.0])))[..., None]
    mixed = host + alpha * (drawn.astype(np.float32) - host)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8), f"redrawn from 1/{factor:.1f}"


def _inside(host: RgbImage, changed: RgbImage, hole: BoolMask) -> RgbImage:
    """The host with its hole from the changed picture."""
    return np.where(hole[..., None], changed, host)
