"""Numbers of claims once more, from the picture alone, slowly and plainly; nothing of `evidence` is called.

For pictures whose grid starts at the top left corner and whose marked area is one square of whole blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np
from PIL import Image
from scipy import fft, ndimage, stats

from fakeshield_core.domain import BoolMask, RgbImage
from tests.evidence_twin import luma_of

Numbers = dict[str, object]

# the standard's luma table, ITU-T T.81 Annex K.1
K1 = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 "
    "72 92 95 98 112 100 103 99"
)


def zigzag(first: int, last: int) -> list[tuple[int, int]]:
    """(row, column) of coefficients number first..last - 1, walked along the diagonals."""
    order = []
    for diagonal in range(15):
        cells = [(diagonal - c, c) for c in range(diagonal + 1) if diagonal - c < 8 and c < 8]
        order += cells if diagonal % 2 == 0 else cells[::-1]
    return order[first:last]


def transformed(block: np.ndarray) -> np.ndarray:
    return np.asarray(fft.dctn(block - 128.0, norm="ortho"))


def block_at(light: np.ndarray, row: int, column: int) -> np.ndarray:
    return light[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]


@dataclass
class Sides:
    """Which blocks lie in the area and which far enough outside."""

    inside: BoolMask  # (h, w)
    outside: BoolMask

    @classmethod
    def of(cls, mask: BoolMask) -> Sides:
        rows, columns = mask.shape[0] // 8, mask.shape[1] // 8
        share = np.array([[block_at(mask, y, x).mean() for x in range(columns)] for y in range(rows)])
        near = [
            [share[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] for x in range(columns)] for y in range(rows)
        ]
        outside = np.array([[not part.any() for part in row] for row in near])
        return cls(share >= 0.9, outside)


def spread_of(values: np.ndarray, weights: np.ndarray, outside: BoolMask) -> float:
    """Deviation of the means of 5 x 5 blocks outside, where at least half the usual weight lies."""
    usual = weights[outside].mean()
    means = []
    for y, x in np.ndindex(*values.shape):
        part = np.s_[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        known = outside[part]
        heft = weights[part][known].sum()
        if heft / 25 > 0.5 * usual:
            means.append(values[part][known].sum() / heft)
    return float(np.std(means))


def effect_of(
    values: np.ndarray, weights: np.ndarray, sides: Sides, inside: BoolMask
) -> tuple[float, float, float, float]:
    """Level inside, level outside, spread and effect."""
    within = values[inside].sum() / weights[inside].sum()
    level = values[sides.outside].sum() / weights[sides.outside].sum()
    spread = spread_of(values, weights, sides.outside) + 0.02
    count = weights[inside].sum() / weights[sides.outside].mean()
    return within, level, spread, (within - level) / (spread * math.sqrt(1 + 25 / count))


def ghost_of(rgb: RgbImage, mask: BoolMask) -> Numbers:
    """The quality at which the area stands out most, and by how much."""
    light, sides = luma_of(rgb), Sides.of(mask)
    rows, columns = sides.inside.shape
    values = np.array([[transformed(block_at(light, y, x)) for x in range(columns)] for y in range(rows)])
    chosen = zigzag(1, 21)
    picked = np.stack([values[:, :, r, c] for r, c in chosen], axis=-1)
    qualities = list(range(30, 100, 5))
    logs = []
    for quality in qualities:
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        table = [min(255, max(1, (int(step) * scale + 50) // 100)) for step in K1.split()]
        steps = np.array([table[8 * r + c] for r, c in chosen], float)
        logs.append(_window_logs(((picked - np.rint(picked / steps) * steps) ** 2).mean(axis=-1)))
    texture = _window_logs((picked**2).mean(axis=-1))
    usable = texture > math.log(0.5 + 4)
    low, high = np.percentile(texture[usable & sides.outside], [1, 99])
    usable &= (texture >= low - 0.1) & (texture <= high + 0.1)
    learn = usable & sides.outside
    scaled = (texture - texture[learn].mean()) / (texture[learn].std() + 0.1)
    terms = np.stack([np.ones_like(scaled), scaled, np.clip(scaled, -3, 3) ** 2], axis=-1)
    best: tuple[float, float, float, int] | None = None
    for at in range(1, len(qualities) - 1):
        dip = (logs[at - 1] + logs[at + 1]) / 2 - logs[at]
        beyond = dip - terms @ (np.linalg.pinv(terms[learn]) @ dip[learn])
        found = effect_of(beyond * usable, usable.astype(float), sides, sides.inside & usable)
        if best is None or abs(found[3]) > abs(best[0]):
            best = found[3], found[0] - found[1], found[2], qualities[at]
    assert best is not None
    effect, difference, spread, quality = best
    percent = round(100 * (1 - math.exp(-difference)))
    return {
        "effect": abs(effect),
        "at_quality": quality,
        "percent": abs(percent),
        "changes": "less" if percent > 0 else "more",
        "spread_percent": abs(round(100 * (1 - math.exp(-spread)))),
        "blocks_inside": int((sides.inside & usable).sum()),
    }


def _window_logs(plane: np.ndarray) -> np.ndarray:
    """Logarithm of means over 3 x 3 blocks, the border mirrored."""
    wide = np.pad(plane, 1, mode="symmetric")
    rows, columns = plane.shape
    return np.array(
        [[math.log(wide[y : y + 3, x : x + 3].mean() + 0.5) for x in range(columns)] for y in range(rows)]
    )


def grid_of(rgb: RgbImage, mask: BoolMask, is_jpeg: bool) -> Numbers:
    """The area's own grid against the picture's, from the votes of every 8 x 8 cell."""
    light, sides = luma_of(rgb), Sides.of(mask)
    rows, columns = sides.inside.shape
    votes = np.full((rows, columns), -1)
    waves = [[math.cos((2 * n + 1) * k * math.pi / 16) / 2 for n in range(8)] for k in (1, 2, 3)]
    everywhere = np.lib.stride_tricks.sliding_window_view(light, (8, 8))
    low = np.einsum("yxij,ai,bj->yxab", everywhere, waves, waves, optimize=True)
    near = (np.abs(low) < 0.5).sum(axis=(2, 3))
    for y, x in product(range(rows - 1), range(columns - 1)):
        zeros = [int(near[8 * y + down, 8 * x + across]) for down, across in product(range(8), range(8))]
        if zeros.count(max(zeros)) == 1:
            votes[y, x] = zeros.index(max(zeros))
    inside = np.bincount(votes[sides.inside & (votes >= 0)], minlength=64)
    elsewhere = np.bincount(votes[sides.outside & (votes >= 0)], minlength=64)
    main = _frequent(np.bincount(votes[votes >= 0], minlength=64) if is_jpeg else elsewhere)
    if is_jpeg and main is None:
        main = 0
    surprises = []
    for place in range(64):
        chance = max((elsewhere[place] + 1) / (elsewhere.sum() + 64), 1 / 64)
        tail = stats.binomtest(int(inside[place]), int(inside.sum()), chance, "greater").pvalue
        surprises.append(0.0 if place == main else -math.log10(max(tail, 1e-300)))
    own = int(np.argmax(surprises))
    return {
        "effect": surprises[own] - math.log10(64),
        "moved_xy": [(own % 8 - (main or 0) % 8) % 8, (own // 8 - (main or 0) // 8) % 8],
        "inside_percent": 100 * inside[own] / inside.sum(),
        "outside_percent": 100 * elsewhere[own] / elsewhere.sum(),
        "votes_inside": int(inside.sum()),
        "rest_has_grid": main is not None,
    }


def _frequent(counts: np.ndarray) -> int | None:
    best = int(np.argmax(counts))
    tail = stats.binomtest(int(counts[best]), int(counts.sum()), 1 / 64, "greater").pvalue
    return best if -math.log10(max(tail, 1e-300)) - math.log10(64) >= 6 else None


def double_of(rgb: RgbImage, table: np.ndarray, mask: BoolMask) -> Numbers:
    """How much likelier one compression is than two, a coefficient, in the area and elsewhere."""
    light, sides = luma_of(rgb), Sides.of(mask)
    rows, columns = sides.inside.shape
    values = np.array([[transformed(block_at(light, y, x)) for x in range(columns)] for y in range(rows)])
    inner = light[4:-4, 4:-4]
    moved = np.array(
        [[transformed(block_at(inner, y, x)) for x in range(columns - 1)] for y in range(rows - 1)]
    )
    total, counted = np.zeros((rows, columns)), np.zeros((rows, columns))
    for r, c in zigzag(1, 16):
        found = _likelihoods(values[..., r, c], moved[..., r, c].ravel(), int(table[r, c]))
        if found is not None:
            total += found[0]
            counted += found[1]
    within, level, _, effect = effect_of(total, counted, sides, sides.inside & (counted > 0))
    return {
        "effect": effect,
        "inside_likelihood": math.exp(within),
        "outside_likelihood": math.exp(level),
        "blocks_inside": int((sides.inside & (counted > 0)).sum()),
    }


def _likelihoods(values: np.ndarray, moved: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Per block: log of once against twice, and whether its coefficient says anything; None: no gaps."""
    most = min(256 // last, 40)
    steps = np.clip(np.rint(values / last), -most, most).astype(int)
    telling = [k for k in range(-most, most + 1) if k not in (-most, 0, most)]
    occurring = {k: float((steps == k).mean()) for k in range(-most, most + 1)}
    if most < 3 or sum(occurring[k] for k in telling) * steps.size < 50 - 1e-9:
        return None
    whole = np.clip(np.rint(moved), -256, 256).astype(int)
    counts = np.array([(whole == v).sum() for v in range(-256, 257)], float)
    never = ndimage.gaussian_filter1d(counts, 1.0) + 1e-3
    never[[0, -1]] = 0
    never /= never.sum()
    single = _steps_after(never, last, most)
    best: tuple[float, float, dict[int, float]] | None = None
    for first in range(2, min(3 * last + 12, 80)):
        if first == last:
            continue
        once = np.zeros(513)
        for v in range(-256, 257):
            there = min(256, max(-256, round(v / first) * first))
            once[there + 256] += never[v + 256]
        double = _steps_after(once, last, most)
        scale = {k: 1 / math.sqrt(single[k] + 1e-4) for k in telling}
        change = np.array([(double[k] - single[k]) * scale[k] for k in telling])
        wanted = np.array([(occurring[k] - single[k]) * scale[k] for k in telling])
        share = min(1.0, max(0.0, float(change @ wanted / (change @ change + 1e-9))))
        left = float(((wanted - share * change) ** 2).sum())
        if best is None or left < best[0]:
            best = left, share, double
    assert best is not None
    left, share, double = best
    gain = 1 - left / (float((wanted**2).sum()) + 1e-12)
    if gain < 0.2 or share < 0.15:
        return None
    ratio = {
        k: math.log((1.02 * single[k] + 1e-4) / (0.98 * double[k] + 0.02 * single[k] + 1e-4)) for k in telling
    }
    total = np.vectorize(lambda k: ratio.get(k, 0.0))(steps)
    return total, np.isin(steps, telling).astype(float)


def _steps_after(shares: np.ndarray, step: int, most: int) -> dict[int, float]:
    """Shares of the quantisation steps -most..most, where whole values are blurred by 0.7 before."""
    return {k: float(row @ shares) for k, row in _blurred_steps(step, most).items()}


@cache
def _blurred_steps(step: int, most: int) -> dict[int, np.ndarray]:
    spread = ndimage.gaussian_filter1d(np.eye(513), 0.7, axis=1, mode="nearest")
    at = [min(most, max(-most, round(v / step))) for v in range(-256, 257)]
    return {k: np.array([float(there == k) for there in at]) @ spread for k in range(-most, most + 1)}


def moved_of(rgb: RgbImage, offset_xy: tuple[int, int], source: BoolMask) -> Numbers:
    """Pairs of places that look alike one offset apart, and how well the source's windows match the copy's.

    For pictures whose long side is 384 pixels, so that the working picture is exactly twice as large.
    """
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    large = cv2.resize(grey, (2 * grey.shape[1], 2 * grey.shape[0]), interpolation=cv2.INTER_CUBIC)
    sift = cv2.SIFT.create(nfeatures=4000, contrastThreshold=0.01, edgeThreshold=20)
    keypoints, raw = sift.detectAndCompute(large, None)
    places = np.array([k.pt for k in keypoints])
    roots = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-6))
    wanted, agreeing = 2 * np.array(offset_xy), set()
    for place, root in zip(places, roots, strict=True):
        far = np.hypot(*(places - place).T) >= 30
        distances = np.where(far, np.sqrt(((roots - root) ** 2).sum(axis=1)), np.inf)
        best = int(np.argmin(distances))
        nearest, second = np.partition(distances, 1)[:2]
        step = places[best] - place
        off = min(np.hypot(*(step - wanted)), np.hypot(*(step + wanted)))
        if nearest < 0.6 * second and nearest < 0.5 and off <= 3:
            agreeing.add(tuple(sorted([tuple(place), tuple(places[best])])))
    found = _correlation(large.astype(float), wanted.tolist(), source)
    return {"pairs": len(agreeing), "correlation": found}


def _correlation(grey: np.ndarray, offset_xy: list[int], source: BoolMask) -> float:
    """Mean correlation of windows of 9 x 9 pixels of the enlarged source, each 4 pixels."""
    across, down = offset_xy
    found = []
    for y, x in product(range(4, grey.shape[0] - 4, 4), range(4, grey.shape[1] - 4, 4)):
        if source[y // 2, x // 2]:
            here = grey[y - 4 : y + 5, x - 4 : x + 5]
            there = grey[y + down - 4 : y + down + 5, x + across - 4 : x + across + 5]
            likeness = np.corrcoef(here.ravel(), there.ravel())[0, 1] if here.var() and there.var() else 0.0
            found.append(max(0.0, float(likeness)))
    return float(np.mean(found))
