"""Pictures as the three networks want them, by Pillow and numpy in the order of the published arithmetic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from fakeshield_core.domain import RgbImage
from fakeshield_core.errors import EngineUnavailable, ImageUnreadable

Planes: TypeAlias = npt.NDArray[np.float32]  # (1, 3, h, w), normalised

DTG_RESIZE, DTG_CROP = 256, 224
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SAM_SIDE = 1024
SAM_MEAN, SAM_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True, slots=True)
class ClipProcessing:
    """`preprocessor_config.json` of a CLIP folder; defaults are those of clip-vit-large-patch14-336."""

    resize: int = 336  # of the short side, pixels
    crop_hw: tuple[int, int] = (336, 336)
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    resample: int = 3  # Pillow's number of bicubic

    @property
    def pad_colour(self) -> tuple[int, ...]:
        """int(255 * mean), the canvas of `pad_square`."""
        return tuple(int(255 * value) for value in self.mean)


def read_clip_processing(folder: Path | None) -> ClipProcessing:
    """The processing that a CLIP folder asks for; the defaults without a folder or file.

    Raises:
        EngineUnavailable: the file is there and cannot be read.
    """
    path = None if folder is None else folder / "preprocessor_config.json"
    if path is None or not path.is_file():
        return ClipProcessing()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        default = ClipProcessing()
        size, crop = data.get("size", default.resize), data.get("crop_size", default.crop_hw[0])
        return ClipProcessing(
            int(size["shortest_edge"] if isinstance(size, dict) else size),
            (int(crop["height"]), int(crop["width"])) if isinstance(crop, dict) else (int(crop), int(crop)),
            tuple(data.get("image_mean", default.mean)),
            tuple(data.get("image_std", default.std)),
            int(data.get("resample", default.resample)),
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineUnavailable(f"{path.name} of CLIP cannot be read; download it again.") from error


def read_rgb(path: Path, upright: bool = False) -> RgbImage:
    """(H, W, 3) of a picture file as the published programs read it.

    Args:
        path: the file.
        upright: True turns by the EXIF orientation, as the MFLM's reader does; the other parts do not.

    Raises:
        ImageUnreadable: it is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image) if upright else image
            return np.asarray(turned.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ImageUnreadable(f"{path.name} is missing or no picture; put the file back.") from error


def read_grey(path: Path) -> npt.NDArray[np.uint8]:
    """(H, W) of a mask file; errors as in `read_rgb`."""
    return read_rgb(path)[..., 0]


def dtg_planes(rgb: RgbImage) -> Planes:
    """The DTG's input (1, 3, 224, 224): short side to 256, centre crop, ImageNet normalisation.

    Source: torchvision `Resize(256)`, `CenterCrop(224)` on Pillow pictures, and their rounding.
    """
    height, width = rgb.shape[:2]
    short, long = min(height, width), max(height, width)
    grown = int(DTG_RESIZE * long / short)
    wide, tall = (DTG_RESIZE, grown) if width <= height else (grown, DTG_RESIZE)
    image = np.asarray(Image.fromarray(rgb).resize((wide, tall), Image.Resampling.BILINEAR))
    top, left = round((tall - DTG_CROP) / 2.0), round((wide - DTG_CROP) / 2.0)
    window = image[top : top + DTG_CROP, left : left + DTG_CROP].astype(np.float32) / np.float32(255)
    return _planes((window - _row(IMAGENET_MEAN)) / _row(IMAGENET_STD))


def pad_square(rgb: RgbImage, colour: tuple[int, ...]) -> RgbImage:
    """The picture centred on a square canvas of its longer side, (S, S, 3)."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = colour
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = rgb
    return canvas


def clip_planes(rgb: RgbImage, processing: ClipProcessing) -> Planes:
    """CLIP's input (1, 3, 336, 336): short side resized, centre crop, normalised.

    Source: transformers 4.37 `CLIPImageProcessor`; the product with 1/255 is in float64, the rest in float32.
    """
    height, width = rgb.shape[:2]
    grown = int(processing.resize * max(height, width) / min(height, width))
    size = (processing.resize, grown) if width <= height else (grown, processing.resize)
    image = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling(processing.resample)))
    window = _centre(image, processing.crop_hw)
    scaled = (window * (1 / 255)).astype(np.float32)
    return _planes((scaled - _row(processing.mean)) / _row(processing.std))


def sam_size(height: int, width: int, side: int = SAM_SIDE) -> tuple[int, int]:
    """Height and width after the long side is brought to `side`."""
    scale = side / max(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def sam_resized(rgb: RgbImage, side: int = SAM_SIDE) -> RgbImage:
    """The picture with its long side at `side`, (h, w, 3)."""
    tall, wide = sam_size(rgb.shape[0], rgb.shape[1], side)
    return np.asarray(Image.fromarray(rgb).resize((wide, tall), Image.Resampling.BILINEAR))


def sam_planes(resized: RgbImage, side: int = SAM_SIDE) -> Planes:
    """SAM's input (1, 3, side, side): normalised, then zeros at the right and below."""
    values = (resized.astype(np.float32) - _row(SAM_MEAN)) / _row(SAM_STD)
    planes = np.zeros((1, 3, side, side), np.float32)
    planes[0, :, : values.shape[0], : values.shape[1]] = values.transpose(2, 0, 1)
    return planes


def _centre(image: RgbImage, crop_hw: tuple[int, int]) -> RgbImage:
    """The middle of the picture; black around it where the crop is larger."""
    tall, wide = crop_hw
    top, left = (image.shape[0] - tall) // 2, (image.shape[1] - wide) // 2
    if top < 0 or left < 0:
        grow = (
            (max(0, -top), max(0, tall - image.shape[0] + top)),
            (max(0, -left), max(0, wide - image.shape[1] + left)),
        )
        image = np.pad(image, (*grow, (0, 0)))
        top, left = max(0, top), max(0, left)
    return image[top : top + tall, left : left + wide]


def _row(values: tuple[float, ...]) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _planes(values: npt.NDArray[np.float32]) -> Planes:
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)
