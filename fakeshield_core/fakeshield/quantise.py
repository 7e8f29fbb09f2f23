"""The frozen matrices of LLaMA's layers in 4 or 8 bits; head, projector, CLIP and SAM stay as they are."""

from __future__ import annotations

import importlib
import re
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.networks.llava import Llava

Quantised = Literal["none", "nf4", "int8"]
PACKED = re.compile(r"language\.model\.layers\.\d+\..*_proj\.weight")  # in our names


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
        old = layers.get_submodule(name)
        if isinstance(old, nn.Linear):
            put_module(layers, name, packed(old.weight.data, old.bias, kind, compute).to(device))
    mark(network, kind)


def packed(weight: Tensor, bias: Tensor | None, kind: Quantised, compute: torch.dtype) -> nn.Module:
    """A layer of bitsandbytes for a matrix (out, in), which is packed when the layer is moved to its device.

    Raises:
        EngineUnavailable: bitsandbytes is not installed.
    """
    try:
        bnb: Any = importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise EngineUnavailable(
            f"{kind} needs bitsandbytes, which is not installed; run `make setup`, or choose bf16."
        ) from error
    sizes = (weight.shape[1], weight.shape[0])
    if kind == "nf4":
        new = bnb.nn.Linear4bit(
            *sizes, bias=bias is not None, compute_dtype=compute, quant_type="nf4", device="meta"
        )
        new.weight = bnb.nn.Params4bit(weight, requires_grad=False, quant_type="nf4")
    else:
        new = bnb.nn.Linear8bitLt(*sizes, bias=bias is not None, has_fp16_weights=False, device="meta")
        new.weight = bnb.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    if bias is not None:
        new.bias = bias
    layer: nn.Module = new
    return layer


def put_module(root: nn.Module, name: str, module: nn.Module) -> None:
    """Puts a module in the place of the one of that name."""
    parent, _, last = name.rpartition(".")
    setattr(root.get_submodule(parent), last, module)


def mark(network: Llava, kind: Quantised) -> None:
    """Tells peft, which asks the network how to wrap its layers."""
    network.is_loaded_in_4bit = kind == "nf4"  # type: ignore[assignment]
    network.is_loaded_in_8bit = kind == "int8"  # type: ignore[assignment]
