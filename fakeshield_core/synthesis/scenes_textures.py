"""Surfaces that fill the frame or a part of it: sky, far ridges, ground, water, walls, table tops.

Each function gives a (H, W, 3) linear-light picture, seeded by the generator handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fakeshield_core.domain import Plane
from fakeshield_core.synthesis.scenes_canvas import FloatRgb, Light, srgb
from fakeshield_core.synthesis.scenes_noise import RealPlane, fractal, relief, ridge_line, sample, smoothstep

Shape = tuple[int, int]
# (shape_hw, generator, base colour, light) -> picture
Surface = Callable[[Shape, np.random.Generator, FloatRgb, Light], FloatRgb]


@dataclass(frozen=True, slots=True)
class SkyColours:
    """Colours of one kind of weather."""

    zenith: FloatRgb
    horizon: FloatRgb
    cloud: FloatRgb
    cloud_base: FloatRgb  # the shaded underside
    cover: float  # share of sky under cloud, 0..1


SKIES = (
    SkyColours(srgb(70, 120, 190), srgb(190, 215, 235), srgb(250, 250, 250), srgb(170, 180, 195), 0.35),
    SkyColours(srgb(50, 95, 170), srgb(160, 195, 225), srgb(245, 245, 250), srgb(150, 160, 180), 0.15),
    SkyColours(srgb(150, 165, 180), srgb(205, 210, 215), srgb(220, 222, 225), srgb(140, 145, 155), 0.8),
    SkyColours(srgb(80, 95, 150), srgb(250, 190, 130), srgb(255, 200, 160), srgb(150, 105, 120), 0.45),
    SkyColours(srgb(110, 105, 150), srgb(240, 170, 165), srgb(245, 195, 190), srgb(130, 105, 135), 0.4),
    SkyColours(srgb(95, 150, 200), srgb(225, 230, 225), srgb(252, 250, 245), srgb(190, 190, 195), 0.55),
)


def blend(low: FloatRgb, high: FloatRgb, share: Plane) -> FloatRgb:
    """(H, W, 3) mix of two colours: low where share is 0, high where it is 1."""
    mixed: FloatRgb = (low + share[..., None] * (high - low)).astype(np.float32)
    return mixed


def sky(shape_hw: Shape, rng: np.random.Generator, colours: SkyColours) -> FloatRgb:
    """Gradient with clouds that shrink towards the lower edge, the horizon."""
    height, width = shape_hw
    up = 1 - (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    clear = blend(colours.horizon, colours.zenith, np.broadcast_to(up**0.7, shape_hw))
    far = 1 / (up + 0.25)
    u = (np.arange(width, dtype=np.float32)[None, :] - width / 2) * far * 0.5
    v = far * 110
    tile = fractal((256, 512), rng, 2.6, (1.0, 1.6), period_px=220)
    shade = sample(tile, v + 7, u + 4)
    density = smoothstep(1.2 - 2.4 * colours.cover, 2.4 - 2.4 * colours.cover, sample(tile, v, u))
    lit = np.clip(0.55 + 0.5 * (sample(tile, v, u) - shade) + 0.3 * (1 - density), 0, 1)
    return blend_maps(clear, blend(colours.cloud_base, colours.cloud, lit), density * (0.35 + 0.65 * up))


def blend_maps(under: FloatRgb, over: FloatRgb, alpha: RealPlane) -> FloatRgb:
    """(H, W, 3) `over` laid on `under` with alpha (H, W) 0..1."""
    laid: FloatRgb = (under + alpha[..., None] * (over - under)).astype(np.float32)
    return laid


def add_ridges(picture: FloatRgb, base_y: float, rng: np.random.Generator, colour: FloatRgb) -> None:
    """Two to four hill or mountain lines above row base_y, paler with distance; changes the picture."""
    height, width = picture.shape[:2]
    haze = picture[max(0, int(base_y) - 2)].mean(axis=0)
    layers, rough = int(rng.integers(2, 5)), float(rng.uniform(1.9, 3.0))
    rise = float(rng.uniform(0.05, 0.3)) * height
    y = np.arange(height, dtype=np.float32)[:, None]
    for layer in range(layers):
        near = (layer + 1) / (layers + 1)
        crest = base_y - rise * (1 - 0.75 * near) - 0.3 * rise * ridge_line(width, rng, rough)
        alpha = np.clip(y - crest[None, :] + 0.5, 0, 1)
        slope = fractal((height, width), rng, 3.0, (1.0, 0.8), period_px=70)
        body = colour * (0.6 + np.clip(relief(slope, -1.3, -1.3), -0.3, 0.4))[..., None]
        picture += alpha[..., None] * (haze + (0.15 + 0.65 * near) * (body - haze) - picture)


def ground(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """Bare earth, sand or asphalt seen at a slant; the upper edge is the horizon."""
    tile = fractal((512, 512), rng, float(rng.uniform(0.9, 1.8)), period_px=200)
    v, u, fine = _slant(shape_hw, 2.2)
    bumps = relief(tile, light.x, -0.6)
    value = 0.12 * sample(tile, v, u) + 0.16 * fine * sample(bumps, v, u)
    patches = 0.10 * sample(fractal((256, 256), rng, 2.5), v / 5, u / 5)
    return _toned(1 + value + patches, colour, 0.12)


def grass(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """A meadow: upright blades that grow towards the lower edge."""
    height, _ = shape_hw
    down = np.arange(height, dtype=np.float32)[:, None] / height
    fine = fractal(shape_hw, rng, 0.8, (1.6, 0.7), period_px=25)
    coarse = fractal(shape_hw, rng, 1.4, (2.6, 0.7), period_px=70)
    blades = (1 - down) * fine + down * coarse
    v, u, _ = _slant(shape_hw, 1.5)
    patches = sample(fractal((256, 256), rng, 2.4), v / 3, u / 3)
    tint = blend(colour, colour * srgb(255, 245, 150), np.clip(0.5 + 0.4 * patches, 0, 1))
    value = np.clip(1 + (0.12 + 0.3 * down) * blades + 0.15 * patches, 0.15, 2.5)
    lit: FloatRgb = (tint * value[..., None]).astype(np.float32)
    return lit


def water(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """A rippled surface that mirrors the colour given; the upper edge is the horizon."""
    swell = fractal((512, 512), rng, float(rng.uniform(2.0, 2.8)), (1.0, 3.0), period_px=110)
    v, u, fine = _slant(shape_hw, 2.6)
    slope = sample(swell - np.roll(swell, 2, axis=0), v, u)
    slope = slope / max(float(slope.std()), 1e-3)
    down = np.arange(shape_hw[0], dtype=np.float32)[:, None] / shape_hw[0]
    mirror = blend(colour * srgb(130, 165, 175), colour, np.clip(0.75 - 0.45 * down + 0.22 * slope, 0, 1))
    sun_column = np.exp(-((u / (0.25 * shape_hw[1]) - 2.5 * light.x) ** 2) * 0.5)
    glitter = smoothstep(1.4, 2.6, slope) * sun_column * fine
    mirrored: FloatRgb = mirror + 0.5 * glitter[..., None] * light.sun
    return mirrored


def paving(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """Square slabs or tiles seen at a slant, one tone each."""
    v, u, fine = _slant(shape_hw, 1.8)
    slab = float(rng.uniform(45, 90))
    across, along = u / slab + 0.3, v / slab
    tones = rng.normal(0, float(rng.choice([0.05, 0.25])), (64, 64)).astype(np.float32)
    tone = tones[np.floor(along).astype(int) % 64, np.floor(across).astype(int) % 64]
    to_joint = np.minimum(_to_integer(across), _to_integer(along)) * slab
    joint = 0.45 * fine * smoothstep(2.2, 0.8, to_joint)
    grain = fractal((512, 512), rng, 1.2, period_px=80)
    return _toned((1 + tone + 0.09 * sample(grain, v, u)) * (1 - joint), colour, 0.08)


def brick(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """A wall in running bond, with mortar, seen from the front."""
    height, width = shape_hw
    course = float(rng.uniform(16, 34))
    length = course * float(rng.uniform(2.2, 3.2))
    wander = fractal(shape_hw, rng, 2.0, period_px=30)
    y = np.arange(height, dtype=np.float32)[:, None] + 0.6 * wander
    x = np.arange(width, dtype=np.float32)[None, :] + 0.6 * np.roll(wander, 37, axis=1)
    row = np.floor(y / course)
    column = x / length + 0.5 * (row % 2)
    tones = rng.normal(0, 0.16, (64, 64)).astype(np.float32)
    tone = tones[row.astype(int) % 64, np.floor(column).astype(int) % 64]
    depth = np.minimum(_to_integer(y / course) * course, _to_integer(column) * length)
    face = smoothstep(1.0, 2.6, depth)
    rough = fractal(shape_hw, rng, 1.2, period_px=40)
    bricks = _toned(1 + tone + 0.13 * rough, colour, 0.25)
    mortar = _toned(1 + 0.12 * rough, srgb(150, 145, 138) * np.float32(0.8), 0.05)
    edges = np.clip(1 + 0.5 * relief(face, light.x, light.y), 0.3, 1.6)
    wall: FloatRgb = blend_maps(mortar, bricks, face) * edges[..., None]
    return wall


def wood(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """Planks with growth rings and fibres running along x."""
    height, width = shape_hw
    plank = float(rng.uniform(45, 120))
    y = np.arange(height, dtype=np.float32)[:, None]
    row = np.floor(y / plank).astype(int) % 32
    offset = rng.uniform(0, 400, 32).astype(np.float32)[row]
    tone = rng.normal(0, 0.1, 32).astype(np.float32)[row]
    bend = fractal((512, 512), rng, 5.0, (1.0, 4.0), period_px=250)
    x = np.arange(width, dtype=np.float32)[None, :]
    wave = 13 * sample(bend, y + offset, x + offset * 3) + (y % plank) * float(rng.uniform(0.1, 0.35))
    rings = 0.5 + 0.5 * np.sin(wave)
    fibre = fractal(shape_hw, rng, 1.0, (1.0, 14.0), period_px=60)
    gap = smoothstep(1.8, 0.4, _to_integer(y / plank) * plank)
    value = (1 + tone + 0.22 * (rings**2 - 0.4) + 0.10 * fibre) * (1 - 0.7 * gap)
    return _toned(value, colour, 0.3)


def fabric(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """Woven cloth with folds, plain, striped or checked."""
    height, width = shape_hw
    folds = fractal(shape_hw, rng, 5.0, (1.0, float(rng.uniform(0.6, 1.8))), period_px=300)
    y = np.arange(height, dtype=np.float32)[:, None] + 3 * folds
    x = np.arange(width, dtype=np.float32)[None, :] + 3 * np.roll(folds, 50, axis=1)
    thread = 2 * np.pi / float(rng.uniform(3.0, 5.5))
    weave = np.sin(thread * x) * np.sin(thread * y) + 0.5 * fractal(shape_hw, rng, 0.6, period_px=8)
    shade = 1 + 0.10 * weave + 9.0 * relief(folds, light.x, light.y)
    base = np.broadcast_to(colour, (*shape_hw, 3)).astype(np.float32)
    for across in ((x,), (y,), (x, y), ())[int(rng.integers(4))]:
        period = float(rng.uniform(40, 110))
        stripe = smoothstep(0.15, 0.25, np.abs((across / period) % 1 - 0.5)) * np.float32(0.55)
        base = blend_maps(base, np.broadcast_to(colour[::-1], base.shape), np.broadcast_to(stripe, shape_hw))
    cloth: FloatRgb = base * np.clip(shade, 0.2, 1.9)[..., None]
    return cloth


def plaster(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """A painted wall with faint trowel marks, brighter on the side of the lamp."""
    width = shape_hw[1]
    rough = fractal(shape_hw, rng, 1.7, period_px=60)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    fall = 1 + 0.35 * light.x * x
    return _toned((1 + 0.10 * relief(rough, light.x, light.y) + 0.02 * rough) * fall, colour, 0.04)


def sand(shape_hw: Shape, rng: np.random.Generator, colour: FloatRgb, light: Light) -> FloatRgb:
    """Sand or soil seen from above, with ripples or without."""
    grain = fractal(shape_hw, rng, 0.5, period_px=12)
    dunes = fractal(shape_hw, rng, 2.8, (1.0, float(rng.uniform(1.0, 5.0))), period_px=70)
    value = 1 + 0.10 * grain + float(rng.uniform(0.3, 1.6)) * relief(dunes, light.x, light.y)
    return _toned(value, colour, 0.06)


def _slant(shape_hw: Shape, spread: float) -> tuple[Plane, Plane, Plane]:
    """Ground coordinates v (H, 1), u (H, W) of a level plane, and (H, 1) how much detail is left."""
    height, width = shape_hw
    depth: Plane = (1 / (np.linspace(0.09, 1.09, height)[:, None])).astype(np.float32)
    v: Plane = -(depth * np.float32(height / spread))
    u: Plane = ((np.arange(width)[None, :] - width / 2) * depth / 1.1).astype(np.float32)
    fine = np.clip(2.2 / depth, 0.0, 1.0).astype(np.float32)
    return v, u, fine


def _to_integer(value: RealPlane) -> Plane:
    """Distance to the nearest whole number, 0..0.5."""
    away: Plane = np.abs(value - np.round(value)).astype(np.float32)
    return away


def _toned(value: Plane, colour: FloatRgb, warmth: float) -> FloatRgb:
    """Colour times brightness; dark parts keep more red, bright parts turn paler, by `warmth`."""
    clipped = np.clip(value, 0.05, 3.0)[..., None].astype(np.float32)
    bias = np.array([-warmth, 0.0, warmth], dtype=np.float32)
    toned: FloatRgb = colour * clipped ** (1 + bias)
    return toned
