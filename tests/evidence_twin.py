"""Evidence once more, slowly and plainly: block by block, as the docstrings say. For comparison in tests."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from fakeshield_core.domain import RgbImage


def luma_of(rgb: RgbImage) -> np.ndarray:
    return 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2].astype(np.float64)


def error_level_of(rgb: RgbImage) -> np.ndarray:
    before = np.rint(luma_of(rgb))
    buffer = io.BytesIO()
    Image.fromarray(before.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    after = np.asarray(Image.open(buffer)).astype(np.float64)
    return _each_block(np.abs(after - before), np.mean)


def noise_of(rgb: RgbImage) -> np.ndarray:
    return _each_block(luma_of(rgb), _block_noise)


def contrast_of(rgb: RgbImage, levels: np.ndarray, labels: np.ndarray, region_id: int) -> dict[str, float]:
    """Inside, expected, ratio, spread, effect and the two counts for one region."""
    light = luma_of(rgb)
    explained = [_explanation(block) for block in _blocks(light)]
    share = [float(np.mean(block == region_id)) for block in _blocks(labels)]
    rows, columns = levels.shape
    marked = _each_block((labels != 0).astype(np.float64), np.max) > 0
    outside = [
        not marked[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any()
        for y in range(rows)
        for x in range(columns)
    ]
    exposed = [float(np.mean((block < 6) | (block > 249))) <= 0.05 for block in _blocks(light)]
    learn = [i for i in range(rows * columns) if outside[i] and exposed[i]]
    lows, highs = np.percentile([explained[i] for i in learn], [1, 99], axis=0)
    similar = [
        exposed[i] and all(lows[k] - 0.1 <= explained[i][k] <= highs[k] + 0.1 for k in range(3))
        for i in range(rows * columns)
    ]
    logs = [math.log(level + 0.2) for level in levels.ravel()]
    weights = _huber_fit([_terms(*explained[i]) for i in learn], [logs[i] for i in learn])
    surprise = np.array(
        [logs[i] - float(np.dot(_terms(*explained[i]), weights)) for i in range(rows * columns)]
    )
    known = [i for i in range(rows * columns) if similar[i] and outside[i]]
    surprise -= np.mean(surprise[known])
    spread = _spread(surprise.reshape(rows, columns), {(i // columns, i % columns) for i in known})
    usable = [i for i in range(rows * columns) if share[i] >= 0.9 and similar[i]]
    mean_log, mean_surprise = float(np.mean([logs[i] for i in usable])), float(np.mean(surprise[usable]))
    inside, expected = math.exp(mean_log) - 0.2, math.exp(mean_log - mean_surprise) - 0.2
    return {
        "inside": inside,
        "expected": expected,
        "ratio": inside / expected,
        "spread": (expected + 0.2) * (math.exp(spread) - 1),
        "effect": abs(mean_surprise) / ((spread + 0.02) * math.sqrt(1 + 25 / len(usable))),
        "blocks_inside": len(usable),
        "blocks_outside": len(known),
    }


def _blocks(plane: np.ndarray) -> list[np.ndarray]:
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    return [plane[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] for y in range(rows) for x in range(columns)]


def _each_block(plane: np.ndarray, measure: object) -> np.ndarray:
    values = [float(measure(block)) for block in _blocks(plane)]  # type: ignore[operator]
    return np.array(values).reshape(plane.shape[0] // 8, plane.shape[1] // 8)


def _block_noise(block: np.ndarray) -> float:
    kernel = np.outer([1, -2, 1], [1, -2, 1])
    answers = [abs(float((block[y : y + 3, x : x + 3] * kernel).sum())) for y in range(6) for x in range(6)]
    return math.sqrt(math.pi / 2) * float(np.mean(answers)) / 6


def _explanation(block: np.ndarray) -> tuple[float, float, float]:
    halves = [[block[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean() for x in range(4)] for y in range(4)]
    return (
        float(block.mean()) / 128 - 1,
        math.log(_steps(block) + 0.3),
        math.log(_steps(np.array(halves)) + 0.3),
    )


def _steps(block: np.ndarray) -> float:
    side = len(block)
    right = [abs(block[y, x + 1] - block[y, x]) for y in range(side) for x in range(side - 1)]
    down = [abs(block[y + 1, x] - block[y, x]) for y in range(side - 1) for x in range(side)]
    return float(np.mean(right) + np.mean(down))


def _terms(light: float, fine: float, coarse: float) -> list[float]:
    return [1, light, light**2, fine, fine**2, light * fine, coarse, coarse**2, light * coarse]


def _huber_fit(terms: list[list[float]], target: list[float]) -> np.ndarray:
    """Least squares three times; what lies far off counts less each time."""
    a, b = np.array(terms), np.array(target)
    weight = np.ones(len(b))
    for _ in range(3):
        answer = np.linalg.pinv(a.T @ (a * weight[:, None])) @ (a.T @ (b * weight))
        off = np.abs(b - a @ answer)
        reach = 1.5 * (1.4826 * np.median(off) + 1e-6)
        weight = np.array([1.0 if distance <= reach else reach / distance for distance in off])
    return answer


def _spread(surprise: np.ndarray, known: set[tuple[int, int]]) -> float:
    averages = []
    for y in range(surprise.shape[0]):
        for x in range(surprise.shape[1]):
            near = [(y + dy, x + dx) for dy in range(-2, 3) for dx in range(-2, 3)]
            found = [surprise[place] for place in near if place in known]
            if len(found) > 12:
                averages.append(float(np.mean(found)))
    return float(np.std(averages))
