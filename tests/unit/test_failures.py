"""The sheet of known failures: the worst of several is shown, with the truth beside it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.failures import FAILURES, HEIGHT, SMALL_PX, WIDTH, Tried, sheet, worst
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.imaging import decode
from fakeshield_core.synthesis.history import jpeg_bytes
from tests.unit.test_compact_engine import engine_with


@pytest.fixture(scope="module")
def engine() -> CompactEngine:
    return engine_with()


@pytest.mark.parametrize(("title", "make"), FAILURES, ids=[title for title, _ in FAILURES])
def test_every_failure_is_a_jpeg_with_the_truth_at_its_size(title: str, make: object) -> None:
    file, truth = make(3)  # type: ignore[operator]
    picture = decode(file, "scene.jpg")
    assert picture.jpeg is not None and picture.rgb.shape[:2] == truth.shape
    assert truth.any() == (title != "untouched, marked all the same")
    if "24 x 24" in title:
        assert truth.sum() == SMALL_PX**2


def tried(marked: int, forged: int) -> Tried:
    truth, mask = np.zeros((40, 60), np.bool_), np.zeros((40, 60), np.bool_)
    truth[:forged], mask[:marked] = True, True
    return Tried(np.zeros((40, 60, 3), np.uint8), truth, mask, "inconclusive")


def test_a_miss_is_worse_than_a_hit_and_more_marked_is_worse_where_nothing_is_forged() -> None:
    hit, half, miss = (tried(marked, 10).badness for marked in (10, 5, 0))
    assert hit == pytest.approx(0, abs=1e-6) and miss == pytest.approx(1, abs=1e-6)
    assert hit < half < miss
    assert tried(0, 0).badness == 0 < tried(4, 0).badness < tried(8, 0).badness


def test_the_worst_of_several_is_taken(engine: CompactEngine) -> None:
    made = {
        number: (jpeg_bytes(np.full((64, 64, 3), 90, np.uint8), 90), number) for number in range(300, 303)
    }

    def make(number: int) -> tuple[bytes, np.ndarray]:
        file, place = made[number]
        truth = np.zeros((64, 64), np.bool_)
        truth[: place - 299] = True
        return file, truth

    found = worst(engine, make, tried=3)
    others = [worst(engine, lambda _, n=n: make(n), tried=1) for n in made]
    assert found.badness == max(other.badness for other in others)


def test_the_sheet_has_a_row_for_each() -> None:
    picture = sheet([("a", tried(3, 5)), ("b", tried(0, 5))])
    assert picture.size == (2 * WIDTH + 8, 2 * (HEIGHT + 26))
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 3
