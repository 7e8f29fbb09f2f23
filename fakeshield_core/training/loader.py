"""Batches made beforehand by processes of their own, in the order of the steps, for a GPU to find ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import cv2
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")
AHEAD = 3  # batches that each process makes before they are asked for


class Batches(Generic[T]):
    """The batch of each step, a function of the step alone.

    Args:
        make: the batch of a step.
        steps: end of the run.
        loaders: processes; 0 makes a batch when it is asked for.
    """

    def __init__(self, make: Callable[[int], T], steps: int, loaders: int) -> None:
        self._make, self._steps, self._loaders = make, steps, loaders
        self._next: int | None = None
        self._made: Iterator[T] = iter(())

    def at(self, step: int) -> T:
        """The batch of that step; cheap where steps are asked for one after the other."""
        if not self._loaders:
            return self._make(step)
        if step != self._next:
            self._made = iter(self._loader(step))
        self._next = step + 1
        return next(self._made)

    def _loader(self, first: int) -> DataLoader[T]:
        cv2.setNumThreads(1)  # before the fork: a process cannot end threads that it has not got
        return DataLoader(
            _Steps(self._make, first, self._steps),
            batch_size=None,
            num_workers=self._loaders,
            prefetch_factor=AHEAD,
            multiprocessing_context="fork",
        )


class _Steps(Dataset[T]):
    def __init__(self, make: Callable[[int], T], first: int, steps: int) -> None:
        self._make, self._first, self._steps = make, first, steps

    def __len__(self) -> int:
        return self._steps - self._first

    def __getitem__(self, index: int) -> T:
        return self._make(self._first + index)
