"""Pictures whose compressions are known: a square with another history than the rest, saved in any format."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, Evidence, EvidenceItem, RgbImage
from fakeshield_core.evidence import compare
from fakeshield_core.imaging import decode

HEIGHT, WIDTH = 256, 320
TOP, LEFT, SIDE = 80, 144, 96  # of the square, on whole blocks


def scene(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> RgbImage:
    """Grey, with structure of every size and grain, never compressed."""
    rng = np.random.default_rng(seed)
    grey = rng.normal(0, 3, (height, width))
    for size, strength in ((1, 14), (3, 16), (10, 22), (40, 35)):
        layer = ndimage.gaussian_filter(rng.normal(0, 1, (height, width)), size)
        grey += strength * layer / layer.std()
    return np.repeat(np.clip(128 + grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def saved(rgb: RgbImage, quality: int) -> RgbImage:
    """After one JPEG round trip."""
    return decode(file_of(rgb, "JPEG", quality), "test").rgb


def file_of(rgb: RgbImage, file_format: str, quality: int = 95, turn: int = 1) -> bytes:
    """A file; `turn` is the EXIF orientation written into it."""
    exif = Image.Exif()
    exif[0x0112] = turn
    buffer = io.BytesIO()
    options = {"quality": quality, "subsampling": 0} if file_format == "JPEG" else {}
    Image.fromarray(rgb).save(buffer, file_format, exif=exif.tobytes(), **options)
    return buffer.getvalue()


def square(top: int = TOP, left: int = LEFT, side: int = SIDE) -> BoolMask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def pasted(rest: RgbImage, part: RgbImage) -> RgbImage:
    """`rest` with the square taken from `part`."""
    return np.where(square()[..., None], part, rest)


def with_ghost(seed: int = 0, quality: int = 60) -> RgbImage:
    """Only the square was compressed, on the grid of the picture."""
    return pasted(scene(seed), saved(scene(seed), quality))


def with_moved_grid(seed: int = 0, across: int = 3, down: int = 5) -> RgbImage:
    """Compressed all over, the square on a grid moved by so many pixels, 0..7."""
    wide = scene(seed, HEIGHT + 8, WIDTH + 8)
    own = saved(wide[down:, across:], 75)[8 - down :, 8 - across :][:HEIGHT, :WIDTH]
    return pasted(saved(wide[8:, 8:], 75), own)


def with_fresh_part(seed: int = 0, first: int = 60) -> RgbImage:
    """Compressed all over save the square."""
    return pasted(saved(scene(seed), first), scene(seed))


def looked_at(evidence: Evidence, mask: BoolMask, name: str) -> EvidenceItem:
    """The item of that name, compared with the mask's areas."""
    labels = masks.label_regions(mask, masks.min_region_px(*mask.shape)).labels
    regions = masks.regions(mask, mask.astype(np.float32))
    item = compare(evidence, labels, regions).item(name)
    assert item is not None
    return item
