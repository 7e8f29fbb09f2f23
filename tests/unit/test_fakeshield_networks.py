"""FakeShield's modules on the meta device and in tiny sizes: names, shapes, loading, refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPVisionConfig, LlamaConfig

from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import keys, loading
from fakeshield_core.fakeshield.tagging import DomainTag
from fakeshield_core.networks.dtg import DtgNetwork
from fakeshield_core.networks.llava import Llava, LlavaSizes, build_projector, expand_labels
from fakeshield_core.networks.mflm import place_states, seg_places
from fakeshield_core.networks.sam import sam_module
from fakeshield_core.networks.sam_full import SamNetwork, SamSizes, sizes_from_shapes

GOLDEN = Path(__file__).parents[1] / "golden" / "fakeshield"
DTE_FDM = GOLDEN / "weight" / "fakeshield-v1-22b" / "DTE-FDM"


@pytest.mark.parametrize(
    ("builder", "heads"), [("build_sam_vit_b", 12), ("build_sam_vit_l", 16), ("build_sam_vit_h", 16)]
)
def test_every_published_sam_is_recognised_by_its_shapes(builder: str, heads: int) -> None:
    with torch.device("meta"):
        theirs = getattr(sam_module("build_sam"), builder)().state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in theirs.items()}
    sizes = sizes_from_shapes(shapes)
    with torch.device("meta"):
        own = SamNetwork(sizes).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in own.items()} == shapes
    assert sizes.encoder_num_heads == heads


def test_the_default_sizes_are_vit_h() -> None:
    with torch.device("meta"):
        theirs = sam_module("build_sam").build_sam_vit_h().state_dict()
    assert sizes_from_shapes({name: tuple(tensor.shape) for name, tensor in theirs.items()}) == SamSizes()


def test_positions_equal_those_of_segment_anything() -> None:
    network = SamNetwork(replace(SamSizes(), encoder_embed_dim=32, encoder_depth=1, encoder_num_heads=2))
    dense = network.prompt_encoder.get_dense_pe()[0]
    assert torch.allclose(network._positions(64, 64), dense, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("linear", {"weight", "bias"}),
        ("identity", set()),
        ("mlp1x_gelu", {"0.weight", "0.bias"}),
        ("mlp2x_gelu", {"0.weight", "0.bias", "2.weight", "2.bias"}),
        ("mlp3x_gelu", {f"{n}.{p}" for n in (0, 2, 4) for p in ("weight", "bias")}),
    ],
)
def test_projectors_have_the_published_names(kind: str, names: set[str]) -> None:
    assert set(build_projector(kind, 4, 8).state_dict()) == names


def test_an_unknown_projector_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="resampler"):
        build_projector("resampler", 4, 8)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("model.layers.3.mlp.up_proj.weight", "language.model.layers.3.mlp.up_proj.weight"),
        ("lm_head.weight", "language.lm_head.weight"),
        ("model.mm_projector.2.bias", "projector.2.bias"),
        ("model.vision_tower.vision_tower.vision_model.pre_layrnorm.bias", "tower.pre_layrnorm.bias"),
        ("model.text_hidden_fcs.0.2.weight", "seg_head.2.weight"),
        ("model.grounding_encoder.image_encoder.pos_embed", "sam.image_encoder.pos_embed"),
    ],
)
def test_names_are_mapped_both_ways(published: str, ours: str) -> None:
    assert keys.ours(published) == ours
    assert keys.published(ours) == published


@pytest.mark.parametrize(
    "name",
    [
        "model.region_encoder.roi_align.updims.bias",
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.vision_tower.vision_tower.vision_model.embeddings.position_ids",
        "model.grounding_encoder.pixel_mean",
    ],
)
def test_unused_tensors_are_passed_over(name: str) -> None:
    assert keys.ours(name) is None


def test_a_name_of_no_part_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match=r"optimizer\.state"):
        keys.renamed(["lm_head.weight", "optimizer.state"])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "lacks a"),
        ({"a": (2,), "b": (1,)}, "has the unknown b"),
        ({"a": (3,)}, r"a is \[3\] instead of \[2\]"),
    ],
)
def test_a_difference_of_shapes_is_named(found: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(EngineUnavailable, match=words):
        keys.require_equal("DTE-FDM", {"a": (2,)}, found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"intermediate_size": 96}, "does not fit its config.json"),
        ({"num_hidden_layers": 3}, "lacks language.model.layers.2"),
        ({"mm_projector_type": "linear"}, "lacks projector.bias"),
        ({"mm_patch_merge_type": "spatial_unpad"}, "mm_patch_merge_type"),
        ({"mm_vision_select_feature": "every"}, "vision fields"),
        ({"hidden_size": None}, "hidden_size"),
    ],
)
def test_a_config_that_does_not_fit_the_weights_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    _edited(tmp_path, change)
    with pytest.raises(EngineUnavailable, match=words):
        loading.load_dte_fdm(locate(tmp_path))


def test_sizes_are_read_from_the_folder(tmp_path: Path) -> None:
    _edited(tmp_path, {"rms_norm_eps": 1e-3, "rope_theta": 500.0})
    llama = loading.load_dte_fdm(locate(tmp_path)).sizes.llama
    assert llama.rms_norm_eps == 1e-3
    assert llama.rope_parameters["rope_theta"] == 500.0


def test_the_copy_in_the_folder_serves_where_clip_is_missing(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "weight", tmp_path / "weight")
    files = replace(locate(GOLDEN), dte_fdm=DTE_FDM, clip=DTE_FDM, clip_source="dte_fdm")
    sizes = loading.clip_config(files, {n: t for n, t in _copy().items()})
    assert (sizes.hidden_size, sizes.num_hidden_layers, sizes.image_size, sizes.patch_size) == (
        32,
        4,
        336,
        14,
    )


def test_the_tower_stays_in_float32_beside_a_half_precision_language_model() -> None:
    network = loading.load_dte_fdm(locate(GOLDEN), loading.Placing(torch.float16))
    kinds = {name.split(".")[0]: p.dtype for name, p in network.named_parameters()}
    assert kinds == {"language": torch.float16, "projector": torch.float16, "tower": torch.float32}


def test_no_table_is_left_on_the_meta_device() -> None:
    network = loading.load_mflm(locate(GOLDEN))
    assert not [name for name, buffer in network.named_buffers() if buffer.is_meta]
    assert not [name for name, parameter in network.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_dtg_is_read_with_and_without_prefix(tmp_path: Path, prefix: str) -> None:
    network = DtgNetwork()
    wrapped = {"state_dict": {prefix + name: tensor for name, tensor in network.state_dict().items()}}
    torch.save(wrapped, tmp_path / "DTG.pth")
    loaded = loading.load_dtg(replace(locate(GOLDEN), dtg=tmp_path / "DTG.pth"))
    assert torch.equal(loaded.fc.weight, network.fc.weight)


def test_all_three_probabilities_are_kept() -> None:
    tag = DomainTag(torch.tensor([0.0, 100.0, 100.0]).numpy())
    assert tag.label == 1
    assert tag.probabilities == pytest.approx((0.0, 0.5, 0.5))


def test_rows_of_the_picture_stand_in_for_its_sentinel() -> None:
    network = _toy()
    rows = torch.full((4, 16), 9.0)
    embedded = network.embed([1, 2, -200, 3], rows, -200)[0]
    table = network.language.get_input_embeddings().weight
    assert torch.equal(embedded[:2], table[1:3])
    assert torch.equal(embedded[2:6], rows)
    assert torch.equal(embedded[6], table[3])
    assert network.embed([1, 2, -200, 3], rows, -200, limit=5).shape == (1, 5, 16)


def test_labels_of_the_picture_are_ignored() -> None:
    assert expand_labels([1, -100, 2], [1, -200, 2], -200, 3) == [1, -100, -100, -100, 2]


@pytest.mark.parametrize(
    ("ids", "places"),
    [([1, -200, 5, 9, 6], [577]), ([1, -200, 9, 9], [576, 577]), ([1, -200, 5], []), ([9], [])],
)
def test_the_state_before_each_seg_is_taken(ids: list[int], places: list[int]) -> None:
    assert seg_places(ids, seg_id=9, rows=576) == places


def test_no_places_give_no_states() -> None:
    assert place_states(torch.ones(3, 2), []).shape == (0, 2)


def _toy() -> Llava:
    llama = LlamaConfig(
        vocab_size=8,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=None,
    )
    clip = CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    network: nn.Module = Llava(LlavaSizes(llama, clip)).requires_grad_(False)
    assert isinstance(network, Llava)
    return network


def _copy() -> dict[str, torch.Tensor]:
    prefix = "model.vision_tower.vision_tower.vision_model."
    found: dict[str, torch.Tensor] = {}
    for path in DTE_FDM.glob("*.safetensors"):
        found |= {n.removeprefix(prefix): t for n, t in load_file(path).items() if n.startswith(prefix)}
    return found


def _edited(folder: Path, change: dict[str, object]) -> None:
    """The golden's weights with another config.json of the DTE-FDM."""
    shutil.copytree(GOLDEN / "weight", folder / "weight")
    shutil.copytree(GOLDEN / "openai", folder / "openai")
    path = folder / "weight" / "fakeshield-v1-22b" / "DTE-FDM" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
