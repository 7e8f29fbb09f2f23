"""Things that stand, lie or hang in a scene: each drawer shades one object and labels its pixels.

All drawers have one signature: `draw(canvas, place, rng)`. `place` says where it touches the ground and how
big it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import Plane
from fakeshield_core.synthesis.scenes_canvas import Canvas, FloatRgb, Window, cast_shadow, convex, srgb
from fakeshield_core.synthesis.scenes_noise import cover, fractal, smoothstep


@dataclass(frozen=True, slots=True)
class Place:
    """Where one object stands."""

    x: float  # canvas pixels, middle of its foot (of itself, for things seen from above or hanging)
    y: float
    size: float  # height, pixels (of things seen from above: length)
    colour: FloatRgb  # (3,)


Drawer = Callable[[Canvas, Place, np.random.Generator], None]

# Outlines of turned objects: (height from the foot 0..1, radius as a share of the height).
PROFILES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0, 0.26), (0.1, 0.3), (0.9, 0.36), (0.93, 0.37), (1, 0.36)),  # cup
    ((0, 0.15), (0.55, 0.16), (0.68, 0.13), (0.76, 0.055), (0.97, 0.05), (1, 0.06)),  # bottle
    ((0, 0.17), (0.15, 0.25), (0.4, 0.34), (0.65, 0.26), (0.85, 0.12), (1, 0.19)),  # vase
    (
        (0, 0.2),
        (0.1, 0.2),
        (0.16, 0.11),
        (0.6, 0.08),
        (0.64, 0.14),
        (0.68, 0.13),
        (0.85, 0.17),
        (1, 0.02),
    ),  # pawn
    ((0, 0.34), (0.06, 0.34), (0.07, 0.26), (0.97, 0.04), (1, 0.03)),  # traffic cone
    ((0, 0.3), (0.04, 0.31), (0.5, 0.31), (0.96, 0.31), (1, 0.29)),  # tin
    ((0, 0.24), (0.5, 0.37), (0.55, 0.36), (0.86, 0.3), (0.9, 0.36), (1, 0.38)),  # flower pot
)


def draw_ball(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A ball or fruit: plain, with panels, or mottled."""
    radius = place.size / 2
    centre_y = place.y - radius
    cast_shadow(canvas, place.x, place.y, radius, 0.5)
    window = canvas.window(place.x, centre_y, radius + 2, radius + 2)
    style, turn = int(rng.integers(3)), float(rng.uniform(0, np.pi))
    if window is None:
        return
    n_x, n_y = (window.x - place.x) / radius, (window.y - centre_y) / radius
    squared = n_x**2 + n_y**2
    n_z = np.sqrt(np.clip(1 - squared, 0, 1))
    n_x, n_y = np.broadcast_arrays(n_x, n_y)
    colour = np.broadcast_to(place.colour, (*window.shape_hw, 3))
    if style == 1:
        panel = np.sin(3 * np.arctan2(np.cos(turn) * n_x + np.sin(turn) * n_y, n_z + 0.05) + turn)
        colour = colour + smoothstep(-0.06, 0.06, panel)[..., None] * (srgb(225, 220, 205) - colour)
    mottle = fractal(window.shape_hw, rng, 2.0, period_px=radius)
    colour = colour * (1 + (0.12 if style == 2 else 0.04) * mottle)[..., None]
    lit = colour * canvas.light.shade(n_x, n_y, n_z) * (0.45 + 0.55 * n_z[..., None] ** 0.4)
    lit = lit + 0.5 * canvas.light.gloss(n_x, n_y, n_z, 60)[..., None] * canvas.light.sun
    canvas.paint(window, cover((np.sqrt(squared) - 1) * radius), lit, canvas.next_label())


def draw_box(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A carton, book or crate: front, one side and the top."""
    high = place.size
    wide = high * float(rng.uniform(0.6, 1.9))
    deep_x = wide * float(rng.uniform(0.2, 0.45)) * float(rng.choice([-1, 1]))
    deep_y = high * float(rng.uniform(0.12, 0.3))
    tape, kind = float(rng.uniform(0.3, 0.6)), int(rng.integers(3))
    cast_shadow(canvas, place.x + deep_x / 2, place.y - deep_y / 3, wide * 0.68, 0.5)
    window = canvas.window(place.x, place.y - high / 2, wide, high / 2 + deep_y + 2)
    if window is None:
        return
    left, right, top = place.x - wide / 2, place.x + wide / 2, place.y - high
    near, far = (right, right + deep_x) if deep_x > 0 else (left, left + deep_x)
    side = [(near, top), (far, top - deep_y), (far, place.y - deep_y), (near, place.y)]
    label = canvas.next_label()
    faces = (
        ([(left, top), (right, top), (right, place.y), (left, place.y)], (0.0, 0.0, 1.0)),
        (side if deep_x > 0 else side[::-1], (float(np.sign(deep_x)), 0.0, 0.2)),
        (
            [(left + deep_x, top - deep_y), (right + deep_x, top - deep_y), (right, top), (left, top)],
            (0, -1.0, 0),
        ),
    )
    grain = 1 + 0.05 * fractal(window.shape_hw, rng, 1.4, (1.0, 3.0), period_px=40)
    if kind == 0:  # adhesive tape round the middle
        grain = grain + 0.35 * smoothstep(0.09, 0.07, np.abs((window.x - left) / wide - tape)).astype(
            np.float32
        )
    elif kind == 1:  # slats
        grain = grain - 0.35 * smoothstep(0.75, 0.95, np.cos((window.y - top) / high * 2 * np.pi * 5))
    for corners, (n_x, n_y, n_z) in faces:
        normal = [np.full((1, 1), n, dtype=np.float32) for n in (n_x, n_y, n_z)]
        colour = place.colour * canvas.light.shade(*normal) * grain[..., None]
        canvas.paint(window, convex(window, np.array(corners, dtype=np.float32)), colour, label)


def draw_turned(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A turned object (cup, bottle, vase, pawn, cone, tin, pot), seen from a little above."""
    profile = np.array(PROFILES[int(rng.integers(len(PROFILES)))], dtype=np.float32)
    widest, tilt = float(profile[:, 1].max()) * place.size, 0.22
    cast_shadow(canvas, place.x, place.y, widest, 0.55)
    window = canvas.window(place.x, place.y - place.size / 2, widest + 3, place.size / 2 + tilt * widest + 3)
    bands = float(rng.uniform(2, 9)) if rng.random() < 0.5 else 0.0
    glossy = float(rng.uniform(0.1, 0.7))
    if window is None:
        return
    label = canvas.next_label()
    d_x = window.x - place.x
    up = (place.y - window.y) / place.size
    for _ in range(
        2
    ):  # the front bulges down by tilt * radius * n_z: find the height whose front is seen here
        radius = np.interp(up, profile[:, 0], profile[:, 1]).astype(np.float32) * place.size
        n_x = np.clip(d_x / np.maximum(radius, 1), -1, 1)
        n_z = np.sqrt(1 - n_x**2)
        up = (place.y - window.y + tilt * radius * n_z - tilt * radius) / place.size
    flare = np.interp(up + 0.02, profile[:, 0], profile[:, 1]) - np.interp(
        up - 0.02, profile[:, 0], profile[:, 1]
    )
    n_y = np.clip(flare / 0.04, -0.9, 0.9).astype(np.float32)
    n_x, n_z = n_x * np.sqrt(1 - n_y**2), n_z * np.sqrt(1 - n_y**2)
    side = cover(np.abs(d_x) - radius) * cover(-up * place.size) * cover((up - 1) * place.size)
    ring = 1 - (0.5 * smoothstep(0.3, 0.5, np.sin(up * np.pi * bands)) if bands else 0.0)
    lit = (place.colour * np.reshape(ring, (*np.shape(ring), 1))) * canvas.light.shade(n_x, n_y, n_z)
    lit = lit * (0.5 + 0.5 * n_z[..., None]) + glossy * canvas.light.gloss(n_x, n_y, n_z, 45)[..., None]
    canvas.paint(window, side.astype(np.float32), lit, label)
    _draw_mouth(canvas, window, place, float(profile[-1, 1]) * place.size, label)


def _draw_mouth(canvas: Canvas, window: Window, place: Place, radius: float, label: int) -> None:
    centre_y = place.y - place.size - 0.22 * radius
    x, y = (window.x - place.x) / max(radius, 1), (window.y - centre_y) / max(0.22 * radius, 1)
    reach = np.sqrt(x**2 + y**2)
    up = [np.full((1, 1), n, dtype=np.float32) for n in (0.0, -1.0, 0.0)]
    rim = place.colour * canvas.light.shade(*up)
    canvas.paint(window, cover((reach - 1) * 0.3 * radius), rim, label)
    inside = place.colour * (0.12 + 0.25 * np.clip(y, 0, 1))[..., None]
    canvas.paint(
        window, cover((reach - 0.84) * 0.3 * radius), np.broadcast_to(inside, (*window.shape_hw, 3)), label
    )


def draw_pole(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A lamp post, mast or sign on a pole."""
    radius = max(1.6, place.size * 0.014)
    head, arm = int(rng.integers(3)), float(rng.choice([-1, 1])) * place.size * 0.12
    cast_shadow(canvas, place.x, place.y, 3 * radius, 0.4)
    window = canvas.window(place.x, place.y - place.size / 2, place.size * 0.2, place.size * 0.6)
    if window is None:
        return
    label = canvas.next_label()
    top = place.y - place.size
    n_x = np.clip((window.x - place.x) / radius, -1, 1)
    shade = canvas.light.shade(n_x, np.zeros_like(n_x), np.sqrt(1 - n_x**2))
    mast = cover(np.abs(window.x - place.x) - radius) * cover(top - window.y) * cover(window.y - place.y)
    canvas.paint(window, mast, place.colour * np.broadcast_to(shade, (*window.shape_hw, 3)), label)
    if head == 0:  # arm with a lamp
        beam = _slab(window, (place.x + arm / 2, top), (abs(arm) / 2, radius * 0.7))
        canvas.paint(window, beam, place.colour * np.float32(0.7), label)
        lamp = _slab(window, (place.x + arm, top + radius), (abs(arm) * 0.3, radius * 1.4))
        canvas.paint(window, lamp, srgb(240, 235, 215), label)
    elif head == 1:  # round sign
        sign = place.size * 0.085
        reach = np.hypot(window.x - place.x, window.y - top)
        canvas.paint(window, cover(reach - sign), srgb(190, 35, 35), label)
        canvas.paint(window, cover(reach - sign * 0.75), srgb(235, 235, 230), label)
    else:  # globe
        globe = place.size * 0.05
        reach = np.hypot(window.x - place.x, window.y - top) / globe
        glow = srgb(255, 245, 220) * np.clip(1.1 - 0.4 * reach, 0.3, 1.1)[..., None]
        canvas.paint(window, cover((reach - 1) * globe), glow, label)


def draw_tree(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A broad-leaved tree or a conifer."""
    half = place.size * 0.5
    cast_shadow(canvas, place.x, place.y, half * 0.8, 0.55)
    conifer = bool(rng.random() < 0.4)
    window = canvas.window(place.x, place.y - half, half * 1.1, half + 4)
    if window is None:
        return
    label = canvas.next_label()
    trunk_px = place.size * 0.035 * (1 + 0.4 * (window.y - place.y) / place.size)
    trunk = cover(np.abs(window.x - place.x) - trunk_px) * cover(window.y - place.y)
    trunk *= cover(place.y - 0.6 * place.size - window.y)
    bark = srgb(95, 75, 60) * (0.7 + 0.2 * fractal(window.shape_hw, rng, 1.5, (1.0, 0.4)))[..., None]
    canvas.paint(window, trunk, bark, label)
    leaves = fractal(window.shape_hw, rng, 1.3, period_px=max(4.0, place.size * 0.12))
    crown, bulge = _cone_crown(window, place) if conifer else _round_crown(window, place, rng)
    edge = crown + 0.22 * leaves
    lit_side = np.clip(0.55 + bulge + 0.22 * leaves, 0.12, 1.7)
    light = 0.8 * canvas.light.ambient + canvas.light.sun * lit_side[..., None] ** 1.4
    canvas.paint(window, smoothstep(0.0, 0.14, edge), (place.colour * light).astype(np.float32), label)


def _round_crown(window: Window, place: Place, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """(h, w) how deep inside a heap of balls, and its light and dark sides."""
    depth = np.full(window.shape_hw, -1.0, dtype=np.float32)
    bulge = np.zeros(window.shape_hw, dtype=np.float32)
    for _ in range(9):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.26) * place.size
        radius = float(rng.uniform(0.13, 0.2)) * place.size
        x = (window.x - place.x - reach * np.cos(angle)) / radius
        y = (window.y - place.y + 0.66 * place.size - 0.75 * reach * np.sin(angle)) / radius
        inside = 1 - np.hypot(x, y)
        nearer = inside > depth
        depth = np.where(nearer, inside, depth)
        bulge = np.where(nearer, -0.35 * y - 0.2 * x, bulge)
    return depth.astype(np.float32), bulge.astype(np.float32)


def _cone_crown(window: Window, place: Place) -> tuple[Plane, Plane]:
    """(h, w) how deep inside a cone of hanging tiers, and its light and dark sides."""
    down = (window.y - place.y + place.size) / place.size
    tiers = 1 + 0.35 * ((down * 6.5) % 1)
    half = np.maximum(0.24 * np.clip(down, 0, 1) * tiers * place.size, 1)
    across = (window.x - place.x) / half
    depth = np.minimum(1 - np.abs(across), np.minimum(12 * down, 14 * (0.88 - down))) * 1.2 - 0.15
    return depth.astype(np.float32), (-0.3 * across + 0.25 - 0.5 * ((down * 6.5) % 1)).astype(np.float32)


def draw_building(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A house front with rows of windows; after dark some are lit."""
    high, wide = place.size, place.size * float(rng.uniform(0.4, 1.1))
    window = canvas.window(place.x, place.y - high / 2, wide / 2 + 2, high / 2 + 2)
    step_x, step_y = float(rng.uniform(16, 34)), float(rng.uniform(22, 40))
    gap, sill = float(rng.uniform(0.22, 0.36)), bool(rng.random() < 0.5)
    tones = rng.random((64, 64)).astype(np.float32)
    if window is None:
        return
    label = canvas.next_label()
    left, top = place.x - wide / 2, place.y - high
    step_x, step_y = wide / max(1, round(wide / step_x)), high / max(1, round(high / step_y))
    column, row = (window.x - left) / step_x, (window.y - top) / step_y
    to_pane = np.maximum(
        np.abs(column % 1 - 0.5) * step_x - (0.5 - gap) * step_x,
        np.abs(row % 1 - 0.5) * step_y - 0.3 * step_y,
    )
    tone = tones[np.floor(row).astype(int) % 64, np.floor(column).astype(int) % 64]
    dirt = 1 + 0.06 * fractal(window.shape_hw, rng, 1.6, (0.5, 1.0), period_px=50)
    facing = [np.full((1, 1), n, dtype=np.float32) for n in (-0.15, 0.0, 0.98)]
    wall = place.colour * canvas.light.shade(*facing) * dirt[..., None]
    front = _slab(window, (place.x, place.y - high / 2), (wide / 2, high / 2))
    canvas.paint(window, front, wall, label)
    frame = cover(to_pane - 1.6) * front
    canvas.paint(window, frame, wall * np.float32(1.35 if sill else 0.55), label)
    canvas.paint(window, cover(to_pane) * front, _panes(canvas, tone, row), label)
    roof = _slab(window, (place.x, top + 2), (wide / 2 + 1, 2.5))
    canvas.paint(window, roof, place.colour * canvas.light.ambient, label)


def _panes(canvas: Canvas, tone: Plane, row: Plane) -> FloatRgb:
    """(h, w, 3) window glass: mirrors the sky by day; when the lamp is weak, a third are lit from inside."""
    sky = canvas.light.ambient * (0.12 + 0.75 * tone * (1 - 0.5 * (row % 1)))[..., None]
    if float(canvas.light.sun.mean()) > 0.25:
        return sky.astype(np.float32)
    inside = srgb(255, 205, 130) * (0.35 + 0.6 * tone)[..., None]
    lit: FloatRgb = np.where((tone > 0.66)[..., None], inside, sky * np.float32(0.6)).astype(np.float32)
    return lit


def draw_car(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A car from the side."""
    high = place.size
    long, nose = high * float(rng.uniform(2.5, 3.0)), float(rng.uniform(0.2, 0.34))
    cast_shadow(canvas, place.x, place.y - 0.03 * high, long * 0.5, 0.7)
    window = canvas.window(place.x, place.y - high / 2, long / 2 + 3, high / 2 + 4)
    if window is None:
        return
    label = canvas.next_label()
    x, y = (window.x - place.x) / long, (place.y - window.y) / high
    roof = np.array([(-0.36, 0.58), (-0.24, 0.98), (0.12, 0.98), (nose, 0.58)], dtype=np.float32)
    glass = np.array([(-0.3, 0.6), (-0.215, 0.92), (0.1, 0.92), (nose - 0.06, 0.6)], dtype=np.float32)
    body = cover((np.abs(x) ** 4 * 16.5 + np.abs((y - 0.4) / 0.27) ** 4 - 1) * high * 0.07)
    sheen = np.clip(0.75 + 0.9 * (y - 0.35) + 0.5 * smoothstep(0.03, 0.0, np.abs(y - 0.52)), 0.3, 1.6)
    light = canvas.light.ambient * np.float32(0.9) + canvas.light.sun * np.float32(0.6)
    paint = place.colour * light * np.broadcast_to(sheen[..., None], (*window.shape_hw, 3))
    canvas.paint(window, convex(window, _screen(roof, place, long)), paint, label)
    mirrored = canvas.light.ambient * np.broadcast_to(
        (0.1 + 0.5 * np.clip(y - 0.5, 0, 1))[..., None], paint.shape
    )
    canvas.paint(window, convex(window, _screen(glass, place, long)), mirrored, label)
    canvas.paint(
        window,
        _slab(window, (place.x - 0.06 * long, place.y - 0.75 * high), (0.012 * long, 0.2 * high)),
        paint,
        label,
    )
    canvas.paint(window, body, paint, label)
    for axle in (-0.29, 0.3):
        reach = np.hypot(window.x - place.x - axle * long, window.y - place.y + 0.19 * high) / (0.2 * high)
        canvas.paint(window, cover((reach - 1) * 0.2 * high), srgb(30, 30, 32), label)
        canvas.paint(window, cover((reach - 0.58) * 0.2 * high), srgb(150, 152, 155) * light, label)
    lamp = _slab(window, (place.x + 0.47 * long, place.y - 0.48 * high), (0.02 * long, 0.05 * high))
    canvas.paint(window, lamp * body, srgb(250, 240, 210), label)


def _screen(corners: npt.NDArray[np.float32], place: Place, long: float) -> npt.NDArray[np.float32]:
    """(N, 2) canvas pixels of corners given in lengths and heights from the foot."""
    return np.stack([place.x + corners[:, 0] * long, place.y - corners[:, 1] * place.size], axis=1)


def _slab(window: Window, centre_xy: tuple[float, float], half_xy: tuple[float, float]) -> Plane:
    """(h, w) coverage of an upright rectangle."""
    off_x, off_y = np.abs(window.x - centre_xy[0]) - half_xy[0], np.abs(window.y - centre_xy[1]) - half_xy[1]
    return cover(np.maximum(off_x, off_y))


def resized(place: Place, factor: float) -> Place:
    """The same object, larger or smaller."""
    return replace(place, size=place.size * factor)
