"""Seeded noise fields and the small plane functions that textures and objects are made of."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft

from fakeshield_core.domain import Plane

RealPlane: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]  # (H, W), either precision


def fractal(
    shape_hw: tuple[int, int],
    rng: np.random.Generator,
    beta: float,
    stretch_yx: tuple[float, float] = (1.0, 1.0),
    period_px: float = 1e9,
) -> Plane:
    """Periodic noise of mean 0 and deviation 1 whose power falls as 1 / frequency ** beta.

    Args:
        shape_hw: height and width, pixels.
        rng: every call draws height * width normals from it.
        beta: 0 is white; about 2 is the spectrum of natural pictures.
        stretch_yx: (1, 6) draws features out six times along x.
        period_px: longest wavelength that still gains power; the spectrum is flat above it.

    Returns:
        (H, W), wraps without a seam.
    """
    white = rng.standard_normal(shape_hw, dtype=np.float32)
    height, width = shape_hw
    f_y = np.float32(stretch_yx[0]) * scipy.fft.fftfreq(height).astype(np.float32)[:, None]
    f_x = np.float32(stretch_yx[1]) * scipy.fft.rfftfreq(width).astype(np.float32)[None, :]
    power = f_y**2 + f_x**2 + np.float32(1.0 / period_px**2)
    power[0, 0] = 1.0
    amplitude = power ** np.float32(-beta / 4)
    amplitude[0, 0] = 0.0
    field = scipy.fft.irfft2(scipy.fft.rfft2(white) * amplitude, s=shape_hw)
    scaled: Plane = (field / max(float(field.std()), 1e-6)).astype(np.float32)
    return scaled


def sample(tile: Plane, v: RealPlane, u: RealPlane) -> Plane:
    """(H, W) the tile read at rows v and columns u, which broadcast; any real numbers, wrapping, bilinear."""
    height, width = tile.shape
    row, column = np.floor(v).astype(np.int32), np.floor(u).astype(np.int32)
    part_v, part_u = (v - row).astype(np.float32), (u - column).astype(np.float32)
    row, column = row % height, column % width
    below, right = (row + 1) % height, (column + 1) % width
    upper = tile[row, column] * (1 - part_u) + tile[row, right] * part_u
    lower = tile[below, column] * (1 - part_u) + tile[below, right] * part_u
    read: Plane = upper * (1 - part_v) + lower * part_v
    return read


def smoothstep(low: float, high: float, value: RealPlane) -> Plane:
    """0 below low, 1 above high, smooth between (low may be the larger one)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    risen: Plane = (t * t * (3 - 2 * t)).astype(np.float32)
    return risen


def cover(distance_px: RealPlane) -> Plane:
    """Share of each pixel covered by a shape, from the signed distance to its edge (negative inside)."""
    share: Plane = np.clip(0.5 - distance_px, 0.0, 1.0).astype(np.float32)
    return share


def relief(height: Plane, from_x: float, from_y: float) -> Plane:
    """Brightness change of a bumpy surface lit from (from_x, from_y): above 0 where it faces the light."""
    lit = np.zeros_like(height)
    lit[:, 1:-1] += np.float32(-from_x / 2) * (height[:, 2:] - height[:, :-2])
    lit[1:-1] += np.float32(-from_y / 2) * (height[2:] - height[:-2])
    return lit


def ridge_line(width: int, rng: np.random.Generator, roughness: float) -> Plane:
    """(width,) skyline of mean 0 and deviation about 1; roughness 1.5 is jagged, 3 is rolling."""
    line: Plane = fractal((1, 2 * width), rng, roughness)[0, :width]
    return line
