"""Camera: linear light to the 8-bit picture a small camera would have written, with its sensor noise.

Lens blur and vignetting, Bayer mosaic, photon and read noise by ISO, bilinear demosaicing, white balance,
sharpening, tone curve. The noise model is var = gain * signal + read ** 2 (Foi et al. 2008, "Practical
Poissonian-Gaussian noise modeling"), so noise-based forensics find in these pictures what they look for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fakeshield_core.domain import Plane, RgbImage
from fakeshield_core.synthesis.scenes_canvas import FloatRgb

ISO_STEPS = (100, 200, 400, 800, 1600, 3200)
# At ISO 100 a small sensor holds about 15,000 electrons at white: one electron is this share of full scale.
GAIN_AT_ISO_100 = 6.5e-5
READ_AT_ISO_100 = 2.5e-4  # deviation, share of full scale
VEIL = 0.015  # share of the mean light that glare spreads over the whole frame
METERED = 0.22  # linear light the meter brings the middle of the brightness range to
# Bilinear interpolation of a colour that every fourth pixel has, and of green, which every second has.
FOURTH = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=np.float32) / 4
SECOND = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], dtype=np.float32) / 4


@dataclass(frozen=True, slots=True)
class Camera:
    """Settings of one shot."""

    iso: int
    exposure: float  # factor on what the meter proposes
    blur_px: float  # deviation of the lens blur
    vignette: float  # light lost in the corners, 0..1
    balance: tuple[float, float]  # sensitivity of red and blue against green, 0.3..1
    bayer: tuple[int, int]  # row and column of the red filter, 0 or 1
    sharpen: float  # amount of unsharp masking, 0 = none


def draw_camera(rng: np.random.Generator) -> Camera:
    """A camera and its settings, drawn at random."""
    return Camera(
        iso=int(rng.choice(ISO_STEPS)),
        exposure=float(rng.uniform(0.85, 1.1)),
        blur_px=float(rng.uniform(0.45, 0.75)),
        vignette=float(rng.uniform(0.05, 0.35)),
        balance=(float(rng.uniform(0.45, 0.7)), float(rng.uniform(0.5, 0.75))),
        bayer=(int(rng.integers(2)), int(rng.integers(2))),
        sharpen=float(rng.uniform(0.0, 0.7)),
    )


def expose(light: FloatRgb, camera: Camera, rng: np.random.Generator) -> RgbImage:
    """The 8-bit picture of a scene in linear light.

    Args:
        light: (H, W, 3), 1.0 = white paper in full light.
        camera: the settings.
        rng: draws the noise.

    Returns:
        (H, W, 3), 0..255.
    """
    seen = ndimage.gaussian_filter(light, (camera.blur_px, camera.blur_px, 0), truncate=3.0)
    seen += VEIL * seen.mean()
    seen *= (
        camera.exposure * _metered(seen) * _vignette(seen.shape[0], seen.shape[1], camera.vignette)[..., None]
    )
    gains = np.array([camera.balance[0], 1.0, camera.balance[1]], dtype=np.float32)
    raw = _read_sensor(_mosaic(seen * gains, camera.bayer), camera.iso, rng)
    developed = np.clip(_demosaic(raw, camera.bayer) / gains, 0, None)
    return _develop(developed, camera.sharpen)


def noise_deviation(signal: float, iso: int) -> float:
    """Deviation of the raw value at this signal (0..1 of full scale), share of full scale."""
    gain = GAIN_AT_ISO_100 * iso / 100
    return float(np.sqrt(gain * signal + (READ_AT_ISO_100 * iso / 100) ** 2))


def _metered(light: FloatRgb) -> float:
    """Exposure factor that brings the picture to a medium brightness without burning out much of it."""
    grey = light[::4, ::4].mean(axis=2)
    middle = 0.6 * float(np.median(grey)) + 0.4 * float(grey.mean())
    return float(min(METERED / max(middle, 1e-3), 0.95 / max(float(np.quantile(grey, 0.98)), 1e-3)))


def _vignette(height: int, width: int, lost: float) -> Plane:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    kept: Plane = (1 - lost * ((x**2 + y**2) / 2) ** 1.3).astype(np.float32)
    return kept


def _filters(shape_hw: tuple[int, int], bayer: tuple[int, int]) -> npt.NDArray[np.float32]:
    filters = np.zeros((*shape_hw, 3), dtype=np.float32)
    row, column = bayer
    filters[row::2, column::2, 0] = 1
    filters[row::2, 1 - column :: 2, 1] = 1
    filters[1 - row :: 2, column::2, 1] = 1
    filters[1 - row :: 2, 1 - column :: 2, 2] = 1
    return filters


def _mosaic(rgb: FloatRgb, bayer: tuple[int, int]) -> Plane:
    raw: Plane = (rgb * _filters((rgb.shape[0], rgb.shape[1]), bayer)).sum(axis=2)
    return raw


def _read_sensor(raw: Plane, iso: int, rng: np.random.Generator) -> Plane:
    gain = np.float32(GAIN_AT_ISO_100 * iso / 100)
    read = np.float32(READ_AT_ISO_100 * iso / 100)
    deviation = np.sqrt(gain * np.maximum(raw, 0) + read**2)
    noisy = raw + deviation * rng.standard_normal(raw.shape, dtype=np.float32)
    recorded: Plane = np.round(np.clip(noisy, -0.02, 1.0) * 4095) / np.float32(4095)  # 12-bit converter
    return recorded


def _demosaic(raw: Plane, bayer: tuple[int, int]) -> FloatRgb:
    filters = _filters((raw.shape[0], raw.shape[1]), bayer)
    rgb = np.empty_like(filters)
    for channel, kernel in enumerate((FOURTH, SECOND, FOURTH)):
        rgb[..., channel] = ndimage.convolve(raw * filters[..., channel], kernel, mode="mirror")
    return rgb


def _develop(rgb: FloatRgb, sharpen: float) -> RgbImage:
    tone = np.clip(rgb, 0, 1.5) ** np.float32(1 / 2.2)
    tone -= np.float32(0.025) * np.sin(np.float32(2 * np.pi) * np.clip(tone, 0, 1))
    if sharpen > 0:
        tone = tone + np.float32(sharpen) * (
            tone - ndimage.gaussian_filter(tone, (1.0, 1.0, 0), truncate=3.0)
        )
    shoulder = np.where(tone > 0.9, 0.9 + 0.1 * np.tanh((tone - 0.9) / 0.1), tone)
    picture: RgbImage = np.clip(np.round(shoulder * 255), 0, 255).astype(np.uint8)
    return picture
