"""One measured number beside its budget, and how a list of them is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fakeshield_core.domain import JsonValue
from fakeshield_core.evaluate_report import table

DIGITS = 3


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number; `value` is None where it could not be measured, and `note` says why."""

    what: str
    value: float | None
    unit: str  # "s", "CPU-s", "MB"
    budget: float | None = None  # design budget in the same unit, None where none is set
    n: int = 1  # repetitions behind the value
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over budget; above 1 is over it."""
        return None if self.value is None or self.budget is None else self.value / self.budget


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the repetitions do not exceed, interpolated."""
    return float(np.quantile(values, share))


def measurements_to_json(measurements: Sequence[Measurement]) -> list[JsonValue]:
    """A list of objects, numbers rounded to three digits."""
    return [
        {
            "what": m.what,
            "value": _rounded(m.value),
            "unit": m.unit,
            "budget": m.budget,
            "ratio": _rounded(m.ratio),
            "n": m.n,
            "note": m.note,
        }
        for m in measurements
    ]


def measurements_to_text(measurements: Sequence[Measurement]) -> str:
    """A table for people."""
    rows = [
        (m.what, _text(m.value), m.unit, _text(m.budget), _text(m.ratio), str(m.n), m.note)
        for m in measurements
    ]
    return "\n".join(table(("what", "measured", "unit", "budget", "of budget", "n", "note"), rows))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
