"""Known failures of the compact engine on pictures of our own making, for the model card.

`python -m bench.failures --out docs/images/failures.jpg` forges procedural scenes in four ways that the card
warns of, and shows of each the one on which the engine did worst: picture, true region in green, the engine's
mask in magenta.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.engines.compact import CompactEngine, build
from fakeshield_core.imaging import decode
from fakeshield_core.metrics import pixel_f1
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.synthesis.forgeries import forge
from fakeshield_core.synthesis.history import jpeg_bytes
from fakeshield_core.synthesis.scenes import scene

FIRST_GROUP = 300  # of the scenes; nothing of them is used elsewhere
TRIED = 12  # scenes for each failure
HEIGHT, WIDTH = 288, 384
SMALL_PX = 24  # side of the small copy
TRUTH, MARKED = (40, 200, 90), (230, 30, 200)
LABEL_PX = 18


@dataclass(frozen=True, slots=True)
class Tried:
    """One picture and what the engine made of it."""

    rgb: RgbImage
    truth: BoolMask
    marked: BoolMask
    verdict: str

    @property
    def badness(self) -> float:
        """1 - F1 where something is forged, else the marked share."""
        if self.truth.any():
            return 1 - pixel_f1(self.marked, self.truth)
        return float(self.marked.mean())


Made = tuple[bytes, BoolMask]  # a JPEG file and where it is forged


def untouched(number: int) -> Made:
    """A scene as it is: whatever is marked is wrong."""
    return jpeg_bytes(scene(number, HEIGHT, WIDTH).rgb, 92), np.zeros((HEIGHT, WIDTH), np.bool_)


def recompressed(number: int) -> Made:
    """A splice saved at quality 60."""
    forged = _spliced(number)
    return jpeg_bytes(forged[0], 60), forged[1]


def small(number: int) -> Made:
    """A patch of 24 x 24 pixels from another place of the same scene."""
    rgb = scene(number, HEIGHT, WIDTH).rgb.copy()
    rng = np.random.default_rng(number)
    (top, left), (down, across) = (
        (int(rng.integers(HEIGHT - SMALL_PX)), int(rng.integers(WIDTH - SMALL_PX))) for _ in range(2)
    )
    rgb[top : top + SMALL_PX, left : left + SMALL_PX] = rgb[
        down : down + SMALL_PX, across : across + SMALL_PX
    ]
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + SMALL_PX, left : left + SMALL_PX] = True
    return jpeg_bytes(rgb, 92), mask


def half_size(number: int) -> Made:
    """A splice scaled down to half and saved at quality 85."""
    rgb, mask = _spliced(number)
    size = (WIDTH // 2, HEIGHT // 2)
    shrunk = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
    return jpeg_bytes(shrunk, 85), mask[::2, ::2]


FAILURES: tuple[tuple[str, Callable[[int], Made]], ...] = (
    ("untouched, marked all the same", untouched),
    ("pasted, saved at quality 60", recompressed),
    ("a copy of 24 x 24 pixels", small),
    ("pasted, then half the size", half_size),
)


def worst(engine: CompactEngine, make: Callable[[int], Made], tried: int = TRIED) -> Tried:
    """Of several pictures the one on which the engine does worst."""
    found = [_tried(engine, *make(FIRST_GROUP + number)) for number in range(tried)]
    return max(found, key=lambda each: each.badness)


def sheet(rows: Sequence[tuple[str, Tried]]) -> Image.Image:
    """A row for each failure: the picture, and the same with both outlines, named above."""
    canvas = Image.new("RGB", (2 * WIDTH + 8, len(rows) * (HEIGHT + LABEL_PX + 8)), "white")
    draw = ImageDraw.Draw(canvas)
    for number, (title, tried) in enumerate(rows):
        top = number * (HEIGHT + LABEL_PX + 8)
        draw.text((2, top + 3), f"{title}: {tried.verdict.replace('_', ' ')}", fill="black")
        for left, rgb in ((0, tried.rgb), (WIDTH + 8, _outlined(tried))):
            canvas.paste(Image.fromarray(rgb), (left, top + LABEL_PX))
    return canvas


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the sheet; 0 when done."""
    parser = argparse.ArgumentParser(prog="python -m bench.failures", description="Known failures, drawn.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JPEG to write")
    args = parser.parse_args(argv)
    engine = build(threads=1)
    rows = [(title, worst(engine, make)) for title, make in FAILURES]
    sheet(rows).save(args.out, quality=88)
    for title, tried in rows:
        print(f"{title}: {tried.verdict}, {tried.badness:.2f}")
    return 0


def _spliced(number: int) -> tuple[RgbImage, BoolMask]:
    host, donor = scene(number, HEIGHT, WIDTH), scene(number + 30, HEIGHT, WIDTH)
    cutout = max(donor.objects, key=lambda each: int(each.sum()), default=None)
    forged = forge(host.rgb, donor.rgb, "splice", np.random.default_rng(number), cutout)
    return forged.rgb, forged.mask


def _tried(engine: CompactEngine, file: bytes, truth: BoolMask) -> Tried:
    picture = decode(file, "scene.jpg")
    analysis = analyze_to_end(engine, picture)
    marked = analysis.mask if analysis.mask is not None else np.zeros_like(truth)
    return Tried(picture.rgb, truth, marked, analysis.verdict)


def _outlined(tried: Tried) -> RgbImage:
    rgb = tried.rgb.copy()
    for mask, colour in ((tried.truth, TRUTH), (tried.marked, MARKED)):
        rgb[mask & ~ndimage.binary_erosion(mask, iterations=2)] = colour
    return rgb


if __name__ == "__main__":
    sys.exit(main())
