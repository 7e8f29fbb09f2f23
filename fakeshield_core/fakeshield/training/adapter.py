"""Adapters for training: attached by peft, stored in the layout of the published scripts."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file
from torch import Tensor

from fakeshield_core.fakeshield import keys
from fakeshield_core.fakeshield.adapters import (
    ADAPTER,
    CONFIG,
    HALVES,
    PEFT_PREFIX,
    WHOLE,
    plain_name,
    target_of,
)
from fakeshield_core.fakeshield.recipes import Recipe, target_modules
from fakeshield_core.networks.llava import Llava


def attach(network: Llava, recipe: Recipe, seed: int = 0) -> None:
    """Puts fresh adapters into the network and un-freezes what the recipe trains whole; all else is frozen.

    Trained weights are in float32, whatever the type of the base.
    """
    network.requires_grad_(False)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        bias="none",
        target_modules=target_modules(network, recipe),
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's advice about embeddings and tied weights does not apply
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        if name.startswith(recipe.trained):
            parameter.requires_grad_(True)
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def trained_weights(network: Llava) -> dict[str, Tensor]:
    """Our names -> every weight that is being trained."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def load_trained(network: Llava, weights: Mapping[str, Tensor]) -> None:
    """Puts saved weights back into a network with adapters attached.

    Raises:
        EngineUnavailable: names or shapes differ from what is being trained.
    """
    own = trained_weights(network)
    shapes = ({n: tuple(t.shape) for n, t in side.items()} for side in (own, weights))
    keys.require_equal("The saved adapter", *shapes)
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])


def save_adapter(network: Llava, recipe: Recipe, folder: Path) -> None:
    """Writes `adapter_config.json`, `adapter_model.safetensors` and `non_lora_trainables.bin`.

    Names are those of the published training script, so that its merge step can read the folder too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    halves: dict[str, Tensor] = {}
    whole: dict[str, Tensor] = {}
    for name, weight in trained_weights(network).items():
        saved = weight.detach().cpu().clone().contiguous()
        if any(half in name for half in HALVES):
            halves[PEFT_PREFIX + keys.published(name.replace(".default.", "."))] = saved
        else:
            whole[PEFT_PREFIX + keys.published(plain_name(name))] = saved
    save_file(halves, folder / ADAPTER, metadata={"format": "pt"})
    torch.save(whole, folder / WHOLE)
    targets = sorted(keys.published(name) for name in target_modules(network, recipe))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": recipe.dropout,
        "bias": "none",
        "target_modules": targets or sorted({target_of(name) for name in halves}),
        "inference_mode": True,
        "base_model_name_or_path": None,
        "fakeshield_part": recipe.part,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
