"""Canvas: the linear-light picture a scene is drawn on, with its light and the labels of what was drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import Plane
from fakeshield_core.synthesis.scenes_noise import RealPlane, cover

FloatRgb: TypeAlias = npt.NDArray[
    np.float32
]  # (H, W, 3) or (3,), linear light, 1.0 = white paper in full light
LabelMap: TypeAlias = npt.NDArray[np.int32]  # (H, W), 0 = background, 1.. = objects


def srgb(red: int, green: int, blue: int) -> FloatRgb:
    """(3,) linear colour of 8-bit display values."""
    linear: FloatRgb = ((np.array([red, green, blue]) / 255) ** 2.2).astype(np.float32)
    return linear


@dataclass(frozen=True, slots=True)
class Light:
    """One distant lamp and light from all sides."""

    x: float  # unit vector towards the lamp: right,
    y: float  # down (negative: from above),
    z: float  # out of the picture
    sun: FloatRgb  # (3,)
    ambient: FloatRgb  # (3,)

    def shade(self, n_x: Plane, n_y: Plane, n_z: Plane) -> FloatRgb:
        """(H, W, 3) light that falls on surfaces with these unit normals; upper sides get more of the sky."""
        direct = np.maximum(n_x * self.x + n_y * self.y + n_z * self.z, 0)
        open_sky = 0.7 - 0.3 * n_y
        lit: FloatRgb = direct[..., None] * self.sun + open_sky[..., None] * self.ambient
        return lit.astype(np.float32)

    def gloss(self, n_x: Plane, n_y: Plane, n_z: Plane, power: float) -> Plane:
        """(H, W) mirror-like highlight of the lamp, 0..1 (Blinn's halfway vector, viewer straight ahead)."""
        length = float(np.sqrt(self.x**2 + self.y**2 + (self.z + 1) ** 2))
        along = (n_x * self.x + n_y * self.y + n_z * (self.z + 1)) / length
        spot: Plane = np.clip(along, 0, 1).astype(np.float32) ** np.float32(power)
        return spot


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the canvas with the coordinates of its pixel centres."""

    rows: slice
    columns: slice
    y: Plane  # (h, 1), canvas pixels
    x: Plane  # (1, w)

    @property
    def shape_hw(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.y.shape[0], self.x.shape[1]


@dataclass(slots=True)
class Canvas:
    """What was drawn so far; drawing functions change it in place."""

    rgb: FloatRgb  # (H, W, 3)
    light: Light
    labels: LabelMap = field(init=False)  # (H, W)

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.rgb.shape[:2], dtype=np.int32)

    @property
    def shape_hw(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    def window(self, x: float, y: float, half_width: float, half_height: float) -> Window | None:
        """The part of the frame around (x, y); None where nothing of it is inside."""
        height, width = self.shape_hw
        x0, x1 = max(0, int(x - half_width)), min(width, int(x + half_width) + 2)
        y0, y1 = max(0, int(y - half_height)), min(height, int(y + half_height) + 2)
        if x0 >= x1 or y0 >= y1:
            return None
        rows = np.arange(y0, y1, dtype=np.float32)[:, None]
        columns = np.arange(x0, x1, dtype=np.float32)[None, :]
        return Window(slice(y0, y1), slice(x0, x1), rows, columns)

    def next_label(self) -> int:
        """A number no object has yet."""
        return int(self.labels.max()) + 1

    def paint(self, window: Window, alpha: RealPlane, colour: FloatRgb, label: int | None = None) -> None:
        """Lays colour, (3,) or (h, w, 3), over the window with alpha (h, w); labels where alpha > 0.5."""
        area = self.rgb[window.rows, window.columns]
        area += alpha[..., None] * (colour - area)
        if label is not None:
            self.labels[window.rows, window.columns][alpha > 0.5] = label

    def darken(self, window: Window, amount: RealPlane) -> None:
        """Takes away amount (h, w) 0..1 of the light; labels stay."""
        self.rgb[window.rows, window.columns] *= (1 - amount)[..., None]


def cast_shadow(canvas: Canvas, x: float, y: float, half_width: float, strength: float) -> None:
    """A soft flat shadow on the ground under something that stands at (x, y), drawn away from the lamp."""
    drift = -canvas.light.x * half_width * 0.9
    half_height = half_width * 0.28
    window = canvas.window(x + drift, y, 3 * half_width, 3 * half_height)
    if window is None:
        return
    reach = 1 + abs(canvas.light.x)
    wide = ((window.x - x - drift) / (half_width * reach)) ** 2 + ((window.y - y) / half_height) ** 2
    contact = ((window.x - x) / (half_width * 0.95)) ** 2 + ((window.y - y) / (half_height * 0.5)) ** 2
    canvas.darken(window, np.maximum(strength * np.exp(-1.4 * wide), 0.75 * np.exp(-1.8 * contact)))


def convex(window: Window, corners_xy: npt.NDArray[np.float32]) -> Plane:
    """(h, w) coverage of a convex polygon whose (N, 2) corners run clockwise on the screen."""
    outside = np.full(window.shape_hw, -1e9, dtype=np.float32)
    for (x0, y0), (x1, y1) in zip(corners_xy, np.roll(corners_xy, -1, axis=0), strict=True):
        length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
        np.maximum(outside, ((y1 - y0) * (window.x - x0) - (x1 - x0) * (window.y - y0)) / length, out=outside)
    return cover(outside)
