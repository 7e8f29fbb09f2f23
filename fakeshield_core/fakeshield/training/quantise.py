"""QLoRA: the frozen matrices of LLaMA's layers in 4 or 8 bits; head, projector and SAM stay as they are."""

from __future__ import annotations

import importlib
from typing import Any, Literal

import torch
from torch import nn

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.networks.llava import Llava

Quantised = Literal["none", "nf4", "int8"]


def quantise(network: Llava, kind: Quantised, compute: torch.dtype, device: str = "cpu") -> None:
    """Replaces the layers' matrices, in place; `none` leaves them.

    Args:
        network: loaded, without adapters.
        kind: nf4 with double quantisation as in the published 4-bit path, or int8.
        compute: type of the arithmetic in nf4 layers.
        device: where the packed weights go; packing happens on the way.

    Raises:
        EngineUnavailable: bitsandbytes is not installed.
    """
    if kind == "none":
        return
    layers = network.language.model.layers
    names = [name for name, module in layers.named_modules() if isinstance(module, nn.Linear)]
    for name in names:
        parent, _, last = name.rpartition(".")
        old = layers.get_submodule(name)
        if isinstance(old, nn.Linear):
            setattr(layers.get_submodule(parent), last, _packed(old, kind, compute).to(device))
    # peft asks the network how to wrap its layers
    network.is_loaded_in_4bit = kind == "nf4"  # type: ignore[assignment]
    network.is_loaded_in_8bit = kind == "int8"  # type: ignore[assignment]


def _packed(old: nn.Linear, kind: Quantised, compute: torch.dtype) -> nn.Module:
    try:
        bnb: Any = importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise EngineUnavailable(
            "bitsandbytes is not installed; run `make setup`, or leave --quantise out."
        ) from error
    sizes, bias = (old.in_features, old.out_features), old.bias is not None
    if kind == "nf4":
        new = bnb.nn.Linear4bit(*sizes, bias=bias, compute_dtype=compute, quant_type="nf4")
        new.weight = bnb.nn.Params4bit(old.weight.data, requires_grad=False, quant_type="nf4")
    else:
        new = bnb.nn.Linear8bitLt(*sizes, bias=bias, has_fp16_weights=False)
        new.weight = bnb.nn.Int8Params(old.weight.data, requires_grad=False, has_fp16_weights=False)
    if old.bias is not None:
        new.bias = old.bias
    packed: nn.Module = new
    return packed
