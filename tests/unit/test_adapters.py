"""Adapter folders: what is read, what is refused, what merging does, and how the champion pointer moves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fakeshield_core.adapters import (
    CARD,
    CONFIG,
    POINTER,
    WEIGHTS,
    fits,
    merged,
    move_champion,
    plain_scale,
    read_adapter,
    read_card,
    read_champion,
    write_card,
)
from fakeshield_core.checkpoints.compact import adapted
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.errors import AdapterIncompatible
from tests.adapter_folders import ALPHA, RANK, checkpoint, for_network, write_adapter_folder
from tests.fakes import textured


def test_merging_adds_scaled_products_to_named_layers_only(tmp_path: Path) -> None:
    digest = write_adapter_folder(tmp_path, "base", {"layer": (3, 4)})
    adapter = read_adapter(tmp_path / digest)
    state = {"layer.weight": torch.ones(3, 4), "layer.bias": torch.ones(3), "other.weight": torch.ones(2)}
    result = merged(state, adapter)
    down, up = adapter.pairs["layer"]
    np.testing.assert_allclose(result["layer.weight"].numpy(), 1 + ALPHA / RANK * up @ down, rtol=1e-6)
    assert result["layer.bias"] is state["layer.bias"] and result["other.weight"] is state["other.weight"]
    assert bool((state["layer.weight"] == 1).all())


@pytest.mark.parametrize("side", [1, 3])
def test_a_merged_convolution_answers_as_the_two_in_a_row(tmp_path: Path, side: int) -> None:
    digest = write_adapter_folder(tmp_path, "base", {"layer": (5, 4, side, side)})
    adapter = read_adapter(tmp_path / digest)
    layer = nn.Conv2d(4, 5, side, padding=side // 2, bias=False)
    x = torch.randn(2, 4, 6, 7)
    down, up = (torch.from_numpy(half) for half in adapter.pairs["layer"])
    wanted = layer(x) + adapter.scale * functional.conv2d(functional.conv2d(x, down, padding=side // 2), up)
    weight = merged({"layer.weight": layer.weight.detach()}, adapter)["layer.weight"]
    torch.testing.assert_close(functional.conv2d(x, weight, padding=side // 2), wanted)


@pytest.mark.parametrize("shape", [(3, 5), (4, 4), (3, 4, 1, 2)])
def test_a_layer_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    adapter = read_adapter(tmp_path / write_adapter_folder(tmp_path, "base", {"layer": (3, 4)}))
    with pytest.raises(AdapterIncompatible, match="does not fit layer"):
        merged({"layer.weight": torch.zeros(shape)}, adapter)


def test_a_layer_the_base_lacks_is_refused(tmp_path: Path) -> None:
    adapter = read_adapter(tmp_path / write_adapter_folder(tmp_path, "base", {"layer": (3, 4)}))
    with pytest.raises(AdapterIncompatible, match="does not fit layer"):
        merged({}, adapter)


def changed_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


def said(name: str, value: object) -> object:
    """Changes one field of adapter.json."""
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))


DAMAGE = {
    "was changed": (WEIGHTS, changed_byte),
    "adapter_config.json of .* was changed": (CONFIG, changed_byte),
    "adapter_model.safetensors of .* cannot be read": (WEIGHTS, Path.unlink),
    "adapter.json of .* cannot be read": (CARD, Path.unlink),
    "cannot be read; name": (CARD, lambda path: path.write_text("{")),
    "is no object": (CARD, lambda path: path.write_text("[]")),
    "is incomplete": (CARD, lambda path: path.write_text("{}")),
    "later version": (CARD, said("schema", 2)),
    "another adapter's name": (CARD, said("digest", "ffffffffffff")),
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_a_damaged_folder_is_refused_with_its_reason(tmp_path: Path, reason: str) -> None:
    folder = tmp_path / write_adapter_folder(tmp_path, "base", {"layer": (3, 4)})
    name, harm = DAMAGE[reason]
    harm(folder / name)  # type: ignore[operator]
    with pytest.raises(AdapterIncompatible, match=reason):
        read_adapter(folder)


NOT_PLAIN: dict[str, dict[str, object]] = {
    "is no plain LoRA": {"use_rslora": True},
    "is no plain LoRA, but of DoRA": {"use_dora": True},
    "is no plain LoRA, with biases": {"bias": "lora_only"},
    "mixes ranks": {"rank_pattern": {"q_proj": 4}},
    "mixes ranks, by alpha": {"alpha_pattern": {"q_proj": 4}},
    "gives no rank and alpha": {"r": None},
    "gives no rank and alpha, but a rank of 0": {"r": 0},
    "gives no rank and alpha, but a rank": {"lora_alpha": None},
}


@pytest.mark.parametrize("reason", NOT_PLAIN)
def test_a_configuration_without_one_scale_for_all_layers_is_refused(tmp_path: Path, reason: str) -> None:
    config = {"r": RANK, "lora_alpha": ALPHA, "use_rslora": False, "rank_pattern": {}}
    assert plain_scale(config) == ALPHA / RANK
    digest = write_adapter_folder(tmp_path, "base", {"layer": (3, 4)}, config={**config, **NOT_PLAIN[reason]})
    with pytest.raises(AdapterIncompatible, match=f"{digest} {reason.split(',')[0]}; train it"):
        read_adapter(tmp_path / digest)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    digest = write_adapter_folder(tmp_path, "base", {"layer": (3, 4)}, size=float("nan"))
    with pytest.raises(AdapterIncompatible, match="no usable LoRA weight"):
        read_adapter(tmp_path / digest)


def test_a_later_version_may_have_written_more(tmp_path: Path) -> None:
    folder = tmp_path / write_adapter_folder(tmp_path, "base", {"layer": (3, 4)})
    said("added_later", 1)(folder / CARD)  # type: ignore[operator]
    assert read_adapter(folder).card.base == "base"


def test_the_card_comes_back_as_written(tmp_path: Path) -> None:
    folder = tmp_path / write_adapter_folder(tmp_path, "base", {"layer": (3, 4)})
    card = replace(read_card(folder), gate={"passed": True, "sentence": "Passed."})
    write_card(folder, card)
    assert read_card(folder) == card and not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("engine", "base", "why"),
    [
        ("compact", "base", None),
        ("fakeshield", "base", "for the engine compact"),
        ("compact", "b", "trained on"),
    ],
)
def test_an_adapter_fits_its_own_engine_and_base(
    tmp_path: Path, engine: str, base: str, why: str | None
) -> None:
    card = read_card(tmp_path / write_adapter_folder(tmp_path, "base", {"layer": (3, 4)}))
    answer = fits(card, engine, base)
    assert answer is None if why is None else answer is not None and why in answer


def test_an_engine_with_an_adapter_names_it_and_answers_otherwise(tmp_path: Path) -> None:
    base = checkpoint()
    digest = for_network(tmp_path, base)
    before = {name: value.clone() for name, value in base.network.state_dict().items()}
    engine = CompactEngine(adapted(base, read_adapter(tmp_path / digest)))
    assert engine.info.adapter == digest and CompactEngine(base).info.adapter is None
    rgb = textured(64, 64)
    assert not np.allclose(engine.read(rgb).logits, CompactEngine(base).read(rgb).logits, atol=1e-4)
    for name, value in base.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    digest = for_network(tmp_path, checkpoint(digest="1" * 12))
    with pytest.raises(AdapterIncompatible, match="trained on base weights 111111111111, and these are 000"):
        adapted(checkpoint(), read_adapter(tmp_path / digest))


def test_without_a_pointer_the_base_alone_is_the_champion(tmp_path: Path) -> None:
    assert read_champion(tmp_path / "missing") is None


def test_the_pointer_moves_there_and_back(tmp_path: Path) -> None:
    digest = write_adapter_folder(tmp_path, "base", {"layer": (3, 4)})
    move_champion(tmp_path, digest)
    assert read_champion(tmp_path) == digest
    move_champion(tmp_path, None)
    assert read_champion(tmp_path) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([digest, POINTER])


@pytest.mark.parametrize(
    "harm", [lambda folder: (folder / CARD).unlink(), lambda folder: changed_byte(folder / WEIGHTS)]
)
def test_the_pointer_does_not_move_to_a_damaged_adapter(tmp_path: Path, harm: object) -> None:
    good = write_adapter_folder(tmp_path, "base", {"layer": (3, 4)})
    bad = write_adapter_folder(tmp_path, "base", {"layer": (3, 4)}, seed=1)
    move_champion(tmp_path, good)
    harm(tmp_path / bad)  # type: ignore[operator]
    with pytest.raises(AdapterIncompatible):
        move_champion(tmp_path, bad)
    assert read_champion(tmp_path) == good


def test_a_damaged_pointer_is_an_error_not_the_base(tmp_path: Path) -> None:
    (tmp_path / POINTER).write_text("{")
    with pytest.raises(AdapterIncompatible, match=r"champion\.json"):
        read_champion(tmp_path)
