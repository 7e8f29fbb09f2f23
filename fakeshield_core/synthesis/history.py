"""What happens to a picture on its way: resizing, blur, noise, JPEG at a shifted grid; all written down."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from fakeshield_core.domain import RgbImage

Steps = tuple[str, ...]


def jpeg_bytes(rgb: RgbImage, quality: int, subsampling: int = 2) -> bytes:
    """The picture as a JPEG file; subsampling 0 is 4:4:4, 2 is 4:2:0 (Pillow's numbers)."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def through_jpeg(rgb: RgbImage, quality: int, subsampling: int = 2) -> tuple[RgbImage, npt.NDArray[np.int32]]:
    """Pixels after one JPEG round trip, and the (8, 8) luma table it was done with, in natural order."""
    with Image.open(io.BytesIO(jpeg_bytes(rgb, quality, subsampling))) as image:
        table = np.array(image.quantization[0], np.int32).reshape(8, 8)  # type: ignore[attr-defined]
        return np.asarray(image.convert("RGB")), table


def through_table(
    rgb: RgbImage, luma: npt.NDArray[np.int32], subsampling: int = 2
) -> tuple[RgbImage, npt.NDArray[np.int32]]:
    """`through_jpeg` with (8, 8) steps 1..255 in natural order, for luma and chroma alike."""
    buffer = io.BytesIO()
    table = luma.ravel().tolist()
    Image.fromarray(rgb).save(buffer, "JPEG", qtables=[table, table], subsampling=subsampling)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB")), np.array(luma, np.int32)


def resized(rgb: RgbImage, height: int, width: int, rng: np.random.Generator) -> RgbImage:
    """Resampled by one of Pillow's three usual filters, drawn at random."""
    method = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)[rng.integers(3)]
    return np.asarray(Image.fromarray(rgb).resize((width, height), method))


def noisy(rgb: RgbImage, sigma: float, rng: np.random.Generator) -> RgbImage:
    """Gaussian noise of that standard deviation in grey levels, half of it common to the channels."""
    common = rng.normal(0, sigma, (*rgb.shape[:2], 1)) + rng.normal(0, sigma / 2, rgb.shape)
    return np.clip(np.rint(rgb + common), 0, 255).astype(np.uint8)


def blurred(rgb: RgbImage, sigma: float) -> RgbImage:
    """Gaussian blur of that radius in pixels."""
    smooth = ndimage.gaussian_filter(rgb.astype(np.float32), (sigma, sigma, 0))
    return np.clip(np.rint(smooth), 0, 255).astype(np.uint8)


def toned(rgb: RgbImage, rng: np.random.Generator) -> RgbImage:
    """Brightness, contrast, colour and sharpness as a person moves the sliders, each with its own chance."""
    values = rgb.astype(np.float32)
    if rng.random() < 0.6:
        gain, lift = float(rng.uniform(0.8, 1.25)), float(rng.uniform(-20, 20))
        values = (values - 128) * gain + 128 + lift
    if rng.random() < 0.3:
        grey = values.mean(axis=2, keepdims=True)
        values = grey + float(rng.uniform(0, 1.5)) * (values - grey)
    if rng.random() < 0.4:
        soft = ndimage.gaussian_filter(values, (float(rng.uniform(0.6, 1.5)),) * 2 + (0.0,))
        values = values + float(rng.uniform(0.2, 1.0)) * (values - soft)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def aged(rgb: RgbImage, rng: np.random.Generator) -> tuple[RgbImage, Steps]:
    """A life before the edit: up to four steps, each with its own chance; the JPEG grid starts anywhere."""
    if rng.random() >= 0.35:
        return weathered(rgb, rng)
    factor = float(rng.uniform(0.6, 1.25))
    rgb = resized(rgb, max(32, round(rgb.shape[0] * factor)), max(32, round(rgb.shape[1] * factor)), rng)
    rgb, steps = weathered(rgb, rng)
    return rgb, (f"resize {factor:.2f}", *steps)


def weathered(rgb: RgbImage, rng: np.random.Generator) -> tuple[RgbImage, Steps]:
    """Sliders, blur, noise and JPEG, each with its own chance; the size stays."""
    steps: list[str] = []
    if rng.random() < 0.2:
        rgb = toned(rgb, rng)
        steps.append("toned")
    if rng.random() < 0.15:
        sigma = float(rng.uniform(0.4, 1.2))
        rgb = blurred(rgb, sigma)
        steps.append(f"blur {sigma:.1f}")
    if rng.random() < 0.25:
        sigma = float(rng.uniform(0.8, 4.0))
        rgb = noisy(rgb, sigma, rng)
        steps.append(f"noise {sigma:.1f}")
    if rng.random() < 0.65:
        quality = int(rng.integers(45, 97))
        dy, dx = (int(v) for v in rng.integers(0, 8, 2)) if rng.random() < 0.7 else (0, 0)
        shifted = np.pad(rgb, ((dy, 0), (dx, 0), (0, 0)), mode="edge")
        rgb = through_jpeg(shifted, quality, int(rng.choice([0, 2])))[0][dy:, dx:]
        steps.append(f"jpeg {quality} at grid ({dy}, {dx})")
    return rgb, tuple(steps)
