"""The chance of so many blocks on one grid is that of the binomial distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fakeshield_core.evidence.grid import _log_tail


@pytest.mark.parametrize(
    "count, total, chance", ((0, 50, 0.02), (3, 50, 0.02), (50, 50, 0.02), (60, 2000, 1 / 64))
)
def test_the_tail_is_that_of_the_binomial_distribution(count: int, total: int, chance: float) -> None:
    assert float(_log_tail(count, total, chance)) == pytest.approx(
        stats.binom.logsf(count - 1, total, chance)
    )


def test_the_tail_falls_to_minus_infinity_without_a_warning() -> None:
    assert _log_tail(np.array([500]), 2000, 1 / 64)[0] == -np.inf
