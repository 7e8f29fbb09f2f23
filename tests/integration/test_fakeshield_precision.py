"""Packed weights and adapters beside them, on the tiny weights; bitsandbytes runs on a CPU, too."""

from __future__ import annotations

import importlib.util
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.checkpoints.placement import PARAMETERS
from fakeshield_core.domain import ClaimsReady
from fakeshield_core.engines.fakeshield import FakeShieldEngine, build_from
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import keys, loading, precision
from fakeshield_core.fakeshield.adapters import CONFIG, Adapter, apply_adapter, read_adapter
from fakeshield_core.fakeshield.decoding import read, token_embeddings
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.lora import Adapted, adapted, shared_copy
from fakeshield_core.fakeshield.options import SERVED
from fakeshield_core.fakeshield.quantise import Quantised
from fakeshield_core.imaging import decode
from fakeshield_core.networks.llava import Llava
from tests.integration.fakeshield_toy import GOLDEN, files, toy_weights

IDS = [1, 7, 9, 42, 300, 11, 5]
FEW = replace(SERVED, max_new_tokens=6)
SAME = 1e-4  # float32: W x + B A x against (W + B A) x
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed on this machine"
)
PACKINGS: tuple[Quantised, ...] = ("nf4", "int8")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_weights(tmp_path_factory.mktemp("weights"))


def states(network: Llava) -> torch.Tensor:
    return read(network.language, token_embeddings(network.language, IDS)).states


def made_adapter(part: Any = "dte_fdm", seed: int = 0, whole: bool = True) -> Adapter:
    draw = torch.Generator().manual_seed(seed)
    pairs = {
        f"model.layers.{layer}.self_attn.{name}": (
            torch.randn(4, 64, generator=draw) * 0.2,
            torch.randn(64, 4, generator=draw) * 0.2,
        )
        for layer in (0, 1)
        for name in ("q_proj", "v_proj")
    }
    trained = {"model.mm_projector.2.bias": torch.randn(64, generator=draw)} if whole else {}
    return Adapter(part, 2.0, pairs, trained)


def adapter_folder(folder: Path, seed: int = 0, **config: object) -> Path:
    adapter = made_adapter(seed=seed, whole=False)
    halves = {
        f"base_model.model.{module}.lora_{side}.weight": half.contiguous()
        for module, pair in adapter.pairs.items()
        for side, half in zip("AB", pair, strict=True)
    }
    folder.mkdir(parents=True)
    save_file(halves, folder / "adapter_model.safetensors")
    said = {"r": 4, "lora_alpha": 8, "fakeshield_part": "dte_fdm", **config}
    (folder / CONFIG).write_text(json.dumps(said))
    return folder


@needs_bitsandbytes
@pytest.mark.parametrize("kind", PACKINGS)
def test_packed_weights_are_near_the_plain_ones_and_smaller(kind: Quantised) -> None:
    plain = loading.load_dte_fdm(files())
    packed = loading.load_dte_fdm(files(), Placing(quantised=kind))
    mine, wanted = states(packed), states(plain)
    distance = float((mine - wanted).norm() / wanted.norm())
    assert 0 < distance < {"nf4": 0.5, "int8": 0.05}[kind]  # nf4 gave 0.41: random, 64 wide
    weight = packed.language.model.layers[0].mlp.up_proj.weight
    assert (
        weight.nbytes * {"nf4": 8, "int8": 4}[kind]
        == plain.language.model.layers[0].mlp.up_proj.weight.nbytes
    )


@needs_bitsandbytes
@pytest.mark.parametrize("kind", PACKINGS)
def test_only_matrices_of_the_layers_are_packed(kind: Quantised) -> None:
    packed = loading.load_mflm(files(), Placing(quantised=kind))
    changed = {
        name for name, module in packed.named_modules() if type(module).__module__.startswith("bitsandbytes")
    }
    assert changed == {
        f"language.model.layers.{layer}.{block}.{name}_proj"
        for layer in (0, 1)
        for block, names in (("self_attn", "qkvo"), ("mlp", ("gate", "up", "down")))
        for name in names
    }


@needs_bitsandbytes
@pytest.mark.parametrize("kind", PACKINGS)
def test_an_engine_of_packed_weights_answers(kind: str, weights: Path) -> None:
    engine = build_from(locate(weights), options=FEW, wanted=kind)
    assert engine.info.device == f"cpu ({kind})"
    updates = list(engine.analyze(decode((GOLDEN / "images" / "wide.jpg").read_bytes())))
    assert isinstance(updates[-1], ClaimsReady)


def test_an_adapter_beside_the_weights_equals_the_merged_one() -> None:
    base, merged = loading.load_dte_fdm(files()), loading.load_dte_fdm(files())
    before = states(base).clone()
    apply_adapter(merged, made_adapter())
    beside = adapted(base, made_adapter())
    assert torch.allclose(states(beside), states(merged), atol=SAME)
    assert torch.allclose(beside.projector[2].bias, merged.projector[2].bias)
    assert not torch.allclose(states(beside), before, atol=0.01)
    assert torch.equal(states(base), before)


def test_a_swap_shares_every_weight_it_does_not_replace() -> None:
    base = loading.load_mflm(files())
    beside = adapted(base, made_adapter("mflm", whole=False))
    mine, theirs = ({id(p) for p in network.parameters()} for network in (beside, base))
    assert theirs <= mine
    assert len(mine - theirs) == 8
    assert sum(isinstance(module, Adapted) for module in beside.modules()) == 4
    assert sum(isinstance(module, Adapted) for module in base.modules()) == 0


def test_a_second_swap_begins_at_the_base() -> None:
    base = loading.load_dte_fdm(files())
    first = states(adapted(base, made_adapter(seed=1)))
    adapted(base, made_adapter(seed=2))
    assert torch.equal(states(adapted(base, made_adapter(seed=1))), first)


@needs_bitsandbytes
@pytest.mark.parametrize("kind", PACKINGS)
def test_an_adapter_sits_beside_packed_weights(kind: Quantised) -> None:
    base = loading.load_dte_fdm(files(), Placing(quantised=kind))
    before = states(base).clone()  # int8 packs at its first pass
    beside = adapted(base, made_adapter())
    plain = loading.load_dte_fdm(files())
    changes = states(beside) - before, states(adapted(plain, made_adapter())) - states(plain)
    cosine = torch.nn.functional.cosine_similarity(changes[0].flatten(), changes[1].flatten(), dim=0)
    assert float(cosine) > 0.8
    assert torch.equal(states(base), before)
    packed = {id(m.weight) for m in base.modules() if type(m).__module__.startswith("bitsandbytes")}
    assert packed <= {id(p) for p in beside.parameters()}


@pytest.mark.parametrize(
    ("pairs", "whole", "said"),
    [
        ({"model.layers.9.self_attn.q_proj": (torch.ones(2, 64), torch.ones(64, 2))}, {}, "lacks"),
        ({"model.layers.0.input_layernorm": (torch.ones(2, 64), torch.ones(64, 2))}, {}, "lacks"),
        ({"model.layers.0.self_attn.q_proj": (torch.ones(2, 32), torch.ones(64, 2))}, {}, "does not fit"),
        ({}, {"model.mm_projector.2.bias": torch.ones(3)}, "does not fit"),
        ({}, {"model.mm_projector.9.bias": torch.ones(3)}, "lacks"),
    ],
)
def test_an_adapter_of_another_base_is_refused(pairs: Any, whole: Any, said: str) -> None:
    with pytest.raises(EngineUnavailable, match=said):
        adapted(loading.load_dte_fdm(files()), Adapter("dte_fdm", 1.0, pairs, whole))


def test_a_shared_copy_is_another_tree_over_the_same_tensors() -> None:
    base = loading.load_dte_fdm(files())
    fresh = shared_copy(base)
    assert fresh.language is not base.language
    assert all(a is b for a, b in zip(fresh.parameters(), base.parameters(), strict=True))
    assert all(a is b for a, b in zip(fresh.buffers(), base.buffers(), strict=True))


@pytest.fixture(scope="module")
def engine(weights: Path) -> FakeShieldEngine:
    return build_from(locate(weights), options=FEW)


def test_engines_of_a_swap_know_their_adapter(engine: FakeShieldEngine, tmp_path: Path) -> None:
    one, two = (engine.with_adapter(adapter_folder(tmp_path / str(seed), seed)) for seed in (1, 2))
    digests = {found.info.adapter for found in (engine, one, two)}
    assert len(digests) == 3  # the two folders have files of the same names and sizes
    assert two.with_adapter(None).info == engine.info
    picture = decode((GOLDEN / "images" / "wide.jpg").read_bytes())
    texts = [answer(found, picture) for found in (engine, one, engine, two.with_adapter(None))]
    assert texts[0] == texts[2] == texts[3] != texts[1]


def test_a_running_request_ends_on_the_adapter_it_began_with(
    engine: FakeShieldEngine, tmp_path: Path
) -> None:
    picture = decode((GOLDEN / "images" / "portrait.png").read_bytes())
    alone = answer(engine, picture)
    fresh = FakeShieldEngine(engine._stages, engine.info, FEW)
    running = fresh.analyze(picture)
    pieces = [next(running)]
    swapped = fresh.with_adapter(adapter_folder(tmp_path / "adapter"))
    other = threading.Thread(target=lambda: answer(swapped, picture))
    other.start()
    pieces += list(running)
    other.join(60)
    assert "".join(getattr(update, "text", "") for update in pieces) == alone


def test_a_folder_without_an_adapter_is_refused(engine: FakeShieldEngine, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="holds no adapter"):
        engine.with_adapter(tmp_path)


def test_amounts_are_those_of_the_files() -> None:
    found = precision.amounts(files())
    networks = {"DTE-FDM": loading.load_dte_fdm(files()), "MFLM": loading.load_mflm(files())}
    for part, network in networks.items():
        sizes = {
            name: p.numel()
            for name, p in network.named_parameters()
            if not name.startswith(("tower.", "sam."))
        }
        assert found.parameters[part] == sum(sizes.values())
        assert found.linear[part] == sum(s for n, s in sizes.items() if "_proj." in n)
    assert found.parameters["DTG"] == PARAMETERS["DTG"]
    assert keys.ours("model.layers.0.mlp.up_proj.weight") == "language.model.layers.0.mlp.up_proj.weight"


def test_a_read_adapter_folder_is_the_adapter_that_was_written(tmp_path: Path) -> None:
    found = read_adapter(adapter_folder(tmp_path / "adapter", 3), "dte_fdm")
    wanted = made_adapter(seed=3, whole=False)
    assert found.scale == wanted.scale
    assert all(
        torch.equal(a, b) for m in wanted.pairs for a, b in zip(found.pairs[m], wanted.pairs[m], strict=True)
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("use_rslora", True, "is no plain LoRA"),
        ("rank_pattern", {"q_proj": 2}, "mixes ranks"),
        ("alpha_pattern", {"q_proj": 2}, "mixes ranks"),
        ("r", None, "gives no rank and alpha"),
    ],
)
def test_an_adapter_without_one_scale_for_all_layers_is_refused(
    tmp_path: Path, name: str, value: object, reason: str
) -> None:
    folder = adapter_folder(tmp_path / "adapter", **{name: value})
    with pytest.raises(EngineUnavailable, match=f"The adapter in adapter {reason}; train it with"):
        read_adapter(folder, "dte_fdm")


def answer(engine: FakeShieldEngine, picture: Any) -> str:
    return "".join(getattr(u, "text", "") for u in engine.analyze(picture))
