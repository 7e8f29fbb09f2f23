"""Names and shapes from sizes alone, against the published full-size lists and totals."""

from __future__ import annotations

import json
from math import prod

import pytest

from fakeshield_core.checkpoints import shapes
from fakeshield_core.checkpoints.shapes import ClipSizes, SamSizes, Shapes
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable
from tests.fake_hub import GOLDEN

CONFIG_13B: dict[str, JsonValue] = {
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 40,
    "num_attention_heads": 40,
    "vocab_size": 32000,
    "mm_projector_type": "mlp2x_gelu",
    "mm_hidden_size": 1024,
}
CONFIG_7B: dict[str, JsonValue] = {
    **CONFIG_13B,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32007,
}
FULL_SIZE: dict[str, Shapes] = {
    "dtg": shapes.resnet50(),
    "dte_fdm": shapes.dte_fdm(CONFIG_13B, ClipSizes()),
    "mflm": shapes.mflm(CONFIG_7B, SamSizes(), 256),
}
REGION_ENCODER = 299_142_912  # parameters, in bf16 in the published files, ignored here
INV_FREQ = 32 * 64  # rotary tables, in float32 there, ignored here


def elements(part: Shapes, holding: str = "") -> int:
    return sum(prod(shape) for name, shape in part.items() if holding in name)


@pytest.mark.parametrize("part", FULL_SIZE)
def test_the_sizes_give_every_published_name_and_shape(part: str) -> None:
    published = json.loads((GOLDEN / "full_size_keys" / f"{part}.json").read_text())["keys"]
    taken = {name: tuple(shape) for name, shape in published.items() if not shapes.is_ignored(name)}
    assert FULL_SIZE[part] == taken


@pytest.mark.parametrize(("part", "ignored"), [("dtg", 0), ("dte_fdm", 0), ("mflm", 43 + 32)])
def test_only_the_region_encoder_and_rotary_tables_are_ignored(part: str, ignored: int) -> None:
    published = json.loads((GOLDEN / "full_size_keys" / f"{part}.json").read_text())["keys"]
    assert sum(map(shapes.is_ignored, published)) == ignored


def test_dte_fdm_with_a_float32_tower_has_the_bytes_that_its_published_index_states() -> None:
    tower = elements(FULL_SIZE["dte_fdm"], "vision_tower")
    rest = elements(FULL_SIZE["dte_fdm"]) - tower
    assert 4 * tower + 2 * rest == 27_308_693_504


def test_mflm_with_sam_and_its_head_in_float32_has_the_bytes_that_its_published_index_states() -> None:
    wide = sum(elements(FULL_SIZE["mflm"], name) for name in ("grounding_encoder", "text_hidden_fcs"))
    rest = elements(FULL_SIZE["mflm"]) - wide
    assert 4 * (wide + INV_FREQ) + 2 * (rest + REGION_ENCODER) == 16_752_883_392


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("identity", set()),
        ("linear", {"mm_projector.weight", "mm_projector.bias"}),
        ("mlp1x_gelu", {"mm_projector.0.weight", "mm_projector.0.bias"}),
        ("mlp3x_gelu", {f"mm_projector.{i}.{end}" for i in (0, 2, 4) for end in ("weight", "bias")}),
    ],
)
def test_each_kind_of_projector_has_its_layers(kind: str, names: set[str]) -> None:
    found = shapes.projector({**CONFIG_13B, "mm_projector_type": kind})
    assert {name.removeprefix("model.") for name in found} == names


def test_the_first_projector_layer_takes_image_features_and_the_others_text_width() -> None:
    found = shapes.projector({**CONFIG_13B, "mm_projector_type": "mlp2x_gelu"})
    assert found["model.mm_projector.0.weight"] == (5120, 1024)
    assert found["model.mm_projector.2.weight"] == (5120, 5120)


@pytest.mark.parametrize("kind", ["resampler", "mlpx_gelu", "mlp2x_relu"])
def test_an_unknown_projector_is_refused_by_name(kind: str) -> None:
    with pytest.raises(EngineUnavailable, match=kind):
        shapes.projector({**CONFIG_13B, "mm_projector_type": kind})


@pytest.mark.parametrize("value", [None, 0, -1, "64", 1.5])
def test_a_size_that_is_no_positive_whole_number_is_refused(value: JsonValue) -> None:
    with pytest.raises(EngineUnavailable, match="hidden_size"):
        shapes.llama({**CONFIG_13B, "hidden_size": value})


def test_shared_keys_and_values_are_narrower() -> None:
    found = shapes.llama({**CONFIG_13B, "num_key_value_heads": 8})
    assert found["model.layers.0.self_attn.k_proj.weight"] == (8 * 128, 5120)


def test_the_published_tower_gives_576_rows() -> None:
    assert ClipSizes().patches == 576
