"""What was compared, how far it was off, and what was never looked at."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fakeshield_core.conform.golden import Array, Golden
from fakeshield_core.domain import JsonValue

EXACT = 0.0
STRIDE = re.compile(r"_stride(\d+)$")


@dataclass(frozen=True, slots=True)
class Check:
    """One compared value."""

    group: str
    path: str
    difference: float  # largest absolute one; entries that differ, for exact groups; infinite: another shape


@dataclass(frozen=True, slots=True)
class Group:
    """All checks of a kind, against one tolerance."""

    name: str
    tolerance: float
    checks: tuple[Check, ...]

    @property
    def largest(self) -> float:
        """The largest difference of the group."""
        return max((check.difference for check in self.checks), default=0.0)

    @property
    def failures(self) -> tuple[Check, ...]:
        """What is beyond the tolerance."""
        return tuple(check for check in self.checks if check.difference > self.tolerance)


@dataclass(slots=True)
class Ledger:
    """Collects checks; a value of the golden that is neither compared nor an input shows in `untouched`."""

    golden: Golden
    tolerances: Mapping[str, float]
    checks: list[Check] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def uses(self, *paths: str) -> None:
        """Marks values that are given, not computed: inputs, notes, versions. A path covers all below it."""
        for path in paths:
            self.seen |= {p for p in self.golden.values if p == path or p.startswith(f"{path}/")}

    def exact(self, group: str, path: str, mine: JsonValue) -> None:
        """Compares a value that must be equal; a list counts its entries that differ."""
        if path in self.golden.values:
            self._note(group, path, _unequal(mine, self.golden.values[path]))

    def near(self, group: str, path: str, mine: Array | float, scale: float = 1.0) -> None:
        """Compares numbers: largest absolute difference, divided by `scale`."""
        if path in self.golden.values:
            wanted = np.asarray(self.golden.values[path], dtype=np.float64)
            self._note(group, path, _distance(np.asarray(mine, dtype=np.float64), wanted) / scale)

    def relative(self, group: str, path: str, mine: float) -> None:
        """Compares a number: difference over the golden's."""
        wanted = self.golden.values.get(path)
        if isinstance(wanted, int | float):
            self.near(group, path, mine, max(abs(wanted), 1e-12))

    def tensors(self, group: str, document: str, name: str, mine: Array) -> None:
        """Compares every stored form of a tensor: whole, or `<name>_stride<n>` in its spatial axes."""
        for stored, wanted in self.golden.tensors(document).items():
            stride = STRIDE.search(stored)
            if STRIDE.sub("", stored) == name:
                self.near(
                    group, f"{document}:{stored}", strided(mine, wanted, int(stride[1]) if stride else None)
                )

    def record(self, group: str, path: str, difference: float) -> None:
        """Notes a difference that was measured elsewhere."""
        self._note(group, path, difference)

    @property
    def groups(self) -> tuple[Group, ...]:
        """By group, in the order of the tolerances; groups without a check are left out."""
        return tuple(
            Group(name, tolerance, found)
            for name, tolerance in self.tolerances.items()
            if (found := tuple(check for check in self.checks if check.group == name))
        )

    @property
    def untouched(self) -> tuple[str, ...]:
        """Values that nothing compared or used."""
        return tuple(path for path in self.golden.values if path not in self.seen)

    def _note(self, group: str, path: str, difference: float) -> None:
        if group not in self.tolerances:
            raise KeyError(group)
        self.seen.add(path)
        self.checks.append(Check(group, path, math.inf if math.isnan(difference) else difference))


def strided(values: Array, wanted: Array, stride: int | None) -> Array:
    """What was stored of a tensor: every n-th row of (B, L, C), every n-th pixel both ways of (B, C, h, w).

    Without a stride in the name a smaller (B, C, h, w) tells it by its size.
    """
    if values.ndim == 4:
        step = stride or max(1, values.shape[-1] // max(1, wanted.shape[-1]))
        return values[..., ::step, ::step]
    return values[:, :: stride or 1] if values.ndim == 3 else values


def _distance(mine: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> float:
    if mine.shape != wanted.shape:
        return math.inf
    return float(np.abs(mine - wanted).max()) if mine.size else 0.0


def _unequal(mine: JsonValue, wanted: object) -> float:
    if isinstance(mine, list | tuple) and isinstance(wanted, list):
        pairs = zip(mine, wanted, strict=False)
        return float(sum(_unequal(a, b) > 0 for a, b in pairs) + abs(len(mine) - len(wanted)))
    return float(type(mine) is not type(wanted) or mine != wanted)
