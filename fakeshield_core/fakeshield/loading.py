"""Official folders -> our modules: sizes from config.json, checked against every tensor's shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, LlamaConfig

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, read_clip, read_config, read_dtg
from fakeshield_core.checkpoints.tensors import LazyTensors, read_folder
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import keys
from fakeshield_core.fakeshield.keys import Shapes
from fakeshield_core.fakeshield.quantise import PACKED, Quantised, mark, packed, put_module
from fakeshield_core.networks.dtg import DtgNetwork
from fakeshield_core.networks.llava import Llava, LlavaSizes, make_buffers
from fakeshield_core.networks.mflm import Mflm, MflmSizes
from fakeshield_core.networks.sam_full import SamSizes, sizes_from_shapes

Network = TypeVar("Network", bound=nn.Module)
Config = Mapping[str, JsonValue]
CLIP_HEAD_WIDTH = 64  # of every published CLIP; used only where no config of CLIP is at hand
LLAMA_FIELDS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
    "attention_bias",
    "tie_word_embeddings",
)


@dataclass(frozen=True, slots=True)
class Placing:
    """In which type and where the weights of a part go."""

    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    quantised: Quantised = "none"  # the matrices of the language model's layers
    tower: torch.dtype | None = None  # of CLIP; None: like the rest

    def kind(self, name: str) -> torch.dtype:
        """The type of a tensor."""
        return self.tower if self.tower is not None and name.startswith("tower.") else self.dtype


def load_dtg(files: FakeShieldFiles, device: str = "cpu") -> DtgNetwork:
    """The DTG in float32, ready to answer.

    Raises:
        EngineUnavailable: its file is missing or damaged.
    """
    if files.dtg is None:
        raise EngineUnavailable(
            "DTG.pth is missing beside DTE-FDM; run `python -m fakeshield_core weights get`."
        )
    return dtg_from_state(read_dtg(files.dtg), device)


def dtg_from_state(state: Mapping[str, Tensor], device: str = "cpu") -> DtgNetwork:
    """The DTG from a state dictionary of torchvision's ResNet-50.

    Raises:
        EngineUnavailable: names or shapes do not fit.
    """
    with torch.device("meta"):
        network = DtgNetwork()
    return filled(network, "DTG", state, Placing(device=device))


def load_dte_fdm(files: FakeShieldFiles, placing: Placing | None = None) -> Llava:
    """The DTE-FDM; the tower stays in float32 unless told otherwise, as in the published code.

    Raises:
        EngineUnavailable: weights are missing, damaged, or do not fit config.json.
    """
    tower = read_clip(files)
    part = _Renamed(read_folder(files.dte_fdm), tower)
    sizes = llava_sizes(read_config(files.dte_fdm), clip_config(files, tower), part.shapes)
    with torch.device("meta"):
        network = Llava(sizes)
    chosen = placing or Placing()
    return filled(network, "DTE-FDM", part, replace(chosen, tower=chosen.tower or torch.float32))


def load_mflm(files: FakeShieldFiles, placing: Placing | None = None) -> Mflm:
    """The MFLM, everything in one type, as in the published code.

    Raises:
        EngineUnavailable: weights are missing, damaged, or do not fit config.json.
    """
    tower = read_clip(files)
    part = _Renamed(read_folder(files.mflm), tower)
    llava = llava_sizes(read_config(files.mflm), clip_config(files, tower), part.shapes)
    with torch.device("meta"):
        network = Mflm(MflmSizes(llava, sam_sizes(files, part.shapes)))
    return filled(network, "MFLM", part, placing or Placing())


def llava_sizes(config: Config, clip: CLIPVisionConfig, shapes: Shapes) -> LlavaSizes:
    """Sizes of a LLaVA part; the vocabulary is what the embedding really holds.

    Raises:
        EngineUnavailable: config.json lacks a field or holds one we cannot follow.
    """
    merge = config.get("mm_patch_merge_type")
    if merge not in (None, "flat"):
        raise EngineUnavailable(f"mm_patch_merge_type {merge!r} is not supported; use the published weights.")
    select, layer = config.get("mm_vision_select_feature", "patch"), config.get("mm_vision_select_layer", -2)
    kind = config.get("mm_projector_type", "linear")
    if select not in ("patch", "cls_patch") or not isinstance(layer, int) or not isinstance(kind, str):
        raise EngineUnavailable("The vision fields of config.json cannot be used; download it again.")
    return LlavaSizes(llama_config(config, shapes), clip, kind, layer, select == "cls_patch")


def llama_config(config: Config, shapes: Shapes) -> LlamaConfig:
    """The LLaMA sizes of a published config.json, for current transformers.

    Raises:
        EngineUnavailable: a size is missing.
    """
    given: dict[str, Any] = {name: config[name] for name in LLAMA_FIELDS if config.get(name) is not None}
    missing = [n for n in ("hidden_size", "num_hidden_layers", "num_attention_heads") if n not in given]
    rows = shapes.get("language.model.embed_tokens.weight")
    if missing or rows is None:
        what = ", ".join(missing) or "the embedding"
        raise EngineUnavailable(f"The folder does not give {what}; download it again (weights get).")
    given["vocab_size"] = rows[0]
    scaling = config.get("rope_scaling")
    rope: dict[str, JsonValue] = {"rope_type": "default", "rope_theta": config.get("rope_theta") or 10000.0}
    if isinstance(scaling, dict):
        rope |= {**scaling, "rope_type": scaling.get("rope_type", scaling.get("type", "default"))}
        rope.pop("type", None)
    # no token has a special meaning here: a padding id would zero a row of the embedding when it is made
    return LlamaConfig(**given, rope_parameters=rope, pad_token_id=None, use_cache=True)


def clip_config(files: FakeShieldFiles, tower: Mapping[str, Tensor]) -> CLIPVisionConfig:
    """The tower's sizes: from CLIP's config.json, or from its weights where there is none."""
    config = {} if files.clip_source == "dte_fdm" else dict(read_config(files.clip))
    vision: Any = config.get("vision_config", config)
    if isinstance(vision, dict) and "hidden_size" in vision:
        return CLIPVisionConfig(**vision)
    return clip_config_from_shapes({name: tuple(tensor.shape) for name, tensor in tower.items()})


def clip_config_from_shapes(shapes: Shapes) -> CLIPVisionConfig:
    """Sizes of a CLIP tower from its tensors; heads are 64 wide, as in every published CLIP."""
    width, _, patch, _ = shapes["embeddings.patch_embedding.weight"]
    rows = shapes["embeddings.position_embedding.weight"][0]
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=shapes["encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=1 + max(int(n.split(".")[2]) for n in shapes if n.startswith("encoder.layers.")),
        num_attention_heads=max(1, width // CLIP_HEAD_WIDTH),
        image_size=round((rows - 1) ** 0.5) * patch,
        patch_size=patch,
    )


def sam_sizes(files: FakeShieldFiles, shapes: Shapes) -> SamSizes:
    """SAM's sizes as its weights show them; the number of decoder heads from beside test weights."""
    heads = 8
    if files.sam_config is not None:
        heads = int(json.loads(files.sam_config.read_text(encoding="utf-8")).get("decoder_num_heads", heads))
    own = {name.removeprefix("sam."): shape for name, shape in shapes.items() if name.startswith("sam.")}
    try:
        return sizes_from_shapes(own, heads)
    except KeyError as error:
        raise EngineUnavailable(f"MFLM lacks {error.args[0]} of SAM; download its folder again.") from error


class _Renamed(Mapping[str, Tensor]):
    """The tensors of a folder under our names, with the tower's; each is read when it is asked for."""

    def __init__(self, stored: LazyTensors, tower: Mapping[str, Tensor]) -> None:
        table = keys.renamed(stored)
        self._stored = stored
        self._names = {own: name for own, name in table.items() if not own.startswith("tower.")}
        self._tower = {f"tower.{name}": tensor for name, tensor in tower.items()}
        own = {name: tuple(stored.meta(published).shape) for name, published in self._names.items()}
        self.shapes = own | _shapes(self._tower)

    def __getitem__(self, name: str) -> Tensor:
        return self._tower[name] if name in self._tower else self._stored[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def filled(
    network: Network,
    part: str,
    state: Mapping[str, Tensor],
    placing: Placing,
) -> Network:
    """A network of the meta device with its weights, checked, on its device and in its types.

    Args:
        network: without weights.
        part: its name, for errors.
        state: our names -> tensors; one that knows its `shapes` is asked for each tensor once, when it is
            its turn.
        placing: types and device.

    Tensors are moved and packed one by one, so that no memory ever holds a second copy of them all.

    Raises:
        EngineUnavailable: names or shapes differ from the network's.
    """
    found = getattr(state, "shapes", None) or _shapes(state)
    keys.require_equal(part, _shapes(network.state_dict()), found)
    placed: dict[str, Tensor] = {}
    layers: dict[str, nn.Module] = {}
    for name in state:
        tensor = state[name]
        moved = tensor.to(placing.device, placing.kind(name) if tensor.is_floating_point() else tensor.dtype)
        if placing.quantised != "none" and PACKED.fullmatch(name):
            layer = packed(moved, None, placing.quantised, placing.dtype).to(placing.device)
            layers[name.removesuffix(".weight")] = layer
        else:
            placed[name] = moved
    network.load_state_dict(placed, strict=False, assign=True)  # complete, as was just checked
    for name, layer in layers.items():
        put_module(network, name, layer)
    make_buffers(network)
    if isinstance(network, Llava):
        mark(network, placing.quantised)
    network.requires_grad_(False)
    return network.to(placing.device).eval()
