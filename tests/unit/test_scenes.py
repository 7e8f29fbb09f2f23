"""Procedural scenes: seeded, different from each other, with exact objects and believable camera noise."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from fakeshield_core.domain import RgbImage
from fakeshield_core.synthesis.scenes import GROUPS, group, scene
from fakeshield_core.synthesis.scenes_camera import ISO_STEPS, Camera, draw_camera, expose, noise_deviation
from fakeshield_core.synthesis.scenes_canvas import Canvas, FloatRgb, Light, convex, srgb
from fakeshield_core.synthesis.scenes_flat import (
    draw_balloon,
    draw_boat,
    draw_coin,
    draw_flower,
    draw_framed,
    draw_leaf,
    draw_pebble,
)
from fakeshield_core.synthesis.scenes_noise import cover, fractal, relief, sample, smoothstep
from fakeshield_core.synthesis.scenes_objects import (
    Drawer,
    Place,
    draw_ball,
    draw_box,
    draw_building,
    draw_car,
    draw_pole,
    draw_tree,
    draw_turned,
)
from fakeshield_core.synthesis.scenes_settings import SETTINGS

SMALL = (96, 128)
PLAIN = Camera(
    iso=100, exposure=1.0, blur_px=0.5, vignette=0.0, balance=(0.5, 0.6), bayer=(0, 0), sharpen=0.0
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lamp(x: float = -0.6) -> Light:
    return Light(x, -0.48, 0.64, srgb(255, 250, 240), srgb(120, 125, 130))


def empty_canvas(height: int = 120, width: int = 160) -> Canvas:
    return Canvas(np.full((height, width, 3), 0.3, np.float32), lamp())


def flat(value: float, shape_hw: tuple[int, int] = (128, 128)) -> FloatRgb:
    return np.full((*shape_hw, 3), value, np.float32)


def thumbnail(rgb: RgbImage) -> np.ndarray:
    small = Image.fromarray(rgb).resize((16, 12), Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel()


def residual(rgb: RgbImage) -> float:
    """Deviation of what a 3x3 median leaves, grey levels."""
    green = rgb[..., 1].astype(np.float32)
    return float((green - ndimage.median_filter(green, 3))[4:-4, 4:-4].std())


@pytest.mark.parametrize("seed", range(len(SETTINGS)))
def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    first, second = scene(seed, *SMALL), scene(seed, *SMALL)
    assert first.rgb.tobytes() == second.rgb.tobytes()
    assert np.array_equal(first.labels, second.labels)
    assert (first.iso, first.setting, first.group) == (second.iso, second.setting, second.group)


def test_a_scene_is_8_bit_colour_of_the_size_asked_for() -> None:
    made = scene(3, height=100, width=90)
    assert made.rgb.shape == (100, 90, 3) and made.rgb.dtype == np.uint8
    assert made.labels.shape == (100, 90) and made.labels.dtype == np.int32
    assert scene(3).rgb.shape == (384, 512, 3)


def test_every_setting_is_used() -> None:
    assert {scene(seed, *SMALL).setting for seed in range(len(SETTINGS))} == set(SETTINGS)


@pytest.mark.parametrize(("seed", "height", "width"), [(-1, 96, 96), (0, 63, 96), (0, 96, 8)])
def test_what_cannot_be_drawn_is_refused_with_the_numbers_given(seed: int, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"not {seed}, {height}x{width}"):
        scene(seed, height, width)


def test_three_hundred_groups_look_different_even_as_thumbnails() -> None:
    small = np.stack([thumbnail(scene(seed, 72, 96).rgb) for seed in range(300)])
    apart = np.sqrt(((small[:, None] - small[None]) ** 2).mean(axis=2)) + 1e3 * np.eye(300)
    assert apart.min() > 6.0 and np.median(apart.min(axis=1)) > 12.0  # grey levels


def test_seeds_of_one_group_show_one_place_with_another_camera() -> None:
    first, again, other = scene(4, *SMALL), scene(4 + GROUPS, *SMALL), scene(5, *SMALL)
    assert first.group == again.group == group(4 + GROUPS) == 4 and other.group == 5
    assert first.setting == again.setting
    assert not np.array_equal(first.rgb, again.rgb)
    edges = [ndimage.gaussian_laplace(made.rgb.mean(axis=2), 2.0).ravel() for made in (first, again, other)]
    alike, unlike = (np.corrcoef(edges[0], edge)[0, 1] for edge in edges[1:])
    assert alike > unlike + 0.2


def test_there_are_at_least_300_groups() -> None:
    assert GROUPS >= 300 and {group(seed) for seed in range(2 * GROUPS)} == set(range(GROUPS))


@pytest.mark.parametrize("seed", range(20))
def test_objects_are_visible_apart_and_leave_background(seed: int) -> None:
    made = scene(seed, 144, 192)
    assert 1 <= len(made.objects) <= 60
    assert all(mask.shape == made.rgb.shape[:2] and mask.sum() >= 16 for mask in made.objects)
    assert np.stack(made.objects).sum(axis=0).max() == 1
    assert 0.02 < np.mean(made.labels > 0) < 0.9


def test_an_object_differs_from_what_surrounds_it() -> None:
    told_apart = []
    for seed in range(20):
        made = scene(seed, 144, 192)
        for mask in made.objects:
            ring = ndimage.binary_dilation(mask, iterations=4) & ~ndimage.binary_dilation(mask, iterations=1)
            gap = made.rgb[mask].mean(axis=0) - made.rgb[ring].mean(axis=0)
            told_apart.append(float(np.abs(gap).max()))
    assert np.median(told_apart) > 15


def test_noise_grows_with_iso_as_the_model_says() -> None:
    scale = 0.4
    left = [residual(expose(flat(scale), dataclasses.replace(PLAIN, iso=iso), rng())) for iso in ISO_STEPS]
    assert all(b > 1.15 * a for a, b in pairwise(left))
    model = [noise_deviation(scale, iso) for iso in ISO_STEPS]
    assert left[-1] / left[2] == pytest.approx(model[-1] / model[2], rel=0.25)


def test_raw_noise_is_read_noise_in_the_dark_and_photon_noise_in_the_light() -> None:
    assert noise_deviation(0.0, 800) == pytest.approx(2 * noise_deviation(0.0, 400))
    bright = noise_deviation(0.8, 800) / noise_deviation(0.8, 400)
    assert bright == pytest.approx(np.sqrt(2), rel=0.05)


def test_demosaicing_leaves_the_trace_of_the_bayer_grid() -> None:
    """Green that was measured keeps more noise than green that was interpolated."""
    camera = dataclasses.replace(PLAIN, iso=1600)
    green = expose(flat(0.3), camera, rng())[..., 1].astype(np.float32)
    fine = green - ndimage.uniform_filter(green, 5)
    measured = np.concatenate([fine[0::2, 1::2].ravel(), fine[1::2, 0::2].ravel()])
    guessed = np.concatenate([fine[0::2, 0::2].ravel(), fine[1::2, 1::2].ravel()])
    assert measured.std() > 1.2 * guessed.std()


def test_the_bayer_grid_moves_with_the_camera() -> None:
    light = flat(0.3)
    first = expose(light, dataclasses.replace(PLAIN, iso=800), rng())
    moved = expose(light, dataclasses.replace(PLAIN, iso=800, bayer=(0, 1)), rng())
    assert not np.array_equal(first, moved)


def test_a_grey_card_stays_grey() -> None:
    picture = expose(flat(0.2), PLAIN, rng())
    means = picture.reshape(-1, 3).mean(axis=0)
    assert means.max() - means.min() < 1.0 and 90 < means.mean() < 160


def test_the_meter_makes_dark_and_bright_light_alike() -> None:
    dark, bright = (expose(flat(level), PLAIN, rng()).mean() for level in (0.05, 0.8))
    assert dark == pytest.approx(bright, abs=3)


def test_vignetting_darkens_the_corners_only() -> None:
    picture = expose(flat(0.3), dataclasses.replace(PLAIN, vignette=0.35), rng()).mean(axis=2)
    assert picture[:8, :8].mean() < 0.9 * picture[60:68, 60:68].mean()


def test_cameras_differ_in_iso_grid_and_balance() -> None:
    drawn = [draw_camera(rng(seed)) for seed in range(60)]
    assert {camera.iso for camera in drawn} == set(ISO_STEPS)
    assert len({camera.bayer for camera in drawn}) == 4
    assert len({camera.balance for camera in drawn}) == 60


def test_fractal_noise_is_normalised_and_wraps() -> None:
    field = fractal((64, 96), rng(), 2.0)
    assert field.dtype == np.float32 and field.shape == (64, 96)
    assert field.mean() == pytest.approx(0, abs=1e-4) and field.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(field[0] - field[-1]).mean() < 2 * np.abs(field[0] - field[1]).mean()


def test_a_steeper_spectrum_is_smoother() -> None:
    steps = [float(np.abs(np.diff(fractal((64, 64), rng(), beta))).mean()) for beta in (0.0, 1.0, 2.0, 4.0)]
    assert steps == sorted(steps, reverse=True)


def test_stretched_noise_changes_slower_along_x() -> None:
    field = fractal((128, 128), rng(), 2.0, stretch_yx=(1.0, 6.0))
    assert np.abs(np.diff(field, axis=1)).mean() < 0.5 * np.abs(np.diff(field, axis=0)).mean()


@pytest.mark.parametrize(
    ("v", "u", "value"),
    [(0.0, 0.0, 1.0), (0.0, 0.5, 1.5), (0.5, 0.0, 2.0), (2.0, 0.0, 1.0), (-1.0, 1.0, 4.0), (0.0, 1.5, 1.5)],
)
def test_sampling_is_bilinear_and_wraps(v: float, u: float, value: float) -> None:
    tile = np.array([[1, 2], [3, 4]], np.float32)
    read = sample(tile, np.array([[v]], np.float32), np.array([[u]], np.float32))
    assert read.tolist() == [[value]]


def test_steps_and_coverage_are_soft() -> None:
    assert smoothstep(0, 2, np.array([-1.0, 0.0, 1.0, 2.0, 9.0])).tolist() == [0, 0, 0.5, 1, 1]
    assert smoothstep(2, 0, np.array([0.0, 2.0])).tolist() == [1, 0]
    assert cover(np.array([-3.0, -0.25, 0.0, 0.25, 3.0])).tolist() == [1, 0.75, 0.5, 0.25, 0]


def test_slopes_that_face_the_light_are_brighter() -> None:
    hill = np.array([[0, 1, 2, 1, 0]] * 3, np.float32)
    lit_from_left = relief(hill, -1.0, 0.0)
    assert lit_from_left[1].tolist() == [0, 1, 0, -1, 0]


def test_a_convex_polygon_covers_its_inside() -> None:
    canvas = empty_canvas(10, 10)
    window = canvas.window(5, 5, 6, 6)
    assert window is not None
    square = convex(window, np.array([(2, 2), (6, 2), (6, 6), (2, 6)], np.float32))
    assert square[4, 4] == 1 and square[2, 4] == 0.5 and square[8, 8] == 0


def test_a_window_outside_the_frame_is_none() -> None:
    canvas = empty_canvas(10, 10)
    assert canvas.window(-20, 5, 4, 4) is None
    inside = canvas.window(0, 0, 3, 3)
    assert inside is not None and inside.rows == slice(0, 5) and inside.shape_hw == (5, 5)


def test_paint_labels_what_is_more_than_half_covered() -> None:
    canvas = empty_canvas(1, 3)
    window = canvas.window(1, 0, 2, 2)
    assert window is not None
    canvas.paint(window, np.array([[0.2, 0.6, 1.0]], np.float32), srgb(255, 255, 255), canvas.next_label())
    assert canvas.labels.tolist() == [[0, 1, 1]]
    assert canvas.rgb[0, :, 0].tolist() == pytest.approx([0.44, 0.72, 1.0])


DRAWERS = (
    draw_ball, draw_box, draw_turned, draw_pole, draw_tree, draw_building, draw_car, draw_leaf, draw_pebble,
    draw_coin, draw_framed, draw_balloon, draw_flower, draw_boat,
)  # fmt: skip


@pytest.mark.parametrize("draw", DRAWERS, ids=lambda draw: draw.__name__)
def test_a_drawer_labels_one_connected_object_near_its_place(draw: Drawer) -> None:
    for seed in range(4):
        canvas = empty_canvas()
        draw(canvas, Place(80, 80, 50, srgb(180, 60, 50)), rng(seed))
        mask = canvas.labels == 1
        assert canvas.labels.max() == 1 and mask.sum() > 100
        largest = np.bincount(ndimage.label(mask, np.ones((3, 3)))[0].ravel())[1:].max()
        assert largest > 0.85 * mask.sum()
        assert np.hypot(*(ndimage.center_of_mass(mask) - np.array([80, 80]))) < 60


@pytest.mark.parametrize("draw", DRAWERS, ids=lambda draw: draw.__name__)
def test_a_drawer_off_the_frame_leaves_no_object(draw: Drawer) -> None:
    canvas = empty_canvas()
    draw(canvas, Place(-900, 80, 40, srgb(180, 60, 50)), rng())
    assert canvas.labels.max() == 0


def test_the_side_towards_the_lamp_is_brighter() -> None:
    canvas = empty_canvas()
    draw_ball(canvas, Place(80, 100, 60, srgb(150, 150, 150)), rng(1))
    left, right = canvas.rgb[70, 60].mean(), canvas.rgb[70, 100].mean()
    assert left > 1.3 * right


def test_the_darkest_ink_of_a_framed_picture_is_black() -> None:
    """A colour drawn below 0 made pixels that are no number."""
    made = scene(54, 192, 192)
    assert made.rgb.shape == (192, 192, 3)
