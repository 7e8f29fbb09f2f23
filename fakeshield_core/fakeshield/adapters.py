"""Trained adapters, ours or of the published scripts: read, and merged into a network. Needs no peft."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fakeshield_core.adapters import plain_scale
from fakeshield_core.checkpoints.tensors import read_file
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import keys
from fakeshield_core.fakeshield.recipes import RECIPES, Part
from fakeshield_core.networks.llava import Llava

PEFT_PREFIX = "base_model.model."
ADAPTER, WHOLE, CONFIG = "adapter_model.safetensors", "non_lora_trainables.bin", "adapter_config.json"
HALVES = ("lora_A", "lora_B")


@dataclass(frozen=True, slots=True)
class Adapter:
    """Trained weights under published names."""

    part: Part
    scale: float  # alpha / rank
    pairs: Mapping[str, tuple[Tensor, Tensor]]  # "model.layers.0.self_attn.q_proj" -> A (r, in), B (out, r)
    whole: Mapping[str, Tensor]  # weights trained whole, by their full published name

    def merged(self, name: str, weight: Tensor) -> Tensor:
        """A published tensor of the base with the adapter in it, in float32 where it changes."""
        if name in self.whole:
            return self.whole[name]
        pair = self.pairs.get(name.removesuffix(".weight"))
        if pair is None:
            return weight
        down, up = (half.float() for half in pair)
        return weight.float() + self.scale * (up @ down)


def read_adapter(folder: Path, part: Part) -> Adapter:
    """An adapter folder, ours or of the published training script.

    Raises:
        EngineUnavailable: files are missing, damaged, of the other part, or not plain LoRA.
    """
    config = _config(folder)
    made_for = config.get("fakeshield_part", part)
    if made_for != part:
        raise EngineUnavailable(f"{folder.name} was trained for {made_for}, not {part}; name another folder.")
    try:
        scale = plain_scale(config)
    except ValueError as error:
        raise EngineUnavailable(
            f"The adapter in {folder.name} {error}; "
            "train it with `python -m fakeshield_core fakeshield train`."
        ) from error
    files = [folder / ADAPTER, folder / "adapter_model.bin", folder / WHOLE]
    state = {name: tensor for path in files if path.is_file() for name, tensor in read_file(path).items()}
    return adapter_from_state(part, state, scale)


def read_adapters(folder: Path) -> dict[Part, Adapter]:
    """The adapters of a folder: one alone, or one for each part in `DTE-FDM/` and `MFLM/` below it.

    Raises:
        EngineUnavailable: there is none, or one is damaged.
    """
    if (folder / CONFIG).is_file():
        part: Part = "mflm" if _config(folder).get("fakeshield_part") == "mflm" else "dte_fdm"
        return {part: read_adapter(folder, part)}
    places: dict[Part, Path] = {"dte_fdm": folder / "DTE-FDM", "mflm": folder / "MFLM"}
    found = {part: read_adapter(path, part) for part, path in places.items() if path.is_dir()}
    if not found:
        raise EngineUnavailable(f"{folder} holds no adapter ({CONFIG}); name an adapter folder.")
    return found


def adapter_from_state(part: Part, state: Mapping[str, Tensor], scale: float) -> Adapter:
    """An adapter from tensors named in any of the published ways.

    Accepts peft's prefix and its doubled `model.`, `.default.` in the names of the halves, and whole training
    checkpoints, whose frozen weights are passed over.

    Raises:
        EngineUnavailable: a half is missing, or nothing trained is inside.
    """
    names = dict(_published(state))
    trained = tuple(keys.published(prefix) for prefix in RECIPES[part].trained)
    halves = {name: state[stored] for name, stored in names.items() if ".lora_" in name}
    modules = sorted({target_of(name) for name in halves})
    missing = [f"{m}.{half}" for m in modules for half in HALVES if f"{m}.{half}.weight" not in halves]
    whole = {n: state[stored] for n, stored in names.items() if n.startswith(trained) and n not in halves}
    if missing or not (modules or whole):
        what = missing[0] if missing else "any trained weight"
        raise EngineUnavailable(f"The adapter lacks {what}; copy its folder again.")
    pairs = {m: (halves[f"{m}.lora_A.weight"], halves[f"{m}.lora_B.weight"]) for m in modules}
    return Adapter(part, scale, pairs, whole)


def apply_adapter(network: Llava, adapter: Adapter) -> None:
    """Merges an adapter into a loaded network, in place.

    Raises:
        EngineUnavailable: the adapter does not fit this base.
    """
    own = dict(network.named_parameters())
    wanted = [f"{module}.weight" for module in adapter.pairs] + list(adapter.whole)
    with torch.no_grad():
        for name in wanted:
            parameter = own.get(keys.ours(name) or "")
            if parameter is None:
                raise EngineUnavailable(
                    f"The adapter changes {name}, which the base lacks; name another base."
                )
            value = adapter.merged(name, parameter.cpu())
            if value.shape != parameter.shape:
                raise EngineUnavailable(f"The adapter does not fit {name} of this base; name another base.")
            parameter.copy_(value)


def _published(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """(Published name, stored name) of each tensor."""
    bare = {name: name.removeprefix("base_model.").removeprefix("module.") for name in state}
    doubled = any(name.startswith("model.model.") for name in bare.values())
    for stored, name in bare.items():
        single = name.removeprefix("model.") if doubled else name
        yield (
            plain_name(single)
            .replace(".lora_A.default.", ".lora_A.")
            .replace(".lora_B.default.", ".lora_B."),
            stored,
        )


def plain_name(name: str) -> str:
    """Without the level that peft puts over a wrapped weight."""
    return name.replace(".base_layer.", ".").replace(".modules_to_save.default.", ".")


def target_of(name: str) -> str:
    """`...q_proj.lora_A.weight` -> `...q_proj`, without peft's prefix."""
    return name.removeprefix(PEFT_PREFIX).split(".lora_")[0]


def _config(folder: Path) -> dict[str, object]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineUnavailable(f"{folder} holds no adapter ({CONFIG}); name an adapter folder.") from error
    if not isinstance(config, dict):
        raise EngineUnavailable(f"{CONFIG} of {folder.name} is no object; copy the folder again.")
    return config
