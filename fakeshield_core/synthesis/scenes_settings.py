"""Settings: which surfaces and which things go together, and where they stand.

`Stage.place` draws what makes a scene group (colours, layout, textures); `Stage.shot` what differs between
two shots of the same place (objects moved a little, the camera).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fakeshield_core.synthesis import scenes_flat as flat
from fakeshield_core.synthesis import scenes_objects as solid
from fakeshield_core.synthesis import scenes_textures as textures
from fakeshield_core.synthesis.scenes_canvas import Canvas, FloatRgb, Light, srgb

MOVE_PX = 5.0  # deviation of how far objects wander between two shots of one group


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a setting needs to be drawn."""

    shape_hw: tuple[int, int]
    place: np.random.Generator
    shot: np.random.Generator
    light: Light


Setting = Callable[[Stage], Canvas]

EARTH = (srgb(165, 145, 115), srgb(120, 115, 110), srgb(150, 120, 90), srgb(195, 180, 150), srgb(95, 88, 80))
GREENS = (srgb(98, 112, 62), srgb(120, 125, 72), srgb(82, 98, 66), srgb(142, 138, 88), srgb(108, 122, 58))
CROWNS = (srgb(72, 92, 48), srgb(92, 104, 54), srgb(130, 108, 48), srgb(148, 88, 44), srgb(58, 80, 56))
PAINTS = (
    srgb(178, 52, 44), srgb(44, 84, 142), srgb(226, 182, 62), srgb(66, 122, 84), srgb(222, 216, 202),
    srgb(60, 60, 66), srgb(196, 116, 52), srgb(132, 84, 132), srgb(92, 152, 168), srgb(206, 142, 140),
)  # fmt: skip
WALLS = (
    srgb(206, 192, 166), srgb(176, 116, 88), srgb(156, 160, 164), srgb(222, 216, 206), srgb(142, 92, 72),
    srgb(196, 176, 126), srgb(126, 138, 146), srgb(184, 150, 130),
)  # fmt: skip
CLOTHS = (srgb(72, 88, 132), srgb(142, 62, 58), srgb(196, 186, 166), srgb(82, 112, 92), srgb(112, 96, 86))
TIMBER = (srgb(168, 122, 82), srgb(122, 82, 54), srgb(196, 164, 122), srgb(92, 66, 50), srgb(154, 140, 124))
LEAVES = (srgb(188, 112, 40), srgb(168, 62, 38), srgb(204, 168, 62), srgb(112, 124, 52), srgb(120, 78, 48))
STONES = (srgb(148, 144, 138), srgb(108, 104, 102), srgb(182, 172, 158), srgb(138, 112, 96), srgb(86, 90, 98))
METALS = (srgb(196, 162, 86), srgb(176, 178, 180), srgb(172, 108, 72), srgb(210, 196, 150))


def draw_light(rng: np.random.Generator) -> Light:
    """A lamp in front, above, to one side; now and then a weak one."""
    x, y, z = float(rng.uniform(-0.75, 0.75)), float(rng.uniform(-0.8, -0.35)), float(rng.uniform(0.4, 0.8))
    length = float(np.sqrt(x * x + y * y + z * z))
    warm = float(rng.uniform(0, 1))
    sun = srgb(255, int(250 - 30 * warm), int(240 - 70 * warm)) * np.float32(rng.uniform(0.55, 0.95))
    ambient = srgb(int(195 + 20 * warm), 210, int(240 - 20 * warm)) * np.float32(rng.uniform(0.35, 0.6))
    return Light(x / length, y / length, z / length, sun, ambient)


def pick(rng: np.random.Generator, colours: tuple[FloatRgb, ...]) -> FloatRgb:
    """One of the colours, a little greyer, varied in brightness by a fifth and in hue by a few hundredths."""
    colour = colours[int(rng.integers(len(colours)))]
    dull = colour + np.float32(0.12) * (colour.mean() - colour)
    varied: FloatRgb = np.clip(dull * rng.normal(1, 0.2) * rng.normal(1, 0.06, 3), 0.01, 0.9).astype(
        np.float32
    )
    return varied


def meadow(stage: Stage) -> Canvas:
    """Sky, hills, grass; trees, then flowers or fence posts."""
    rng = stage.place
    canvas, horizon = _outdoors(stage, textures.grass, pick(rng, GREENS), hills=True)
    _stand(canvas, stage, horizon, ((solid.draw_tree, CROWNS, 0.42),), int(rng.integers(3, 8)))
    near = ((flat.draw_flower, PAINTS, 0.2),) if rng.random() < 0.6 else ((solid.draw_pole, WALLS, 0.35),)
    _stand(canvas, stage, horizon + 0.2 * stage.shape_hw[0], near, int(rng.integers(3, 9)))
    return canvas


def shore(stage: Stage) -> Canvas:
    """Sky and water with boats, hills on the far side or none."""
    rng = stage.place
    canvas, horizon = _outdoors(stage, textures.water, srgb(185, 200, 212), hills=bool(rng.random() < 0.6))
    _stand(canvas, stage, horizon + 6, ((flat.draw_boat, PAINTS, 0.4),), int(rng.integers(3, 7)))
    return canvas


def street(stage: Stage) -> Canvas:
    """A row of houses behind a road with cars, lamps and trees."""
    rng = stage.place
    canvas, horizon = _outdoors(stage, textures.ground, pick(rng, (EARTH[1], EARTH[4])), hills=False)
    height, width = stage.shape_hw
    x = -0.1 * width
    while x < 1.1 * width:
        size = height * float(rng.uniform(0.3, 0.62))
        solid.draw_building(canvas, solid.Place(x, horizon + 5, size, pick(rng, WALLS)), rng)
        x += size * float(rng.uniform(0.5, 0.95))
    row = ((solid.draw_tree, CROWNS, 0.34), (solid.draw_pole, STONES, 0.5))
    _stand(canvas, stage, horizon + 0.03 * height, row, int(rng.integers(2, 5)), depth=0.1)
    _stand(canvas, stage, horizon + 0.14 * height, ((solid.draw_car, PAINTS, 0.15),), int(rng.integers(2, 5)))
    return canvas


def wall(stage: Stage) -> Canvas:
    """A brick or plaster wall with things on the pavement before it."""
    rng = stage.place
    surface = textures.brick if rng.random() < 0.6 else textures.plaster
    floor = textures.paving if rng.random() < 0.6 else textures.ground
    canvas, edge = _indoors(stage, surface, pick(rng, WALLS), floor, pick(rng, EARTH))
    things = (
        (solid.draw_box, TIMBER, 0.22), (solid.draw_turned, PAINTS, 0.26), (solid.draw_ball, PAINTS, 0.14),
        (solid.draw_pole, STONES, 0.6),
    )  # fmt: skip
    _stand(canvas, stage, edge + 8, things, int(rng.integers(4, 9)))
    return canvas


def gallery(stage: Stage) -> Canvas:
    """Framed pictures on a wall, vases and boxes on the floor."""
    rng = stage.place
    canvas, edge = _indoors(stage, textures.plaster, pick(rng, WALLS), textures.wood, pick(rng, TIMBER))
    height, width = stage.shape_hw
    count = int(rng.integers(2, 5))
    for k in range(count):
        x = width * (k + 0.5) / count + _wander(stage)
        size = min(0.7 * edge, 0.62 * width / count) * float(rng.uniform(0.7, 1.0))
        frame = solid.Place(
            x, 0.5 * edge + 0.03 * height * float(rng.normal()), size, pick(rng, TIMBER + METALS)
        )
        flat.draw_framed(canvas, frame, rng)
    things = ((solid.draw_turned, PAINTS, 0.27), (solid.draw_box, TIMBER, 0.14))
    _stand(canvas, stage, edge + 10, things, int(rng.integers(1, 4)))
    return canvas


def table(stage: Stage) -> Canvas:
    """Cups, bottles, fruit and cartons on a table before a blurred room."""
    rng = stage.place
    top = (textures.wood, TIMBER) if rng.random() < 0.6 else (textures.fabric, CLOTHS)
    canvas, edge = _indoors(stage, textures.plaster, pick(rng, WALLS), top[0], pick(rng, top[1]))
    _blur_room(canvas, stage, edge)
    things = (
        (solid.draw_turned, PAINTS, 0.36), (solid.draw_ball, PAINTS, 0.18), (solid.draw_box, TIMBER, 0.2),
        (solid.draw_turned, WALLS, 0.3),
    )  # fmt: skip
    _stand(canvas, stage, edge + 0.08 * stage.shape_hw[0], things, int(rng.integers(4, 9)))
    return canvas


def litter(stage: Stage) -> Canvas:
    """Fallen leaves on soil, planks, slabs or grass seen from above."""
    rng = stage.place
    surface, colours = ((textures.sand, EARTH), (textures.wood, TIMBER), (textures.brick, STONES))[
        int(rng.integers(3))
    ]
    return _strewn(
        stage, surface, pick(rng, colours), ((flat.draw_leaf, LEAVES, 0.27),), int(rng.integers(5, 26))
    )


def beach(stage: Stage) -> Canvas:
    """Pebbles on sand seen from above."""
    rng = stage.place
    size = float(rng.uniform(0.1, 0.24))
    count = int(rng.integers(6, 40))
    return _strewn(stage, textures.sand, pick(rng, EARTH), ((flat.draw_pebble, STONES, size),), count)


def cloth(stage: Stage) -> Canvas:
    """Coins, buttons and pebbles on cloth or wood seen from above."""
    rng = stage.place
    surface, colours = (textures.fabric, CLOTHS) if rng.random() < 0.7 else (textures.wood, TIMBER)
    things = ((flat.draw_coin, METALS, 0.15), (flat.draw_coin, PAINTS, 0.09), (flat.draw_pebble, STONES, 0.1))
    return _strewn(
        stage, surface, pick(rng, colours), things[: int(rng.integers(1, 4))], int(rng.integers(6, 20))
    )


def ballooning(stage: Stage) -> Canvas:
    """Hot-air balloons over bare land with far mountains."""
    rng = stage.place
    canvas, horizon = _outdoors(stage, textures.ground, pick(rng, EARTH), hills=True)
    for _ in range(int(rng.integers(3, 7))):
        size = float(rng.uniform(0.12, 0.36)) * stage.shape_hw[0]
        y = max(float(rng.uniform(0.3, 0.95)) * horizon, 0.9 * size)
        x = float(rng.uniform(0.05, 0.95)) * stage.shape_hw[1] + _wander(stage)
        flat.draw_balloon(canvas, solid.Place(x, y, size, pick(rng, PAINTS)), rng)
    _stand(canvas, stage, horizon + 10, ((solid.draw_tree, CROWNS, 0.2),), int(rng.integers(0, 4)))
    return canvas


SETTINGS: Mapping[str, Setting] = {
    made.__name__: made
    for made in (meadow, shore, street, wall, gallery, table, litter, beach, cloth, ballooning)
}

Kinds = tuple[
    tuple[solid.Drawer, tuple[FloatRgb, ...], float], ...
]  # drawer, colours, size as share of the height


def _wander(stage: Stage) -> float:
    return float(stage.shot.normal(0, MOVE_PX))


def _outdoors(stage: Stage, surface: textures.Surface, colour: FloatRgb, hills: bool) -> tuple[Canvas, float]:
    rng = stage.place
    height, width = stage.shape_hw
    horizon = int(height * rng.uniform(0.35, 0.62))
    colours = textures.SKIES[int(rng.integers(len(textures.SKIES)))]
    rgb = np.empty((height, width, 3), dtype=np.float32)
    rgb[:horizon] = textures.sky((horizon, width), rng, colours)
    rgb[horizon:] = rgb[horizon - 1].mean(axis=0)
    if hills:
        textures.add_ridges(rgb, horizon, rng, pick(rng, CROWNS + EARTH))
    land = surface((height - horizon, width), rng, colour, stage.light)
    haze = np.exp(-np.arange(height - horizon, dtype=np.float32) / (0.06 * height))[:, None]
    lit = land * (0.55 * stage.light.sun + stage.light.ambient)
    far = colours.horizon * np.float32(0.8)
    rgb[horizon:] = textures.blend_maps(
        lit, np.broadcast_to(far, lit.shape), np.broadcast_to(0.5 * haze, lit.shape[:2])
    )
    return Canvas(rgb, stage.light), float(horizon)


def _indoors(
    stage: Stage, back: textures.Surface, colour: FloatRgb, floor: textures.Surface, floor_colour: FloatRgb
) -> tuple[Canvas, float]:
    rng = stage.place
    height, width = stage.shape_hw
    edge = int(height * rng.uniform(0.4, 0.68))
    light = stage.light
    rgb = np.empty((height, width, 3), dtype=np.float32)
    rgb[:edge] = back((edge, width), rng, colour, light) * (0.6 * light.sun + light.ambient)
    rgb[edge:] = floor((height - edge, width), rng, floor_colour, light) * (0.65 * light.sun + light.ambient)
    near_edge = np.exp(-np.abs(np.arange(height, dtype=np.float32) - edge) / (0.03 * height))
    rgb *= (1 - 0.45 * near_edge)[:, None, None]
    return Canvas(rgb, light), float(edge)


def _blur_room(canvas: Canvas, stage: Stage, edge: float) -> None:
    """Soft coloured shapes behind the table, then defocus of everything above its far edge."""
    rng = stage.place
    rows = int(edge)
    for _ in range(int(rng.integers(2, 6))):
        place = solid.Place(
            float(rng.uniform(0, stage.shape_hw[1])), edge, 0.5 * edge, pick(rng, PAINTS + WALLS)
        )
        solid.draw_box(canvas, place, rng)
    canvas.labels[:] = 0
    blur = 0.03 * stage.shape_hw[0] * float(rng.uniform(0.5, 1.2))
    canvas.rgb[:rows] = ndimage.gaussian_filter(canvas.rgb[:rows], (blur, blur, 0), truncate=2.5)


def _strewn(stage: Stage, surface: textures.Surface, colour: FloatRgb, kinds: Kinds, count: int) -> Canvas:
    """Things thrown on a level surface seen from above."""
    rng = stage.place
    height, width = stage.shape_hw
    light = stage.light
    rgb = surface(stage.shape_hw, rng, colour, light) * (0.65 * light.sun + light.ambient)
    canvas = Canvas(rgb.astype(np.float32), light)
    for k in range(count):
        draw, colours, size = kinds[k % len(kinds)]
        x, y = float(rng.uniform(0.02, 0.98)) * width, float(rng.uniform(0.03, 0.97)) * height
        place = solid.Place(x + _wander(stage), y + _wander(stage), size * height, pick(rng, colours))
        draw(canvas, solid.resized(place, float(rng.uniform(0.6, 1.3))), rng)
    return canvas


def _stand(canvas: Canvas, stage: Stage, far_y: float, kinds: Kinds, count: int, depth: float = 1.0) -> None:
    """Things on the ground from row far_y to a share `depth` of the way to the lower edge, far ones first."""
    rng = stage.place
    height, width = stage.shape_hw
    steps = np.sort(rng.uniform(0.0, depth, count))
    lanes = rng.permutation(count)
    for step, lane in zip(steps, lanes, strict=True):
        draw, colours, size = kinds[int(rng.integers(len(kinds)))]
        y = far_y + step * 0.92 * (height - far_y)
        x = width * (lane + float(rng.uniform(0.2, 0.8))) / count + _wander(stage)
        near = 0.55 + 0.75 * float(step)
        grown = size * height * near * float(rng.uniform(0.75, 1.2))
        draw(canvas, solid.Place(x, y, grown, pick(rng, colours)), rng)
