"""`weights plan`: which part in which type fits on a card, and the shortest time possible for each step.

Bytes are parameters times bytes per parameter; a floor is operations over peak rate, or bytes read over
bandwidth. The counts are of the full-size models: one picture, 730 positions of prefill, 950 of localization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fakeshield_core.checkpoints.cards import Card

Dtype = Literal["fp32", "fp16", "bf16", "int8", "nf4"]
Journey = Literal["verdict", "first word", "explanation of 300 tokens", "mask", "mask from upload"]
PARAMETERS = {  # of the full-size models; tested against `shapes`
    "DTG": 23_514_179,
    "CLIP": 303_507_456,
    "DTE-FDM": 13_047_331_840,  # language model and projector
    "MFLM": 6_777_282_816,  # language model, projector, head of the [SEG] states
    "SAM": 641_090_864,
}
STAGES = (("DTG", "CLIP", "DTE-FDM"), ("CLIP 2", "MFLM", "SAM"))  # explain, then localize
LINEAR = {"DTE-FDM": 12_687_769_600, "MFLM": 6_476_005_376}  # parameters that nf4 packs: the layers' matrices
TFLOP = {"CLIP": 0.38, "DTE-FDM": 18.7, "MFLM": 12.5, "SAM": 5.96}  # one picture
BYTES: Mapping[Dtype, float] = {  # nf4: 4 bits and a scale for every 64; int8: a scale for every row
    "fp32": 4,
    "fp16": 2,
    "bf16": 2,
    "int8": 1.001,
    "nf4": 0.53,
}
PACKED: tuple[Dtype, ...] = ("int8", "nf4")  # the matrices of the layers alone; the rest stays bf16
EMBEDDING = {"DTE-FDM": 163_840_000, "MFLM": 131_100_672}  # looked up, not read, while decoding
CONTEXT_TOKENS = 900  # prompt and half of an answer
KV_BYTES_PER_TOKEN = 819_200  # 40 layers, keys and values of 5120, two bytes
RESERVE_GB = 2.0  # caches, activations, the driver's own
VERDICT_PREFILL = 1.04  # the constant beginning of the answer, read for its two possible next tokens
EXPLANATION_TOKENS = 300
REGION_TOKENS = 72  # of the paragraph that says where, which the mask waits for
CHOICES: tuple[tuple[Dtype, Dtype], ...] = (("fp16", "bf16"), ("fp16", "nf4"), ("nf4", "nf4"))
SECOND_CLIP = "CLIP 2"  # the MFLM's own, in its own type


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many parameters there are to place."""

    parameters: Mapping[str, int]
    linear: Mapping[str, int]  # of these in matrices of the language models' layers


FULL = Amounts(PARAMETERS, LINEAR)


@dataclass(frozen=True, slots=True)
class Placed:
    """One part on the card."""

    part: str
    dtype: Dtype
    size_gb: float
    floor_ms: float | None  # one picture; None where the card's rates are unknown


@dataclass(frozen=True, slots=True)
class Placement:
    """What to load, and how fast it can be at best."""

    card: Card
    fits: bool
    resident: bool  # all parts at once; else one language model at a time
    parts: tuple[Placed, ...]
    needed_gb: float  # with the reserve
    decode_ms: float | None  # one token of the explanation
    journeys_ms: Mapping[Journey, float]  # empty where the card's rates are unknown
    advice: str


def place(
    card: Card, choices: tuple[tuple[Dtype, Dtype], ...] = CHOICES, amounts: Amounts = FULL
) -> Placement:
    """The first choice that fits whole; else the last, one language model at a time, or not at all.

    Args:
        card: where.
        choices: types of DTE-FDM and MFLM; as published, then smaller.
        amounts: of the weights; the times are always those of the full-size models.
    """
    for choice in choices:
        parts = _parts(card, *choice, amounts)
        needed = sum(part.size_gb for part in parts) + RESERVE_GB
        if needed <= card.memory_gb:
            return _placement(card, parts, needed, resident=True)
    alone = max(sum(part.size_gb for part in parts if part.part in stage) for stage in STAGES)
    return _placement(card, parts, alone + RESERVE_GB, resident=False)


def size_gb(part: str, dtype: Dtype, amounts: Amounts = FULL) -> float:
    """Memory of a part's weights in 10^9 bytes; nf4 and int8 pack the layers' matrices, the rest is bf16."""
    packed = amounts.linear.get(part, 0) if dtype in PACKED else 0
    rest: Dtype = "bf16" if dtype in PACKED else dtype
    return (packed * BYTES[dtype] + (amounts.parameters[part] - packed) * BYTES[rest]) / 1e9


def decode_ms(card: Card, dtype: Dtype) -> float | None:
    """Shortest time for one token of the explanation: weights (no embedding) and cache are read once."""
    if card.bandwidth_gbs is None:
        return None
    read_gb = size_gb("DTE-FDM", dtype) - EMBEDDING["DTE-FDM"] * BYTES["bf16"] / 1e9
    return (read_gb + CONTEXT_TOKENS * KV_BYTES_PER_TOKEN / 1e9) / card.bandwidth_gbs * 1e3


def _parts(card: Card, explainer: Dtype, localizer: Dtype, amounts: Amounts) -> tuple[Placed, ...]:
    side: Dtype = "fp32" if localizer == "fp32" else "bf16"
    types: dict[str, Dtype] = {
        "DTG": "fp32",
        "CLIP": "fp32",  # as the published code runs it
        "DTE-FDM": explainer,
        "MFLM": localizer,
        "SAM": side,
        SECOND_CLIP: side,
    }
    counted = {part: "CLIP" if part == SECOND_CLIP else part for part in types}
    return tuple(
        Placed(p, t, size_gb(counted[p], t, amounts), _compute_ms(card, TFLOP.get(counted[p], 0.008)))
        for p, t in types.items()
    )


def _compute_ms(card: Card, tflop: float) -> float | None:
    return None if card.tflops is None else tflop / card.tflops * 1e3


def _placement(card: Card, parts: tuple[Placed, ...], needed: float, resident: bool) -> Placement:
    types = {part.part: part.dtype for part in parts}
    fits = needed <= card.memory_gb
    token = decode_ms(card, types["DTE-FDM"])
    return Placement(
        card=card,
        fits=fits,
        resident=resident,
        parts=parts,
        needed_gb=needed,
        decode_ms=token,
        journeys_ms=_journeys(card, token) if fits and resident else {},
        advice=_advice(card, types, needed, fits, resident),
    )


def _journeys(card: Card, token_ms: float | None) -> dict[Journey, float]:
    if token_ms is None or card.tflops is None:
        return {}
    step = {part: tflop / card.tflops * 1e3 for part, tflop in TFLOP.items()}
    verdict = step["CLIP"] + VERDICT_PREFILL * step["DTE-FDM"]
    mask = step["CLIP"] + step["MFLM"]  # SAM encodes while the language model decodes
    return {
        "verdict": verdict,
        "first word": token_ms,
        "explanation of 300 tokens": EXPLANATION_TOKENS * token_ms,
        "mask": mask,
        "mask from upload": verdict + REGION_TOKENS * token_ms + mask,
    }


def _advice(card: Card, types: Mapping[str, Dtype], needed: float, fits: bool, resident: bool) -> str:
    if not fits:
        return (
            f"FakeShield-22B does not fit on {card.memory_gb:.0f} GB: even in nf4 and one part at a time "
            f"it needs {needed:.1f} GB; use a card of 24 GB or the compact engine."
        )
    if not resident:
        return (
            "Both language models do not fit at once: for the page, use a card of 24 GB (nf4) or 48 GB, "
            "or the compact engine."
        )
    if types["DTE-FDM"] == "nf4":
        return (
            "nf4 changes answers: compare with the golden set before you rely on it; 48 GB hold both in bf16."
        )
    if types["MFLM"] == "nf4":
        return (
            "nf4 changes masks: compare with the golden set before you rely on it; 48 GB hold both in bf16."
        )
    return "Everything stays loaded in the published precision."
