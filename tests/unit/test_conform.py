"""The bookkeeping of conformity: what counts as equal, what is strided, what is never looked at."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fakeshield_core.conform.command import complaints, table
from fakeshield_core.conform.dtg_recipe import made_state, uniform
from fakeshield_core.conform.golden import read_golden
from fakeshield_core.conform.ledger import Ledger, strided
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import InputError

TOLERANCES = {"exact": 0.0, "near": 0.1}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    expected = tmp_path / "expected" / "part"
    expected.mkdir(parents=True)
    document = {
        "ids": [1, 2, 3],
        "text": "a",
        "loss": 10.0,
        "nothing": None,
        "runs": {"p.png": {"sum": 2.0}},
        "records": [{"x": 1}, {"x": 2}],
    }
    (expected / "part.json").write_text(json.dumps(document))
    save_file({"p.png.rows_stride2": np.zeros((1, 3, 4), np.float32)}, expected / "part.safetensors")
    return Ledger(read_golden(tmp_path), TOLERANCES)


@pytest.mark.parametrize(
    ("path", "mine", "difference"),
    [
        ("part/ids", [1, 2, 3], 0),
        ("part/ids", [1, 9, 3], 1),
        ("part/ids", [1, 2], 1),
        ("part/ids", [1, 2, 3, 4, 5], 2),
        ("part/ids", None, 1),
        ("part/text", "a", 0),
        ("part/text", "b", 1),
        ("part/nothing", None, 0),
        ("part/nothing", "something", 1),
        ("part/records/1/x", 2, 0),
        ("part/records/1/x", True, 1),
    ],
)
def test_exact_values_count_what_differs(ledger: Ledger, path: str, mine: JsonValue, difference: int) -> None:
    ledger.exact("exact", path, mine)
    assert [check.difference for check in ledger.checks] == [difference]


@pytest.mark.parametrize(
    ("mine", "difference"),
    [(10.05, 0.05), (9.0, 1.0), (float("nan"), math.inf), (np.zeros(2), math.inf)],
)
def test_numbers_are_compared_by_distance_and_another_shape_is_infinite(
    ledger: Ledger, mine: float, difference: float
) -> None:
    ledger.near("near", "part/loss", mine)
    assert ledger.checks[0].difference == pytest.approx(difference)
    assert bool(ledger.groups[0].failures) is (difference > 0.1)


def test_relative_differences_are_parts_of_the_golden(ledger: Ledger) -> None:
    ledger.relative("near", "part/loss", 9.5)
    assert ledger.checks[0].difference == pytest.approx(0.05)


def test_every_stored_form_of_a_tensor_is_compared(ledger: Ledger) -> None:
    ledger.tensors("near", "part", "p.png.rows", np.ones((1, 5, 4), np.float32))
    assert [(check.path, check.difference) for check in ledger.checks] == [("part:p.png.rows_stride2", 1.0)]


@pytest.mark.parametrize(
    ("shape", "wanted", "stride", "found"),
    [
        ((1, 3, 8, 8), (1, 3, 2, 2), 4, (1, 3, 2, 2)),
        ((2, 1, 256, 256), (2, 1, 64, 64), None, (2, 1, 64, 64)),
        ((1, 9, 4), (1, 3, 4), 4, (1, 3, 4)),
        ((1, 9, 4), (1, 9, 4), None, (1, 9, 4)),
        ((2, 4), (2, 4), None, (2, 4)),
    ],
)
def test_strides_go_along_rows_and_pixels(
    shape: tuple[int, ...], wanted: tuple[int, ...], stride: int | None, found: tuple[int, ...]
) -> None:
    assert strided(np.zeros(shape), np.zeros(wanted), stride).shape == found


def test_what_is_neither_compared_nor_used_is_complained_about(ledger: Ledger) -> None:
    ledger.exact("exact", "part/text", "a")
    ledger.uses("part/ids", "part/loss", "part/nothing", "part/records", "part:p.png.rows_stride2")
    assert ledger.untouched == ("part/runs/p.png/sum",)
    assert "1 values are unknown" in complaints(ledger)[0]
    assert "1 values compared, 1 not" in table(ledger)


def test_a_value_the_golden_lacks_is_no_check(ledger: Ledger) -> None:
    ledger.exact("exact", "part/other", 1)
    assert ledger.checks == []
    assert any("nothing to compare" in sentence for sentence in complaints(ledger))


def test_a_group_without_a_tolerance_is_a_mistake(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.exact("unheard of", "part/text", "a")


@pytest.mark.parametrize(
    ("name", "content"), [("part.json", b"{"), ("part.json", b"[]"), ("part.safetensors", b"x")]
)
def test_a_damaged_golden_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "expected" / "part"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_golden(tmp_path)


def test_recipe_numbers_are_uniform_and_depend_on_the_name() -> None:
    first, second = uniform(1, "a", (1000,)), uniform(1, "b", (1000,))
    assert first.min() >= 0 and first.max() < 1
    assert abs(first.mean() - 0.5) < 0.05
    assert not np.array_equal(first, second)
    # by hand: CRC-32 of "1:a", then the finaliser of the golden's README
    x = zlib.crc32(b"1:a")
    x ^= x >> 16
    x = x * 0x85EBCA6B % 2**32
    x ^= x >> 13
    x = x * 0xC2B2AE35 % 2**32
    x ^= x >> 16
    assert first[0] == x / 2**32


def test_recipe_rules_are_tried_in_their_order() -> None:
    shapes = {
        "bn1.num_batches_tracked": (),
        "conv1.weight": (4, 3, 2, 2),
        "fc.weight": (3, 8),
        "fc.bias": (3,),
        "bn1.running_var": (64,),
        "bn1.running_mean": (64,),
        "layer1.0.bn3.weight": (64,),
        "bn1.weight": (64,),
    }
    state = made_state(shapes, 7, [1.0, 2.0, 3.0])
    assert state["bn1.num_batches_tracked"].dtype == np.int64
    assert state["fc.bias"].tolist() == [1.0, 2.0, 3.0]
    ranges = {n: (float(v.min()), float(v.max())) for n, v in state.items()}
    limits = {
        "conv1.weight": (-(0.5**0.5), 0.5**0.5),
        "fc.weight": (-0.25, 0.25),
        "bn1.running_var": (0.5, 1.5),
        "bn1.running_mean": (-0.1, 0.1),
        "layer1.0.bn3.weight": (0.2, 0.4),
        "bn1.weight": (0.8, 1.2),
    }
    for name, (low, high) in limits.items():
        assert low <= ranges[name][0] < ranges[name][1] <= high
