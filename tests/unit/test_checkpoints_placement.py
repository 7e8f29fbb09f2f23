"""What fits on a card, and the floors, against the counted bill of the full-size models."""

from __future__ import annotations

from math import prod

import pytest

from fakeshield_core.checkpoints import placement, shapes
from fakeshield_core.checkpoints.cards import CARDS, Card, named, of_device
from fakeshield_core.checkpoints.placement import PARAMETERS, Placement, decode_ms, place, size_gb
from fakeshield_core.checkpoints.shapes import ClipSizes, SamSizes, Shapes
from fakeshield_core.errors import EngineUnavailable
from tests.unit.test_checkpoints_shapes import CONFIG_7B, CONFIG_13B

STATISTICS = ("running_", "num_batches_tracked")  # of batch norms; no parameters
# Milliseconds of the notes this project's budgets come from: A10G in nf4, the others in bf16.
FLOORS = {
    "A10G": {"verdict": 290, "first word": 13, "explanation of 300 tokens": 3800, "mask": 190},
    "L40S": {"verdict": 55, "first word": 31, "explanation of 300 tokens": 9200, "mask": 37},
    "A100-80": {"verdict": 64, "first word": 13, "explanation of 300 tokens": 3900, "mask": 42},
    "H200": {"verdict": 26, "first word": 6, "explanation of 300 tokens": 1800, "mask": 18},
}


def count(part: Shapes, holding: str = "", lacking: tuple[str, ...] = ()) -> int:
    wanted = {n: s for n, s in part.items() if holding in n and not any(word in n for word in lacking)}
    return sum(prod(shape) for shape in wanted.values())


def types(found: Placement) -> tuple[str, str]:
    by_part = {part.part: part.dtype for part in found.parts}
    return by_part["DTE-FDM"], by_part["MFLM"]


def test_parameters_are_those_of_the_shapes() -> None:
    mflm = shapes.mflm(CONFIG_7B, SamSizes(), 256)
    assert {
        "DTG": count(shapes.resnet50(), lacking=STATISTICS),
        "CLIP": count(shapes.clip_vision(ClipSizes())),
        "DTE-FDM": count(shapes.dte_fdm(CONFIG_13B, None)),
        "MFLM": count(mflm, lacking=("grounding_encoder",)),
        "SAM": count(mflm, "grounding_encoder"),
    } == PARAMETERS


def test_what_nf4_packs_are_the_matrices_of_the_layers() -> None:
    packed = {"DTE-FDM": shapes.llama(CONFIG_13B), "MFLM": shapes.llama(CONFIG_7B)}
    assert {part: count(found, "proj") for part, found in packed.items()} == placement.LINEAR


@pytest.mark.parametrize(
    ("part", "dtype", "billed_gb"),
    [
        ("DTE-FDM", "bf16", 26.0),
        ("DTE-FDM", "nf4", 7.2),
        ("DTE-FDM", "int8", 13.4),
        ("MFLM", "int8", 6.9),
        ("MFLM", "bf16", 13.5),
        ("MFLM", "nf4", 3.9),
        ("SAM", "bf16", 1.27),
        ("CLIP", "bf16", 0.61),
        ("DTG", "bf16", 0.047),
    ],
)
def test_sizes_are_those_of_the_bill(part: str, dtype: placement.Dtype, billed_gb: float) -> None:
    assert size_gb(part, dtype) == pytest.approx(billed_gb, rel=0.04)


@pytest.mark.parametrize(("card", "journey"), [(c, j) for c, row in FLOORS.items() for j in row])
def test_floors_are_those_of_the_notes(card: str, journey: placement.Journey) -> None:
    # 8 %: the notes round to two digits and count only the cache of the first tokens
    assert place(named(card)).journeys_ms[journey] == pytest.approx(FLOORS[card][journey], rel=0.085)


@pytest.mark.parametrize(
    ("memory_gb", "expected", "resident", "fits"),
    [
        (80, ("fp16", "bf16"), True, True),
        (48, ("fp16", "bf16"), True, True),
        (40, ("fp16", "nf4"), True, True),
        (24, ("nf4", "nf4"), True, True),
        (12, ("nf4", "nf4"), False, True),
        (8, ("nf4", "nf4"), False, False),
    ],
)
def test_the_best_types_that_fit_are_chosen(
    memory_gb: float, expected: tuple[str, str], resident: bool, fits: bool
) -> None:
    found = place(Card("x", memory_gb, None, None))
    assert (types(found), found.resident, found.fits) == (expected, resident, fits)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_what_fits_is_within_the_memory_with_its_reserve(card: Card) -> None:
    found = place(card)
    assert not found.fits or found.needed_gb <= card.memory_gb
    assert not found.resident or found.needed_gb == pytest.approx(
        sum(part.size_gb for part in found.parts) + placement.RESERVE_GB
    )


def test_only_language_models_are_quantised_and_clip_stays_in_float32() -> None:
    by_part = {part.part: part.dtype for part in place(Card("x", 24, None, None)).parts}
    assert (by_part["CLIP"], by_part["SAM"], by_part["DTG"]) == ("fp32", "bf16", "fp32")


def test_unknown_rates_give_no_times() -> None:
    found = place(Card("x", 80, None, None))
    assert (found.decode_ms, found.journeys_ms) == (None, {})
    assert all(part.floor_ms is None for part in found.parts)


def test_half_the_bandwidth_takes_twice_as_long_for_a_token() -> None:
    slow, fast = Card("x", 80, 1, 500), Card("x", 80, 1, 1000)
    assert decode_ms(slow, "bf16") == pytest.approx(2 * (decode_ms(fast, "bf16") or 0))


def test_too_small_a_card_is_told_what_would_work() -> None:
    assert "use a card of 24 GB or the compact engine" in place(Card("x", 8, None, None)).advice


@pytest.mark.parametrize("typed", ["a100-80", "A100 80", "A10080"])
def test_a_card_is_found_however_its_name_is_typed(typed: str) -> None:
    assert named(typed).name == "A100-80"


def test_an_unknown_card_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EngineUnavailable, match=r"RTX 4090.*--memory-gb"):
        named("Voodoo 2")


@pytest.mark.parametrize(
    ("device", "memory", "bandwidth"),
    [
        ("NVIDIA A100-SXM4-80GB", 85e9, 2039),
        ("NVIDIA A100-PCIE-40GB", 42e9, 1555),
        ("NVIDIA A10G", 24e9, 600),
        ("NVIDIA L40S", 48e9, 864),
        ("NVIDIA L4", 24e9, 300),
        ("NVIDIA GeForce RTX 4090", 25e9, 1008),
        ("NVIDIA H100 80GB HBM3", 85e9, 3350),
        ("Something else", 10e9, None),
    ],
)
def test_a_driver_name_gives_the_card_with_its_own_memory(
    device: str, memory: float, bandwidth: float | None
) -> None:
    card = of_device(device, int(memory))
    assert (card.memory_gb, card.bandwidth_gbs) == (memory / 1e9, bandwidth)
