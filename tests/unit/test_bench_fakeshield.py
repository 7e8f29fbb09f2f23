"""The bench of FakeShield-22B: networks of the right sizes, floors of the right card, one honest document."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import pytest
import torch

from bench import fakeshield as bench
from bench.fakeshield import Timed, floors_of, measure, plans, to_json, to_text
from bench.fakeshield_made import Architecture, RandomState, full_size, make, size_gb, tiny
from fakeshield_core.checkpoints.cards import Card, named
from fakeshield_core.checkpoints.placement import PARAMETERS, place
from fakeshield_core.fakeshield.precision import Plan
from fakeshield_core.networks.llava import Llava
from fakeshield_core.networks.mflm import Mflm

CPU = Plan("cpu", "fp32", "fp32")


def parameters(network: torch.nn.Module, beside: tuple[str, ...] = ()) -> int:
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith(beside))


def test_the_full_size_is_the_published_one() -> None:
    sizes = full_size()
    with torch.device("meta"):
        dte_fdm, mflm = Llava(sizes.dte_fdm), Mflm(sizes.mflm)
    assert parameters(dte_fdm, ("tower.",)) == PARAMETERS["DTE-FDM"]
    assert parameters(mflm, ("tower.", "sam.")) == PARAMETERS["MFLM"]
    encoding = mflm.sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix  # stored, not trained
    assert parameters(mflm.sam) + encoding.numel() == PARAMETERS["SAM"]
    assert parameters(dte_fdm.tower) == PARAMETERS["CLIP"]
    assert dte_fdm.rows_of_picture + sizes.words == 730
    assert mflm.rows_of_picture + sizes.constant + sizes.whole == 950


def test_random_weights_fill_every_tensor_with_finite_numbers() -> None:
    made = make(tiny(), CPU)
    for network in (made.dtg, made.dte_fdm, made.mflm):
        assert all(bool(p.isfinite().all()) and not p.is_meta for p in network.parameters())
        assert size_gb(network) > 0
    assert set(made.memory_gb) == {"DTG", "DTE-FDM and CLIP", "MFLM, CLIP and SAM"}


def test_a_random_state_makes_a_tensor_only_when_it_is_asked_for() -> None:
    with torch.device("meta"):
        state = RandomState(Llava(full_size().dte_fdm), "cpu")  # 52 GB in float32
    assert sum(prod(shape) for shape in state.shapes.values()) > 13e9
    assert state["language.model.norm.weight"].shape == (5120,)
    assert len(list(state)) == len(state)


@pytest.mark.parametrize("stage", ["picture -> verdict", "one token"])
def test_floors_are_those_of_the_plan_for_the_card(stage: str) -> None:
    card = named("H200")
    found = floors_of(card, Plan("cuda", "fp16", "bf16"), full_size())
    wanted = place(card).journeys_ms
    key = {"picture -> verdict": "verdict", "one token": "first word"}[stage]
    assert found[stage] * 1e3 == pytest.approx(wanted[key])  # type: ignore[index]


def test_both_halves_of_the_mask_prompt_are_one_pass() -> None:
    card = named("A100-80")
    found = floors_of(card, Plan("cuda", "fp16", "bf16"), full_size())
    halves = found["words -> mask"] + found["constant half of the mask prompt, beside the words"]
    assert halves * 1e3 == pytest.approx(place(card).journeys_ms["mask"])


@pytest.mark.parametrize(
    ("card", "sizes"),
    [(None, full_size()), (Card("x", 80, None, None), full_size()), (named("H100"), tiny())],
)
def test_what_has_no_floor_is_given_none(card: Card | None, sizes: Architecture) -> None:
    assert floors_of(card, CPU, sizes) == {}


@pytest.mark.parametrize(
    ("one", "ratio"),
    [
        (Timed("a", 3.0, "s", 1.5), 2.0),
        (Timed("a", 40.0, "tokens/s", 80.0), 2.0),
        (Timed("a", 3.0, "s"), None),
    ],
)
def test_above_one_is_slower_than_the_floor_for_times_and_rates(one: Timed, ratio: float | None) -> None:
    assert one.of_floor == ratio
    assert to_json(one)["of_floor"] == ratio  # type: ignore[index,call-overload]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return measure(tiny(), CPU, None, repeats=1)


def test_every_stage_is_timed_and_the_published_way_beside_it(document: dict[str, Any]) -> None:
    times = {one["what"]: one for one in document["measurements"]}
    for stage in (
        "picture -> verdict",
        "verdict -> first token",
        "words -> mask",
        "click on a kept embedding",
    ):
        assert times[stage]["value"] > 0
    assert times["words"]["unit"] == "tokens/s"
    assert any(what.startswith("published: 8 tokens without cache") for what in times)


def test_without_a_card_the_document_says_that_it_tells_nothing(document: dict[str, Any]) -> None:
    assert "tiny architecture on a CPU" in document["note"]
    assert all(one["floor"] is None for one in document["measurements"])
    assert "nothing about the real one" in to_text(document)
    json.dumps(document, allow_nan=False)


def test_a_card_is_timed_in_every_type_that_it_holds() -> None:
    assert [str(plan) for plan in plans(None)] == ["cpu (fp32)"]
    assert [str(plan) for plan in plans(named("A100-80"))] == ["cuda (fp16 and bf16)", "cuda (nf4)"]
    assert [str(plan) for plan in plans(named("A10G"))] == ["cuda (nf4)"]


def test_the_mask_of_both_ways_has_the_decoders_size() -> None:
    sizes = tiny()
    runner = bench.Bench(sizes, make(sizes, CPU), 1)
    planes, square = torch.randn(1, 3, 336, 336), torch.randn(1, 3, 1024, 1024)
    embedding = runner._made.mflm.sam.embed(square)
    assert runner._mask(runner._constant(planes), embedding).shape == (1, 1, 256, 256)
    assert runner._published(planes, square).shape == (1, 1, 256, 256)
