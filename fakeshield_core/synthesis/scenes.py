"""Own procedural scenes: pictures nobody can claim, with camera noise and exact object masks, from a seed.

They serve tests, demonstrations and training where photographs may not go. Nothing is read from disk; the
same seed gives the same bytes with the same numpy and scipy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.synthesis.scenes_camera import draw_camera, expose
from fakeshield_core.synthesis.scenes_canvas import LabelMap
from fakeshield_core.synthesis.scenes_settings import SETTINGS, Stage, draw_light

GROUPS = 360  # scene groups; seeds that are equal modulo this are shots of one place
SMALLEST_OBJECT = 8e-4  # share of the picture; what shows less is background
PLACE_STREAM, SHOT_STREAM = 71, 72  # keep the draws of the place apart from those of the shot


@dataclass(frozen=True, slots=True)
class Scene:
    """One procedural photograph."""

    rgb: RgbImage  # (H, W, 3)
    labels: LabelMap  # (H, W) int32, 0 = background, 1.. = objects, only what is visible of each
    setting: str  # "meadow", "street", ...
    group: int  # 0..GROUPS - 1
    iso: int  # of the camera; noise grows with it

    @property
    def objects(self) -> tuple[BoolMask, ...]:
        """One (H, W) mask for each object, in the order of the labels."""
        return tuple(self.labels == label for label in range(1, int(self.labels.max()) + 1))


def group(seed: int) -> int:
    """The scene group of a seed: what must not be split between training and test."""
    return seed % GROUPS


def scene(seed: int, height: int = 384, width: int = 512) -> Scene:
    """The scene of a seed.

    Args:
        seed: 0 or more. Seeds of one group show the same place, things moved a little, with another camera.
        height: pixels, 64 or more.
        width: the same.

    Raises:
        ValueError: a negative seed or a side under 64 pixels.
    """
    if seed < 0 or min(height, width) < 64:
        raise ValueError(
            f"Give a seed of 0 or more and sides of at least 64 pixels, not {seed}, {height}x{width}."
        )
    number = group(seed)
    place = np.random.default_rng([PLACE_STREAM, number])
    shot = np.random.default_rng([SHOT_STREAM, seed])
    setting = tuple(SETTINGS)[number % len(SETTINGS)]
    canvas = SETTINGS[setting](Stage((height, width), place, shot, draw_light(place)))
    camera = draw_camera(shot)
    return Scene(expose(canvas.rgb, camera, shot), _visible(canvas.labels), setting, number, camera.iso)


def _visible(labels: LabelMap) -> LabelMap:
    """Labels renumbered without gaps; those of too few visible pixels become background."""
    counts = np.bincount(labels.ravel())
    kept = counts >= max(16, SMALLEST_OBJECT * labels.size)
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    renumbered: LabelMap = numbers[labels]
    return renumbered
