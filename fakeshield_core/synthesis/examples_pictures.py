"""The example pictures of the page, each with its truth: what was done, where, and whose photograph it was.

Photographs come from the files inside scikit-image whose description there states CC0 or the public domain.
All positions are pixels of those files, chosen by eye.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import resources

import numpy as np
from PIL import Image

from fakeshield_core.domain import BoolMask, Plane, RgbImage
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.synthesis.examples_retouch import copy_within, heal, paste, soft_ellipse, soft_polygon
from fakeshield_core.synthesis.history import jpeg_bytes, noisy, through_jpeg
from fakeshield_core.synthesis.scenes_camera import Camera, expose
from fakeshield_core.synthesis.scenes_canvas import Canvas, Light, srgb
from fakeshield_core.synthesis.scenes_flat import draw_balloon
from fakeshield_core.synthesis.scenes_objects import Place


@dataclass(frozen=True, slots=True)
class Source:
    """Where pixels come from."""

    name: str
    licence: str


@dataclass(frozen=True, slots=True)
class Example:
    """One finished example."""

    id: str  # also the stem of its files
    title: str
    alt: str
    kind: str  # "authentic", "splice", "copy_move", "removal"
    data: bytes  # the JPEG file
    mask: BoolMask | None  # (H, W) of the picture, True where pixels were replaced; None: untouched
    history: tuple[str, ...]
    sources: tuple[Source, ...]


COFFEE = Source("coffee.png of scikit-image, photograph by Rachel Michetti, Pikolo Espresso Bar", "CC0")
PHOTOGRAPHER = Source("camera.png of scikit-image, photograph by Lav Varshney", "CC0")
ROCKET = Source("rocket.jpg of scikit-image, launch pad of DSCOVR, photograph by SpaceX", "public domain")
GALAXIES = Source("hubble_deep_field.jpg of scikit-image, Hubble eXtreme Deep Field by NASA", "public domain")
BALLOON = Source("balloon drawn by fakeshield_core.synthesis", "Apache-2.0")

# Outline of the cup against the saucer and the table, in coffee.png.
CUP = (
    (362, 35), (380, 50), (393.75, 66.25), (403, 80), (408, 95.5), (410, 112.5), (409.5, 127.5),
    (405.75, 147.5), (399, 175), (391.25, 195), (382, 212.5), (370.5, 230), (355, 247.5), (332.5, 260.5),
    (312.5, 273), (292.5, 282.5), (280, 283.75), (255, 265), (255, 40),
)  # fmt: skip
# The spoon: its end beyond the saucer, what shows of handle, neck and bowl, its mirror image in the cup.
SPOON_END = (
    (395.5, 72), (402.5, 66), (413.75, 64.5), (425.5, 72), (426, 81.25), (420.5, 107), (415, 105.5),
    (410, 107.5), (407, 100), (404.5, 91.25), (400, 80),
)  # fmt: skip
SPOON_HANDLE = ((408, 104), (421.5, 107), (415, 125), (410.5, 135), (408, 122.5))
SPOON_NECK = (
    (393, 190), (388.5, 215), (386, 232.5), (383, 240), (355, 255), (355, 247.5), (370.5, 230), (382, 212.5),
    (390.75, 195),
)  # fmt: skip
SPOON_BOWL = ((366.5, 282), (45, 51))  # middle and half axes
SPOON_MIRRORED = (
    (312, 252.5), (317.5, 243), (337.5, 234.5), (362.5, 228), (367.5, 218.75), (377.5, 210), (381.25, 200),
    (391.25, 191.25), (396.25, 192.5), (387.5, 212.5), (373, 232.5), (357.5, 250), (332.5, 263), (322.5, 265),
)  # fmt: skip


def make_examples() -> tuple[Example, ...]:
    """All examples, in the order the page shows them.

    Raises:
        FakeShieldError: scikit-image is not installed.
    """
    makers: tuple[Callable[[], Example], ...] = (unedited, pasted, copied, removed, unedited_grey)
    return tuple(make() for make in makers)


def unedited() -> Example:
    """A cup of coffee on a table, as photographed."""
    return Example(
        id="unedited",
        title="Unedited photo",
        alt="An espresso in a red cup, with a spoon on the saucer, on a wooden table",
        kind="authentic",
        data=jpeg_bytes(_bundled("coffee.png"), 90),
        mask=None,
        history=("photograph, stored without loss", "JPEG quality 90"),
        sources=(COFFEE,),
    )


def unedited_grey() -> Example:
    """A man with a video camera on a lawn, as photographed, without colours."""
    reduced = Image.fromarray(_bundled("camera.png")).resize((320, 320), Image.Resampling.LANCZOS)
    return Example(
        id="unedited_grey",
        title="Unedited photo, grey",
        alt="A man in a dark coat looks through a camera on a tripod, on a lawn before a skyline",
        kind="authentic",
        data=jpeg_bytes(np.asarray(reduced), 95),
        mask=None,
        history=(
            "grey photograph, stored without loss",
            "reduced to 320 pixels (Lanczos)",
            "JPEG quality 95",
        ),
        sources=(PHOTOGRAPHER,),
    )


def pasted() -> Example:
    """A hot-air balloon over a launch pad at dusk, where there was none."""
    host = _bundled("rocket.jpg")
    piece, alpha = _balloon()
    edited = paste(host, piece, alpha, (438, 16))
    return Example(
        id="pasted",
        title="Pasted object",
        alt="A launch pad at dusk with a rocket, and a striped hot-air balloon to the right of it",
        kind="splice",
        data=jpeg_bytes(edited.rgb, 90),
        mask=edited.mask,
        history=(
            "host: a photograph already stored as JPEG",
            "pasted: a balloon drawn by us, camera noise of ISO 800, JPEG quality 80, reduced to 36 %",
            "JPEG quality 90",
        ),
        sources=(ROCKET, BALLOON),
    )


def copied() -> Example:
    """A spiral galaxy that appears twice."""
    host = np.ascontiguousarray(_bundled("hubble_deep_field.jpg")[250:762, 40:808])
    spiral = soft_ellipse(host.shape[:2], (84, 151), (56, 52))
    edited = copy_within(host, spiral, (516, 289))
    return Example(
        id="copied",
        title="Copied object",
        alt="Galaxies of many colours before a black sky, two of them white spirals",
        kind="copy_move",
        data=jpeg_bytes(edited.rgb, 90),
        mask=edited.mask,
        history=(
            "a photograph already stored as JPEG, cut to 768 x 512",
            "an ellipse of 112 x 104 pixels around a spiral galaxy copied 516 pixels right and 289 down",
            "JPEG quality 90",
        ),
        sources=(GALAXIES,),
    )


def removed() -> Example:
    """The cup of coffee of `unedited` without its spoon."""
    host, _ = through_jpeg(_bundled("coffee.png"), 95)
    rgb, mask = _without_spoon(host)
    return Example(
        id="removed",
        title="Removed object",
        alt="An espresso in a red cup on a saucer on a wooden table",
        kind="removal",
        data=jpeg_bytes(rgb, 90),
        mask=mask,
        history=(
            "photograph, JPEG quality 95",
            "spoon and its mirror image in the cup healed away with wood and glaze from beside them",
            "grain of 1.3 grey levels laid over the healed area",
            "JPEG quality 90",
        ),
        sources=(COFFEE,),
    )


def _without_spoon(host: RgbImage) -> tuple[RgbImage, BoolMask]:
    shape = host.shape[:2]
    cup = soft_polygon(shape, CUP)
    end, handle = soft_polygon(shape, SPOON_END), soft_polygon(shape, SPOON_HANDLE) * (cup < 0.5)
    bowl = np.maximum(soft_polygon(shape, SPOON_NECK), soft_ellipse(shape, *SPOON_BOWL)) * (cup < 0.02)
    mirrored = soft_polygon(shape, SPOON_MIRRORED) * (cup > 0.02)
    steps: Sequence[tuple[Plane, tuple[int, int], float, Plane]] = (
        (end, (32, -14), 1.0, cup),  # wood, along its grain
        (handle, (13, 9), 1.0, cup),  # the saucer's rim, further along
        (bowl, (45, -20), 0.0, cup),
        (mirrored, (-20, 2), 0.0, 1 - cup),
    )
    rgb = reduce(lambda done, step: heal(done, step[0], step[1], step[2], step[3]).rgb, steps, host)
    mask = reduce(np.logical_or, (hole > 0.02 for hole, *_ in steps))
    grained = noisy(rgb, 1.3, np.random.default_rng(0))
    return np.where(mask[..., None], grained, rgb), mask


def _balloon() -> tuple[RgbImage, Plane]:
    """(160, 131, 3) and its coverage: a balloon in the last light, on a piece of evening sky."""
    light = Light(
        -0.78, 0.1, 0.62, srgb(255, 190, 120) * np.float32(0.55), srgb(150, 175, 225) * np.float32(0.3)
    )
    canvas = Canvas(np.tile(srgb(34, 52, 96), (440, 360, 1)), light)
    draw_balloon(canvas, Place(180, 400, 352, srgb(190, 66, 52)), np.random.default_rng(4))
    camera = Camera(800, 0.5, 0.9, 0.0, (0.55, 0.6), (0, 0), 0.4)
    photograph, _ = through_jpeg(expose(canvas.rgb, camera, np.random.default_rng(1)), 80)
    size = 131, 160
    small = np.asarray(Image.fromarray(photograph).resize(size, Image.Resampling.BICUBIC))
    outline = Image.fromarray(np.where(canvas.labels > 0, 255, 0).astype(np.uint8))
    return small, np.asarray(outline.resize(size, Image.Resampling.BOX), np.float32) / np.float32(255)


def _bundled(filename: str) -> RgbImage:
    """(H, W, 3) pixels of a data file inside scikit-image; nothing is downloaded."""
    try:
        data = (resources.files("skimage") / "data" / filename).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise FakeShieldError(
            "Remaking the examples needs scikit-image; run pip install -r requirements-dev.txt first."
        ) from error
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
