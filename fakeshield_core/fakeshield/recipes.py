"""The published training recipes, and which weights they touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from fakeshield_core.networks.llava import Llava

Part = Literal["dte_fdm", "mflm"]
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a run needs beside data and places; the values below are published."""

    part: Part
    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]  # last parts of the names of LLaMA's linear layers
    trained: tuple[str, ...]  # prefixes of weights trained whole, in our names
    learning_rate: float
    projector_rate: float | None  # of the projector alone; None: it is frozen
    betas: tuple[float, float]
    schedule: Literal["cosine", "linear"]
    warmup: float  # share of all steps below 1, number of steps from 1 on
    epochs: int
    batch: int  # samples at once
    accumulation: int  # batches to a step
    max_length: int  # tokens
    clip_norm: float = 1.0
    weight_decay: float = 0.0


DTE_FDM = Recipe(
    part="dte_fdm",
    rank=128,
    alpha=256,
    dropout=0.05,
    targets=PROJECTIONS,
    trained=("projector.",),
    learning_rate=2e-4,
    projector_rate=2e-5,
    betas=(0.9, 0.999),
    schedule="cosine",
    warmup=0.03,
    epochs=1,
    batch=6,
    accumulation=1,
    max_length=4096,
)
MFLM = Recipe(
    part="mflm",
    rank=8,
    alpha=16,
    dropout=0.05,
    targets=("q_proj", "v_proj"),
    trained=("language.lm_head.", "language.model.embed_tokens.", "sam.mask_decoder.", "seg_head."),
    learning_rate=3e-4,
    projector_rate=None,
    betas=(0.9, 0.95),
    schedule="linear",
    warmup=100,
    epochs=200,
    batch=6,
    accumulation=10,
    max_length=1536,
)
RECIPES: dict[Part, Recipe] = {"dte_fdm": DTE_FDM, "mflm": MFLM}


def target_modules(network: Llava, recipe: Recipe) -> list[str]:
    """Full names, in our network, of the linear layers that get an adapter; never in the tower or SAM."""
    return sorted(
        f"language.{name}"
        for name, module in network.language.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in recipe.targets
    )


def linear_names(network: Llava) -> list[str]:
    """Last parts of the names of all linear layers outside projector, tower and head, sorted."""
    found = (n for n, module in network.language.model.named_modules() if isinstance(module, nn.Linear))
    return sorted({name.rpartition(".")[2] for name in found})
