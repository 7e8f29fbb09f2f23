"""A network with an adapter beside its weights: the base is shared and never changed, so swaps are free.

Merging would need a second copy of 13 billion weights, and cannot be done in packed ones at all.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import keys
from fakeshield_core.fakeshield.adapters import Adapter
from fakeshield_core.fakeshield.quantise import put_module
from fakeshield_core.networks.llava import Llava

Network = TypeVar("Network", bound=Llava)


class Adapted(nn.Module):
    """A linear layer and the two halves beside it: W x + s B A x."""

    def __init__(self, base: nn.Module, down: Tensor, up: Tensor, scale: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(down, requires_grad=False)  # (r, in)
        self.up = nn.Parameter(up * scale, requires_grad=False)  # (out, r)

    def forward(self, values: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        beside = functional.linear(functional.linear(values.to(self.down.dtype), self.down), self.up)
        changed: Tensor = self.base(values) + beside.to(values.dtype)
        return changed


def adapted(network: Network, adapter: Adapter) -> Network:
    """A new network that shares every weight the adapter does not replace; the given one stays as it is.

    Raises:
        EngineUnavailable: the adapter does not fit this base.
    """
    fresh = shared_copy(network)
    plain = network.language.lm_head.weight  # never packed
    for module, halves in adapter.pairs.items():
        name = (keys.ours(f"{module}.weight") or "").removesuffix(".weight")
        layer = _layer(fresh, name, module)
        down, up = (half.to(plain.device, plain.dtype) for half in halves)
        if (down.shape[1], up.shape[0]) != (layer.in_features, layer.out_features):
            raise EngineUnavailable(f"The adapter does not fit {module} of this base; name another base.")
        put_module(fresh, name, Adapted(layer, down, up, adapter.scale))
    for published, tensor in adapter.whole.items():
        _replace(fresh, keys.ours(published) or "", published, tensor)
    return fresh.eval()


def shared_copy(network: Network) -> Network:
    """The same modules anew, over the very same tensors."""
    memo: dict[int, Any] = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    for module in network.modules():
        state = getattr(module, "state", None)  # of an int8 layer: holds the packed matrix once more
        if state is not None:
            memo[id(state)] = state
    return copy.deepcopy(network, memo)


def _layer(network: nn.Module, name: str, published: str) -> Any:
    try:
        found: Any = network.get_submodule(name)
    except AttributeError as error:
        raise EngineUnavailable(_lacks(published)) from error
    if not hasattr(found, "in_features"):
        raise EngineUnavailable(_lacks(published))
    return found


def _replace(network: nn.Module, name: str, published: str, tensor: Tensor) -> None:
    parent, _, last = name.rpartition(".")
    own = dict(network.named_parameters()).get(name)
    if own is None:
        raise EngineUnavailable(_lacks(published))
    if own.shape != tensor.shape:
        raise EngineUnavailable(f"The adapter does not fit {published} of this base; name another base.")
    with torch.no_grad():
        fresh = nn.Parameter(tensor.to(own.device, own.dtype), requires_grad=False)
    setattr(network.get_submodule(parent), last, fresh)


def _lacks(published: str) -> str:
    return f"The adapter changes {published}, which the base lacks; name another base."
