"""Things that lie flat or hang free: leaves, pebbles, coins, flowers, boats, balloons, framed pictures."""

from __future__ import annotations

import numpy as np

from fakeshield_core.domain import Plane
from fakeshield_core.synthesis.scenes_canvas import Canvas, Window, convex, srgb
from fakeshield_core.synthesis.scenes_noise import cover, fractal, relief, smoothstep
from fakeshield_core.synthesis.scenes_objects import Place


def draw_leaf(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A fallen leaf with veins, slightly curled."""
    long, angle = place.size, float(rng.uniform(0, 2 * np.pi))
    broad, teeth = float(rng.uniform(0.2, 0.36)), float(rng.uniform(0, 0.05))
    window = canvas.window(place.x, place.y, 0.62 * long, 0.62 * long)
    if window is None:
        return
    _drop_shadow(canvas, place, 0.3 * long)
    along, across = _turned(window, place, angle)
    along, across = along / long + 0.5, across / long - 0.05 * np.sin(3 * along / long)
    inside = np.clip(along, 0.001, 0.999)
    half = broad * np.sin(np.pi * inside**0.75) * (1 + teeth * np.sin(inside * 70))
    edge = np.maximum(np.abs(across) - half, np.maximum(-along, along - 1))
    middle = smoothstep(0.012, 0.004, np.abs(across))
    side_veins = smoothstep(0.75, 1.0, np.cos((along - 0.9 * np.abs(across)) * 2 * np.pi * 9))
    mottle = fractal(window.shape_hw, rng, 2.2, period_px=long / 3)
    curl = 1 + canvas.light.x * np.clip(across / broad, -1, 1) * 0.6 + 0.2 * np.cos(along * 3)
    value = np.clip((1 + 0.16 * mottle) * curl + 0.30 * middle + 0.10 * side_veins, 0.1, 2.2)
    tint = place.colour * (1 + np.array([0.25, 0.0, -0.15], dtype=np.float32) * mottle[..., None])
    light = canvas.light.ambient + canvas.light.sun * np.float32(0.75)
    stalk = cover((np.maximum(np.abs(across) - 0.012, np.abs(along + 0.06) - 0.1)) * long)
    label = canvas.next_label()
    canvas.paint(window, stalk, place.colour * light * np.float32(0.6), label)
    canvas.paint(window, cover(edge * long), tint * value[..., None] * light, label)


def draw_pebble(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A stone: uneven, domed, speckled, some with a vein."""
    long, angle = place.size, float(rng.uniform(0, np.pi))
    flat, vein = float(rng.uniform(0.55, 0.95)), bool(rng.random() < 0.2)
    lobes = rng.normal(0, 0.035, (2, 3))
    window = canvas.window(place.x, place.y, 0.66 * long, 0.66 * long)
    if window is None:
        return
    _drop_shadow(canvas, place, 0.45 * long)
    along, across = _turned(window, place, angle)
    along, across = along / (0.5 * long), across / (0.5 * long * flat)
    turn = np.arctan2(across, along)
    swell = 1 + sum(
        lobes[0, k] * np.cos((k + 2) * turn) + lobes[1, k] * np.sin((k + 2) * turn) for k in range(3)
    )
    reach = np.hypot(along, across) / swell
    dome = np.sqrt(np.clip(1 - reach**2, 0, 1)) ** np.float32(0.8)
    rough = fractal(window.shape_hw, rng, 1.5, period_px=long / 2)
    slope = 0.5 * long * relief(dome.astype(np.float32), canvas.light.x, canvas.light.y)
    shade = np.clip(0.62 + 0.55 * slope + 0.35 * dome, 0.12, 1.8) * (1 + 0.11 * rough)
    if vein:
        shade = shade + 0.5 * smoothstep(0.07, 0.03, np.abs(along + 0.3 * across + 0.08 * rough - 0.2))
    light = canvas.light.ambient + canvas.light.sun * np.float32(0.75)
    canvas.paint(
        window,
        cover(((reach - 1) * 0.5 * long * flat).astype(np.float32)),
        (place.colour * light * shade[..., None]).astype(np.float32),
        canvas.next_label(),
    )


def draw_coin(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A coin or button with a rim and a raised pattern."""
    radius, spokes = place.size / 2, int(rng.integers(3, 9))
    window = canvas.window(place.x, place.y, radius + 3, radius + 3)
    if window is None:
        return
    _drop_shadow(canvas, place, radius)
    x, y = (window.x - place.x) / radius, (window.y - place.y) / radius
    reach, turn = np.hypot(x, y), np.arctan2(y, x)
    height = smoothstep(0.84, 0.9, reach) + smoothstep(0.0, 0.4, np.cos(spokes * turn)) * smoothstep(
        0.66, 0.6, reach
    )
    rough = fractal(window.shape_hw, rng, 1.2, period_px=20)
    brushed = 0.25 * np.cos(2 * turn - 1.1) * reach
    value = np.clip(
        0.85 + brushed + 1.1 * relief(height, canvas.light.x, canvas.light.y) + 0.06 * rough, 0.1, 2.5
    )
    light = canvas.light.ambient + canvas.light.sun * np.float32(0.75)
    canvas.paint(
        window, cover((reach - 1) * radius), place.colour * light * value[..., None], canvas.next_label()
    )


def draw_flower(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A flower on a stem, facing the viewer."""
    head = place.size * 0.3
    petals, turn0 = int(rng.integers(5, 14)), float(rng.uniform(0, np.pi))
    bend = float(rng.uniform(-0.2, 0.2)) * place.size
    window = canvas.window(
        place.x + bend / 2, place.y - place.size / 2, head + abs(bend) + 4, place.size / 2 + head
    )
    if window is None:
        return
    label = canvas.next_label()
    light = canvas.light.ambient + canvas.light.sun * np.float32(0.8)
    up = (place.y - window.y) / place.size
    stem_x = place.x + bend * np.clip(up, 0, 1) ** 2
    stem = cover(np.abs(window.x - stem_x) - max(1.3, place.size * 0.022)) * cover(window.y - place.y)
    canvas.paint(window, stem * smoothstep(1.0, 0.98, up), srgb(95, 125, 60) * light, label)
    x, y = (window.x - place.x - bend) / head, (window.y - place.y + place.size) / head
    reach, turn = np.hypot(x, y), np.arctan2(y, x) + turn0
    wave = np.abs(np.cos(turn * petals / 2))
    outline = 0.55 + 0.45 * wave**0.6
    streaks = 1 + 0.08 * fractal(window.shape_hw, rng, 1.0, period_px=10)
    shade = (0.55 + 0.45 * wave) * (0.75 + 0.35 * reach - 0.25 * (y + canvas.light.x * x)) * streaks
    canvas.paint(window, cover((reach - outline) * head), place.colour * light * shade[..., None], label)
    eye = srgb(205, 160, 40) * light * (0.8 - 0.4 * y[..., None] + 0.1 * streaks[..., None])
    canvas.paint(window, cover((reach - 0.24) * head), eye.astype(np.float32), label)


def draw_boat(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A sailing boat on water, with a broken reflection."""
    high = place.size
    lean, mark = float(rng.uniform(0.3, 0.42)), float(rng.uniform(0.4, 0.7))
    window = canvas.window(place.x, place.y, 0.6 * high, 1.05 * high)
    if window is None:
        return
    label = canvas.next_label()
    light = canvas.light.ambient + canvas.light.sun * np.float32(0.8)
    hull = [(-0.34, 0.0), (-0.42, 0.12), (0.45, 0.12), (0.3, 0.0)]
    sails = [[(0.02, 0.16), (0.02, 1.0), (lean, 0.16)], [(-0.02, 0.2), (-0.02, 0.9), (-0.36, 0.18)]]
    ripple = 0.03 * high * fractal(window.shape_hw, rng, 1.2, (1.0, 4.0), period_px=20)
    mirrored = Window(window.rows, window.columns, 2 * place.y - window.y, window.x + ripple)
    mast = [(-0.02, 1.0), (0.02, 1.0), (0.025, 0.05), (-0.025, 0.05)]
    shapes = [(mast, srgb(120, 100, 80)), (hull, place.colour)]
    shapes += [(sails[0], srgb(240, 236, 225)), (sails[1], srgb(225, 222, 215))]
    for corners, colour in shapes:
        points = np.array([(place.x + a * high, place.y - b * high) for a, b in corners], dtype=np.float32)
        canvas.paint(window, 0.45 * convex(mirrored, points), colour * light * np.float32(0.7))
    for corners, colour in shapes:
        points = np.array([(place.x + a * high, place.y - b * high) for a, b in corners], dtype=np.float32)
        belly = 0.85 + 0.25 * np.sin((window.x - place.x) / high * 6) * np.ones_like(window.y)
        if colour is not place.colour:
            belly = belly - 0.3 * smoothstep(0.02, 0.01, np.abs((place.y - window.y) / high - mark))
        canvas.paint(window, convex(window, points), colour * light * belly[..., None], label)


def draw_balloon(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A hot-air balloon with gores in two colours and a basket."""
    radius = place.size * 0.36
    gores, other = int(rng.integers(4, 9)), srgb(*(int(v) for v in rng.integers(120, 250, 3)))
    window = canvas.window(place.x, place.y - place.size / 2, radius + 3, place.size / 2 + 4)
    if window is None:
        return
    label = canvas.next_label()
    light = canvas.light
    centre_y = place.y - place.size + radius
    y = (window.y - centre_y) / radius
    taper = np.where(y > 0, 1 - 0.42 * np.clip(y / 1.55, 0, 1) ** 1.6, 1.0)
    squeezed = np.clip(np.where(y > 0, y / 1.55, y), -1, 1)
    half = np.sqrt(1 - squeezed**2) * taper
    n_x = np.clip((window.x - place.x) / (radius * np.maximum(half, 0.02)), -1, 1)
    n_z = np.sqrt(1 - n_x**2)
    stripe = smoothstep(-0.1, 0.1, np.sin(np.arcsin(n_x) * gores + 0.7))
    colour = place.colour + stripe[..., None] * (other - place.colour)
    n_y = np.broadcast_to(np.clip(0.8 * y, -0.9, 0.6), n_x.shape)
    lit = colour * light.shade(n_x * 0.8, n_y, n_z * 0.8) * (0.7 + 0.3 * n_z[..., None])
    inside = np.maximum(np.abs(window.x - place.x) - radius * half, (np.abs(y - 0.22) - 1.25) * radius)
    basket = np.maximum(np.abs(window.x - place.x) - 0.09 * radius, np.abs(y - 1.68) * radius - 0.11 * radius)
    ropes = np.maximum(
        np.abs(np.abs(window.x - place.x) - 0.08 * radius) - 0.5, np.abs(y - 1.5) * radius - 0.2 * radius
    )
    canvas.paint(window, cover(ropes), srgb(60, 50, 40) * light.ambient, label)
    canvas.paint(
        window, cover(basket), srgb(120, 85, 50) * (light.ambient + light.sun * np.float32(0.5)), label
    )
    canvas.paint(window, cover(inside), lit.astype(np.float32), label)


def draw_framed(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A framed abstract picture on a wall; `place` is its middle."""
    half_y = place.size / 2
    half_x = half_y * float(rng.uniform(0.65, 1.5))
    border = max(3.0, place.size * float(rng.uniform(0.04, 0.09)))
    inks = [srgb(*(max(0, int(v)) for v in rng.normal(0, 26, 3) + rng.uniform(70, 200))) for _ in range(3)]
    window = canvas.window(place.x, place.y, half_x + 10, half_y + 12)
    if window is None:
        return
    fall_x = place.x - 5 * canvas.light.x
    canvas.darken(
        window, 0.45 * smoothstep(6.0, -6.0, _outside(window, fall_x, place.y + 5, (half_x, half_y)))
    )
    label = canvas.next_label()
    edge = _outside(window, place.x, place.y, (half_x, half_y))
    light = canvas.light.ambient + canvas.light.sun * np.float32(0.7)
    bevel = np.clip(1 + 0.5 * relief(edge, canvas.light.x, canvas.light.y), 0.4, 1.7)
    canvas.paint(window, cover(edge), place.colour * light * bevel[..., None], label)
    canvas.paint(window, cover(edge + border), srgb(235, 230, 220) * light, label)
    field = fractal(window.shape_hw, rng, float(rng.uniform(3.0, 5.0)), period_px=place.size / 2)
    print_rgb = inks[0] + smoothstep(-0.2, 0.3, field)[..., None] * (inks[1] - inks[0])
    print_rgb = print_rgb + smoothstep(0.9, 1.1, field)[..., None] * (inks[2] - print_rgb)
    canvas.paint(window, cover(edge + 2 * border), print_rgb * light, label)


def _outside(window: Window, x: float, y: float, half_xy: tuple[float, float]) -> Plane:
    """(h, w) distance outside an upright rectangle, negative inside, pixels."""
    away: Plane = np.maximum(np.abs(window.x - x) - half_xy[0], np.abs(window.y - y) - half_xy[1])
    return away


def _turned(window: Window, place: Place, angle: float) -> tuple[Plane, Plane]:
    """(h, w) coordinates along and across an axis through the place, pixels."""
    x, y = window.x - place.x, window.y - place.y
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def _drop_shadow(canvas: Canvas, place: Place, radius: float) -> None:
    """A soft round shadow beside something that lies flat."""
    light = canvas.light
    x, y = place.x - 0.22 * light.x * radius, place.y - 0.22 * light.y * radius
    window = canvas.window(x, y, 1.6 * radius, 1.6 * radius)
    if window is not None:
        reach = ((window.x - x) ** 2 + (window.y - y) ** 2) / radius**2
        canvas.darken(window, 0.6 * np.exp(-1.3 * reach**2))
