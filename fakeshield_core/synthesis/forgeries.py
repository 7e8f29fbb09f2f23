"""Forgeries made from any two photographs: splice, copy-move, removal; with mask and history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from fakeshield_core.domain import BoolMask, Plane, RgbImage
from fakeshield_core.synthesis.history import Steps, blurred, noisy, resized

Kind = Literal["splice", "copy_move", "removal"]
KINDS: tuple[Kind, ...] = ("splice", "copy_move", "removal")
SMALLEST, LARGEST = 0.012, 0.30  # of the picture: share a forged region takes


@dataclass(frozen=True, slots=True)
class Forged:
    """A forged picture and the truth about it."""

    rgb: RgbImage  # (H, W, 3)
    mask: BoolMask  # (H, W), True where pixels were replaced
    kind: Kind
    history: Steps


def forge(
    host: RgbImage, donor: RgbImage, kind: Kind, rng: np.random.Generator, cutout: BoolMask | None = None
) -> Forged:
    """One forgery of the host.

    Args:
        host: (H, W, 3), H and W at least 64.
        donor: another photograph, any size from 32 pixels; used by a splice only.
        cutout: (h, w) of the donor, an object to cut out; drawn as a random shape where None or empty.
    """
    if kind == "splice":
        return _splice(host, donor, rng, cutout)
    return _copy_move(host, rng) if kind == "copy_move" else _removal(host, rng)


def random_shape(height: int, width: int, rng: np.random.Generator) -> BoolMask:
    """A blob, ellipse, rectangle or polygon filling most of the box; (height, width), never empty."""
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    choice = rng.random()
    if choice < 0.15:
        return np.ones((height, width), np.bool_)
    if choice < 0.35:
        return np.asarray(ys**2 + xs**2 <= 1.0)
    angle, radius = np.arctan2(ys, xs), np.hypot(ys, xs)
    if choice < 0.75:  # a blob: a circle with a few harmonics
        edge = np.full(angle.shape, 0.72)
        for order in range(2, 7):
            edge += rng.normal(0, 0.22 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        return np.asarray(radius <= np.clip(edge, 0.25, 1.0))
    corners = np.sort(rng.uniform(-np.pi, np.pi, int(rng.integers(3, 8))))
    lengths = rng.uniform(0.6, 1.0, corners.size)
    edge = np.interp(angle, corners, lengths, period=2 * np.pi)
    return np.asarray(radius <= edge)


@dataclass(frozen=True, slots=True)
class Hole:
    """A region to be filled."""

    mask: BoolMask  # (H, W) of the picture
    corner: tuple[int, int]  # top and left of its box
    box_hw: tuple[int, int]


def random_hole(host: RgbImage, rng: np.random.Generator, largest: float = LARGEST) -> Hole:
    """A random shape of random size, leaning towards the centre.

    Args:
        host: (H, W, 3), H and W at least 60.
        largest: share of the picture that it takes at most, about.
    """
    box_hw = _box(host, rng, largest=largest)
    shape = random_shape(*box_hw, rng)
    top, left = _place(host, box_hw, rng)
    mask = np.zeros(host.shape[:2], np.bool_)
    mask[top : top + box_hw[0], left : left + box_hw[1]] = shape
    return Hole(mask, (top, left), box_hw)


def _box(
    host: RgbImage,
    rng: np.random.Generator,
    shape_hw: tuple[int, int] | None = None,
    largest: float = LARGEST,
) -> tuple[int, int]:
    """Height and width of a region, of the given aspect where one is given."""
    height, width = host.shape[:2]
    share = (
        float(np.exp(rng.uniform(np.log(SMALLEST), np.log(largest)))) * 1.5
    )  # shapes fill about two thirds
    aspect = float(np.exp(rng.uniform(-0.7, 0.7))) if shape_hw is None else shape_hw[0] / shape_hw[1]
    tall = np.sqrt(share * height * width * aspect)
    return int(np.clip(tall, 12, 0.9 * height)), int(np.clip(tall / aspect, 12, 0.9 * width))


def _place(host: RgbImage, box_hw: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Top left corner; leaning towards the centre, where people put things."""
    room = np.array(host.shape[:2]) - box_hw
    draw = rng.beta(1.6, 1.6, 2) * np.maximum(room, 0)
    return int(draw[0]), int(draw[1])


def _feathered(shape: BoolMask, rng: np.random.Generator) -> Plane:
    sigma = float(rng.choice([0.0, 0.0, 0.5, 1.0, 1.5]))
    alpha = shape.astype(np.float32)
    return ndimage.gaussian_filter(alpha, sigma) if sigma else alpha


def _pasted(
    host: RgbImage, patch: RgbImage, alpha: Plane, corner: tuple[int, int]
) -> tuple[RgbImage, BoolMask]:
    top, left = corner
    tall, wide = alpha.shape
    out = host.copy()
    area = out[top : top + tall, left : left + wide]
    mixed = area + alpha[..., None] * (patch.astype(np.float32) - area)
    out[top : top + tall, left : left + wide] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    mask = np.zeros(host.shape[:2], np.bool_)
    mask[top : top + tall, left : left + wide] = alpha > 0.5
    return out, mask


def _splice(host: RgbImage, donor: RgbImage, rng: np.random.Generator, cutout: BoolMask | None) -> Forged:
    if cutout is not None and cutout.sum() >= 144:
        rows, columns = np.flatnonzero(cutout.any(axis=1)), np.flatnonzero(cutout.any(axis=0))
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        shape, source = cutout[window], donor[window]
        box_hw = _box(host, rng, (shape.shape[0], shape.shape[1]))
        if (
            rng.random() < 0.4
            and shape.shape[0] < 0.9 * host.shape[0]
            and shape.shape[1] < 0.9 * host.shape[1]
        ):
            box_hw = (shape.shape[0], shape.shape[1])  # pasted without resampling
    else:
        box_hw = _box(host, rng)
        box_hw = (min(box_hw[0], donor.shape[0]), min(box_hw[1], donor.shape[1]))
        scale = float(rng.uniform(1.0, 1.8)) if rng.random() < 0.5 else 1.0
        tall, wide = (
            min(round(box_hw[0] * scale), donor.shape[0]),
            min(round(box_hw[1] * scale), donor.shape[1]),
        )
        top, left = int(rng.integers(donor.shape[0] - tall + 1)), int(rng.integers(donor.shape[1] - wide + 1))
        source = donor[top : top + tall, left : left + wide]
        shape = random_shape(*box_hw, rng)
    patch = source if source.shape[:2] == box_hw else resized(source, *box_hw, rng)
    if shape.shape != box_hw:
        shape = resized(np.repeat(shape[..., None], 3, 2).astype(np.uint8) * 255, *box_hw, rng)[..., 0] > 127
    corner = _place(host, box_hw, rng)
    steps = [f"splice {box_hw[1]}x{box_hw[0]}"]
    if rng.random() < 0.4:
        patch = _harmonised(patch, host, corner)
        steps.append("harmonised")
    rgb, mask = _pasted(host, patch, _feathered(shape, rng), corner)
    return Forged(rgb, mask, "splice", tuple(steps))


def _harmonised(patch: RgbImage, host: RgbImage, corner: tuple[int, int]) -> RgbImage:
    """Mean and spread of each channel moved halfway to those of the place it goes to."""
    place = host[corner[0] : corner[0] + patch.shape[0], corner[1] : corner[1] + patch.shape[1]].astype(
        np.float32
    )
    values = patch.astype(np.float32)
    mean, spread = values.mean((0, 1)), values.std((0, 1)) + 1.0
    target = (place.mean((0, 1)) + mean) / 2
    gain = np.clip(np.sqrt((place.std((0, 1)) + 1.0) / spread), 0.6, 1.6)
    moved: RgbImage = np.clip(np.rint((values - mean) * gain + target), 0, 255).astype(np.uint8)
    return moved


def _copy_move(host: RgbImage, rng: np.random.Generator) -> Forged:
    tall, wide = _box(host, rng)
    tall, wide = min(tall, host.shape[0] // 2), min(wide, host.shape[1] // 2)
    top, left = (int(rng.integers(host.shape[k] - (tall, wide)[k] + 1)) for k in (0, 1))
    patch = host[top : top + tall, left : left + wide]
    steps = []
    if rng.random() < 0.3:
        patch = patch[:, ::-1]
        steps.append("mirrored")
    if rng.random() < 0.35:
        angle = float(rng.uniform(-30, 30))
        turned = ndimage.rotate(patch.astype(np.float32), angle, reshape=False, order=1, mode="reflect")
        patch = np.clip(np.rint(turned), 0, 255).astype(np.uint8)
        steps.append(f"turned {angle:.0f}")
    if rng.random() < 0.4:
        factor = float(rng.uniform(0.7, 1.4))
        tall, wide = max(12, round(tall * factor)), max(12, round(wide * factor))
        tall, wide = min(tall, host.shape[0]), min(wide, host.shape[1])
        patch = resized(np.ascontiguousarray(patch), tall, wide, rng)
        steps.append(f"scaled {factor:.2f}")
    corner = _far_from((top, left), host, (tall, wide), rng)
    rgb, mask = _pasted(host, patch, _feathered(random_shape(tall, wide, rng), rng), corner)
    steps.insert(0, f"copy from ({left}, {top}) to ({corner[1]}, {corner[0]}), {wide}x{tall}")
    return Forged(rgb, mask, "copy_move", tuple(steps))


def _far_from(
    source: tuple[int, int], host: RgbImage, box_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int]:
    """Of eight places the one that overlaps the source least."""
    places = [_place(host, box_hw, rng) for _ in range(8)]
    apart = [max(abs(y - source[0]) / box_hw[0], abs(x - source[1]) / box_hw[1]) for y, x in places]
    far = [place for place, gap in zip(places, apart, strict=True) if gap >= 1.0]
    return far[0] if far else places[int(np.argmax(apart))]


def _removal(host: RgbImage, rng: np.random.Generator) -> Forged:
    chosen = random_hole(host, rng)
    hole = chosen.mask
    choice = rng.random()
    if choice < 0.45:
        filled, step = diffused(host, hole), "filled by diffusion"
        if rng.random() < 0.5:
            sigma = float(rng.uniform(0.5, 3.0))
            filled, step = noisy(filled, sigma, rng), f"filled by diffusion, noise {sigma:.1f}"
    elif choice < 0.8:
        filled, step = _cloned(host, chosen.corner, chosen.box_hw, rng), "filled from beside"
    else:
        sigma = float(rng.uniform(1.0, 4.0))
        filled, step = blurred(host, sigma), f"blurred {sigma:.1f}"
    alpha = _feathered(hole, rng)[..., None]
    rgb = np.clip(np.rint(host + alpha * (filled.astype(np.float32) - host)), 0, 255).astype(np.uint8)
    return Forged(rgb, hole, "removal", (step,))


def diffused(rgb: RgbImage, hole: BoolMask) -> RgbImage:
    """The hole filled with ever wider averages of what surrounds it (normalised convolution)."""
    known = (~hole).astype(np.float32)
    out = rgb.astype(np.float32)
    values, weight, todo = out * known[..., None], known, hole.copy()
    sigma = 2.0
    while todo.any() and sigma < max(hole.shape):
        total = ndimage.gaussian_filter(weight, sigma)
        mean = ndimage.gaussian_filter(values, (sigma, sigma, 0)) / np.maximum(total, 1e-6)[..., None]
        ready = todo & (total > 0.05)
        out[ready] = mean[ready]
        todo &= ~ready
        sigma *= 2
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _cloned(
    host: RgbImage, corner: tuple[int, int], box_hw: tuple[int, int], rng: np.random.Generator
) -> RgbImage:
    """The host shifted by about one box, so that what lies beside the hole covers it."""
    angle = rng.uniform(0, 2 * np.pi)
    dy, dx = round(np.sin(angle) * box_hw[0] * 1.1), round(np.cos(angle) * box_hw[1] * 1.1)
    if not 0 <= corner[0] + dy <= host.shape[0] - box_hw[0]:
        dy = -dy
    if not 0 <= corner[1] + dx <= host.shape[1] - box_hw[1]:
        dx = -dx
    return np.roll(host, (-dy, -dx), axis=(0, 1))
