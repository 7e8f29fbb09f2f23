"""Which part goes where in which type: as an operator asks, or the best that the card holds."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch

from fakeshield_core.checkpoints import placement
from fakeshield_core.checkpoints.cards import Card
from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, read_clip
from fakeshield_core.checkpoints.placement import Amounts, Dtype
from fakeshield_core.checkpoints.tensors import read_folder
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import keys
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.quantise import PACKED, Quantised

Precision = Literal["auto", "fp32", "fp16", "bf16", "int8", "nf4"]
TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
AS_PUBLISHED: tuple[Dtype, Dtype] = ("fp16", "bf16")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load, and where to."""

    device: str  # "cuda" or "cpu"
    dte_fdm: Dtype
    mflm: Dtype

    def placing(self, part: Literal["dte_fdm", "mflm"]) -> Placing:
        """The place of a language model's weights."""
        dtype: Dtype = self.dte_fdm if part == "dte_fdm" else self.mflm
        if dtype not in placement.PACKED:
            return Placing(TYPES[dtype], self.device)
        packed: Quantised = "nf4" if dtype == "nf4" else "int8"
        half = TYPES[AS_PUBLISHED[part == "mflm"]]  # of everything that is not packed
        return Placing(half if self.device == "cuda" else torch.float32, self.device, packed)

    def __str__(self) -> str:
        """Such as "cuda (nf4)"."""
        types = self.dte_fdm if self.dte_fdm == self.mflm else f"{self.dte_fdm} and {self.mflm}"
        return f"{self.device} ({types})"


def plan(precision: Precision, amounts: Amounts, card: Card | None, machine_gb: float) -> Plan:
    """What fits, all of it resident.

    Args:
        precision: of the language models; auto: as published where the card holds it, else smaller.
        amounts: of the weights at hand.
        card: None: they go to the CPU, in float32 unless told otherwise.
        machine_gb: memory of the machine, 10^9 bytes.

    Raises:
        EngineUnavailable: they do not fit, or bitsandbytes is needed and missing.
    """
    chosen = choices(precision, on_card=card is not None)
    place = placement.place(card or Card("this machine", machine_gb, None, None), chosen, amounts)
    if not (place.fits and place.resident):
        raise EngineUnavailable(_too_small(place, card, precision))
    types = {part.part: part.dtype for part in place.parts}
    found = Plan("cpu" if card is None else "cuda", types["DTE-FDM"], types["MFLM"])
    if {found.dte_fdm, found.mflm} & set(placement.PACKED) and importlib.util.find_spec(
        "bitsandbytes"
    ) is None:
        raise EngineUnavailable(
            f"{found} needs bitsandbytes, which is not installed; run `make setup`, or use a larger card."
        )
    return found


def choices(precision: Precision, on_card: bool) -> tuple[tuple[Dtype, Dtype], ...]:
    """Types of DTE-FDM and MFLM to try, best first."""
    if precision == "fp16":
        return (AS_PUBLISHED,)  # SAM overflows in float16
    if precision != "auto":
        return ((precision, precision),)
    return placement.CHOICES if on_card else (("fp32", "fp32"),)


def amounts(files: FakeShieldFiles) -> Amounts:
    """How many parameters the weights on disk have; reads headers only.

    Raises:
        EngineUnavailable: they are missing or damaged.
    """
    counts, linear = {"DTG": placement.PARAMETERS["DTG"]}, dict[str, int]()
    counts["CLIP"] = sum(tensor.numel() for tensor in read_clip(files).values())
    for part, folder in (("DTE-FDM", files.dte_fdm), ("MFLM", files.mflm)):
        stored = read_folder(folder)
        shapes = {own: tuple(stored.meta(name).shape) for own, name in keys.renamed(stored).items()}
        sizes = {name: prod(shape) for name, shape in shapes.items() if not name.startswith("tower.")}
        counts[part] = sum(size for name, size in sizes.items() if not name.startswith("sam."))
        linear[part] = sum(size for name, size in sizes.items() if PACKED.fullmatch(name))
        if part == "MFLM":
            counts["SAM"] = sum(sizes.values()) - counts[part]
    return Amounts(counts, linear)


def machine_gb() -> float:
    """Memory of this machine, 10^9 bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _too_small(place: placement.Placement, card: Card | None, precision: Precision) -> str:
    needed = sum(part.size_gb for part in place.parts) + placement.RESERVE_GB
    types = "nf4" if precision == "auto" and card else "fp32" if precision == "auto" else precision
    here = (
        f"{place.card.name} has {place.card.memory_gb:.0f} GB"
        if card
        else "There is no card, and the machine"
    )
    if card is None:
        here += f" has {place.card.memory_gb:.0f} GB"
    return (
        f"{here}; FakeShield-22B needs {needed:.0f} GB in {types}: use a card of 24 GB (nf4) or 48 GB, "
        "or the compact engine."
    )
