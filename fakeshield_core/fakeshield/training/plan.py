"""Which examples each step sees, and how fast it learns: pure functions of numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from fakeshield_core.errors import InputError
from fakeshield_core.fakeshield.recipes import Recipe

MEGABATCH = 50  # batches that are sorted by length together, as in LLaVA's `LengthGroupedSampler`


def steps_per_epoch(samples: int, recipe: Recipe, processes: int = 1) -> int:
    """Whole steps in one pass over the data, at least one; the published script makes none of small sets.

    Raises:
        InputError: there are no samples.
    """
    if samples < 1:
        raise InputError("There is nothing to train on; name a data set with at least one example.")
    return max(1, samples // (recipe.batch * recipe.accumulation * processes))


def order(samples: int, length: Callable[[int], int], batch: int, seed: int) -> list[int]:
    """All examples once, shuffled, neighbours of like length; the batches themselves in random order."""
    draw = random.Random(seed)
    shuffled = draw.sample(range(samples), samples)
    size = MEGABATCH * batch
    grouped = [
        index
        for start in range(0, samples, size)
        for index in sorted(shuffled[start : start + size], key=length, reverse=True)
    ]
    batches = [grouped[start : start + batch] for start in range(0, samples, batch)]
    draw.shuffle(batches)
    return [index for one in batches for index in one]


class Passes:
    """The endless row of shuffled passes, cut into batches.

    A step is found from its number alone, so that a resumed run needs no other state.
    """

    def __init__(self, samples: int, length: Callable[[int], int], recipe: Recipe, seed: int) -> None:
        self._samples, self._length, self._recipe, self._seed = samples, length, recipe, seed
        self._orders: dict[int, list[int]] = {}  # of the last two passes asked for

    def batches(self, step: int, process: int = 0, processes: int = 1) -> list[list[int]]:
        """The accumulated batches of a step, counted from 0, on one of several processes."""
        size = self._recipe.batch
        whole = size * self._recipe.accumulation * processes
        starts = range(step * whole + process * size, (step + 1) * whole, size * processes)
        return [[self._nth(start + k) for k in range(size)] for start in starts]

    def _nth(self, place: int) -> int:
        number, inside = divmod(place, self._samples)
        if number not in self._orders:
            self._orders = {n: kept for n, kept in self._orders.items() if n == number - 1}
            seed = self._seed + number
            self._orders[number] = order(self._samples, self._length, self._recipe.batch, seed)
        return self._orders[number][inside]


def rate_at(step: int, total: int, recipe: Recipe) -> float:
    """Factor of the learning rate at a step counted from 0: warm-up from 0, then cosine or linear down to 0.

    Source: transformers `get_cosine_schedule_with_warmup`; DeepSpeed `WarmupDecayLR` with a linear warm-up.
    """
    warm = math.ceil(recipe.warmup * total) if recipe.warmup < 1 else int(recipe.warmup)
    if step < warm:
        return step / max(1, warm)
    done = min(1.0, (step - warm) / max(1, total - warm))
    return 0.5 * (1 + math.cos(math.pi * done)) if recipe.schedule == "cosine" else 1.0 - done
