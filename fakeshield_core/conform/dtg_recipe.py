"""Weights of a golden DTG: too large to store, so made from a seed by a stated rule."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

FINAL_BIAS = "fc.bias"


def made_state(
    shapes: Mapping[str, tuple[int, ...]], seed: int, fc_bias: Sequence[float]
) -> dict[str, npt.NDArray[np.generic]]:
    """The state dictionary of a ResNet-50 by the rules of the golden's README, tried in their order.

    Args:
        shapes: names of torchvision's `resnet50` -> shape.
        seed: `weight_recipe_seed`.
        fc_bias: the one tensor that is given.
    """
    state: dict[str, npt.NDArray[np.generic]] = {}
    for name, shape in shapes.items():
        if name.endswith(".num_batches_tracked"):
            state[name] = np.zeros(shape, np.int64)
        elif name == FINAL_BIAS:
            state[name] = np.asarray(fc_bias, np.float32)
        else:
            state[name] = _scaled(name, shape, uniform(seed, name, shape)).astype(np.float32)
    return state


def uniform(seed: int, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Numbers 0 <= u < 1 that depend on seed, name and place alone."""
    start = zlib.crc32(f"{seed}:{name}".encode("ascii"))
    x = (np.arange(math.prod(shape), dtype=np.uint64) + np.uint64(start)).astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x / 2.0**32).reshape(shape)


def _scaled(name: str, shape: tuple[int, ...], u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if len(shape) == 4:
        return (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    if name == "fc.weight":
        return (2 * u - 1) * 0.25
    if name.endswith(".running_var"):
        return 0.5 + u
    if name.endswith((".running_mean", ".bias")):
        return 0.2 * (u - 0.5)
    if name.endswith(".bn3.weight"):
        return 0.2 + 0.2 * u
    return 0.8 + 0.4 * u
