"""Retouching by hand-chosen coordinates: soft shapes, pasting, and a healing brush without visible seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from fakeshield_core.domain import BoolMask, Plane, RgbImage

FINE = 4  # shapes are drawn this many times larger, then averaged


@dataclass(frozen=True, slots=True)
class Edited:
    """A picture after one edit, and where pixels were replaced."""

    rgb: RgbImage  # (H, W, 3)
    mask: BoolMask  # (H, W)


def soft_polygon(shape_hw: tuple[int, int], corners_xy: Sequence[tuple[float, float]]) -> Plane:
    """(H, W) coverage 0..1 of a polygon given in pixels."""
    height, width = shape_hw
    large = Image.new("L", (width * FINE, height * FINE))
    ImageDraw.Draw(large).polygon([(x * FINE, y * FINE) for x, y in corners_xy], fill=255)
    small = large.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def soft_ellipse(
    shape_hw: tuple[int, int], centre_xy: tuple[float, float], half_xy: tuple[float, float]
) -> Plane:
    """(H, W) coverage 0..1 of an upright ellipse given in pixels."""
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    x, y = centre_xy[0] + half_xy[0] * np.cos(turn), centre_xy[1] + half_xy[1] * np.sin(turn)
    return soft_polygon(shape_hw, list(zip(x.tolist(), y.tolist(), strict=True)))


def paste(host: RgbImage, piece: RgbImage, alpha: Plane, corner_xy: tuple[int, int]) -> Edited:
    """The piece (h, w, 3) laid on the host with alpha (h, w), top left corner at corner_xy; it must fit."""
    x, y = corner_xy
    height, width = alpha.shape
    out, mask = host.copy(), np.zeros(host.shape[:2], np.bool_)
    area = out[y : y + height, x : x + width].astype(np.float32)
    out[y : y + height, x : x + width] = _to_bytes(area + alpha[..., None] * (piece - area))
    mask[y : y + height, x : x + width] = alpha > 0.5
    return Edited(out, mask)


def copy_within(host: RgbImage, alpha: Plane, shift_xy: tuple[int, int]) -> Edited:
    """What lies under alpha (H, W) copied to a place shifted by (x, y) pixels."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = int(columns[0]) + shift_xy[0], int(rows[0]) + shift_xy[1]
    return paste(host, host[window], alpha[window], corner)


def heal(
    host: RgbImage, hole: Plane, shift_xy: tuple[int, int], grain: float = 1.0, apart: Plane | None = None
) -> Edited:
    """A hole filled with the texture found shift_xy away, its colours bent to meet the edge of the hole.

    Args:
        host: (H, W, 3).
        hole: (H, W) coverage 0..1 of what shall vanish.
        shift_xy: where the texture is taken from, pixels; the shifted hole must lie inside the picture.
        grain: share of the source's fine detail that is kept.
        apart: (H, W) coverage 0..1 of another surface that touches the hole; its colours do not bleed in.

    Source: the membrane of Pérez et al. 2003, "Poisson image editing", with free edges along `apart`.
    """
    inside = hole > 0.02
    ring = ndimage.binary_dilation(inside) & ~inside
    usable = ring if apart is None else ring & (apart < 0.02)
    source = np.roll(host, (-shift_xy[1], -shift_xy[0]), axis=(0, 1)).astype(np.float32)
    if grain < 1:
        detail = source - ndimage.gaussian_filter(source, (3, 3, 0))
        source = grain * detail + source[inside].mean(axis=0)
    filled = source + _membrane(host - source, inside, usable)
    return Edited(_to_bytes(np.where(inside[..., None], filled, host)), inside)


def _membrane(step: Plane, inside: BoolMask, usable: BoolMask) -> Plane:
    """(H, W, 3) the smoothest surface over the inside that meets `step` where the edge is usable."""
    ys, xs = np.nonzero(inside)
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(ys.size)
    weights = np.full(ys.size, 1e-6)  # keeps the system solvable where no edge is usable
    known = np.zeros((ys.size, 3))
    rows, columns = [], []
    for d_y, d_x in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = np.clip(ys + d_y, 0, inside.shape[0] - 1), np.clip(xs + d_x, 0, inside.shape[1] - 1)
        linked, fixed = inside[y, x], usable[y, x]
        weights += linked | fixed
        known += np.where(fixed[:, None], step[y, x], 0)
        rows.append(np.flatnonzero(linked))
        columns.append(number[y, x][linked])
    row, column = np.concatenate(rows), np.concatenate(columns)
    links = sparse.csr_matrix((np.ones(row.size), (row, column)), shape=(ys.size, ys.size))
    surface = np.zeros(step.shape, np.float32)
    surface[inside] = spsolve((sparse.diags(weights) - links).tocsc(), known)
    return surface


def _to_bytes(values: Plane) -> RgbImage:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
