"""The full-size part of a golden: names and shapes of the real models, against ours on the meta device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from transformers import CLIPVisionConfig, LlamaConfig

from fakeshield_core.conform.ledger import Ledger
from fakeshield_core.domain import JsonValue
from fakeshield_core.fakeshield import keys
from fakeshield_core.fakeshield.keys import Shapes
from fakeshield_core.fakeshield.loading import clip_config_from_shapes
from fakeshield_core.networks.dtg import DtgNetwork
from fakeshield_core.networks.llava import Llava, LlavaSizes
from fakeshield_core.networks.mflm import Mflm, MflmSizes
from fakeshield_core.networks.sam_full import sizes_from_shapes

GROUP = "full-size names and shapes"
HEAD_WIDTH = 128  # of LLaMA 7B and 13B
ROI, GRID = 1024, 14  # widths and pooled side of the region encoder, which nothing here uses


def check_keys(ledger: Ledger) -> None:
    """Compares everything below `full_size_keys`; sizes come from the lists, names from our modules."""
    builders = {"dtg": _dtg, "dte_fdm": _dte_fdm, "mflm": _mflm}
    for name, build in builders.items():
        document = f"full_size_keys/{name}"
        listed = ledger.golden.documents.get(document, {}).get("keys")
        ledger.uses(f"{document}/note")
        if not isinstance(listed, dict):
            continue
        wanted = {key: _shape(shape) for key, shape in listed.items()}
        mine = build(wanted)
        for key in wanted:
            shape = mine.get(key)
            ledger.exact(GROUP, f"{document}/keys/{key}", None if shape is None else list[JsonValue](shape))
        for key in sorted(set(mine) - set(wanted)):
            ledger.record(GROUP, f"{document}/keys/{key} (missing in the list)", 1.0)


def _dtg(wanted: Shapes) -> Shapes:
    with torch.device("meta"):
        return _shapes(DtgNetwork())


def _dte_fdm(wanted: Shapes) -> Shapes:
    tower = keys.PREFIXES[0][0]
    own = {name.removeprefix(tower): shape for name, shape in wanted.items() if name.startswith(tower)}
    with torch.device("meta"):
        network = Llava(_llava_sizes(wanted, clip_config_from_shapes(own)))
    found = {keys.published(name): shape for name, shape in _shapes(network).items()}
    return found if own else {name: shape for name, shape in found.items() if not name.startswith(tower)}


def _mflm(wanted: Shapes) -> Shapes:
    prefix = "model.grounding_encoder."
    sam = {name.removeprefix(prefix): shape for name, shape in wanted.items() if name.startswith(prefix)}
    width = wanted["model.mm_projector.0.weight"][1]
    clip = CLIPVisionConfig(hidden_size=width, num_hidden_layers=1, num_attention_heads=1)
    sizes = _llava_sizes(wanted, clip)
    with torch.device("meta"):
        network = Mflm(MflmSizes(sizes, sizes_from_shapes(sam)))
    found = {keys.published(n): shape for n, shape in _shapes(network).items() if not n.startswith("tower.")}
    for layer in range(sizes.llama.num_hidden_layers):
        found[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = (_head_width(wanted) // 2,)
    return found | dict(_region_encoder(sizes.llama.hidden_size))


def _llava_sizes(wanted: Shapes, clip: CLIPVisionConfig) -> LlavaSizes:
    layers = {name.split(".")[2] for name in wanted if name.startswith("model.layers.")}
    rows, width = wanted["model.embed_tokens.weight"]
    first = "model.layers.0"
    head = _head_width(wanted)
    llama = LlamaConfig(
        vocab_size=rows,
        hidden_size=width,
        intermediate_size=wanted[f"{first}.mlp.gate_proj.weight"][0],
        num_hidden_layers=len(layers),
        num_attention_heads=wanted[f"{first}.self_attn.q_proj.weight"][0] // head,
        num_key_value_heads=wanted[f"{first}.self_attn.k_proj.weight"][0] // head,
        head_dim=head,
        pad_token_id=None,
    )
    linear = [name for name in wanted if name.startswith("model.mm_projector.") and name.endswith(".weight")]
    return LlavaSizes(llama, clip, f"mlp{len(linear)}x_gelu")


def _head_width(wanted: Shapes) -> int:
    """Of one attention head: from the saved rotary table, else as in every LLaMA of this size."""
    return 2 * wanted.get("model.layers.0.self_attn.rotary_emb.inv_freq", (HEAD_WIDTH // 2,))[0]


def _region_encoder(width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Its names and shapes, only to recognise what is skipped."""
    fuse, align = "model.region_encoder.mlvl_fuse", "model.region_encoder.roi_align"
    for number in range(4):
        yield from _layer(f"{fuse}.input_conv.{number}", (ROI, ROI + 2, 1, 1))
        yield from _layer(f"{align}.pconvs.{number}", (ROI, ROI, 3, 3))
    for number in range(5):
        yield f"{fuse}.fuse_convs.{number}.conv.weight", (ROI, ROI, 3, 3)
        yield from _layer(f"{fuse}.fuse_convs.{number}.gn", (ROI,))
    for number, shape in ((0, (256, 4)), (2, (256,)), (3, (ROI, 256)), (5, (ROI,))):
        yield from _layer(f"{align}.pos_embedd.{number}", shape)
    yield from _layer(f"{align}.updims", (width, ROI))
    yield from _layer(f"{align}.flatten_linear", (ROI, ROI * GRID * GRID))


def _layer(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _shape(value: JsonValue) -> tuple[int, ...]:
    return tuple(int(str(side)) for side in value) if isinstance(value, list) else ()
