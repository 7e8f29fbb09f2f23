"""Graphics cards: memory and peaks, by name or from the card in this machine."""

from __future__ import annotations

from dataclasses import dataclass

from fakeshield_core.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class Card:
    """What bounds the speed of a card."""

    name: str
    memory_gb: float  # 10^9 bytes
    tflops: float | None  # bf16 or fp16, dense, 10^12 operations a second; None: unknown
    bandwidth_gbs: float | None  # 10^9 bytes a second; None: unknown
    source: str = "datasheet"


# A10G to H200: performance notes of this project (H200 as measured on a real card); the others: datasheets.
CARDS = (
    Card("T4", 16, 65, 320),
    Card("L4", 24, 121, 300),
    Card("A10G", 24, 70, 600),
    Card("RTX 3090", 24, 71, 936),
    Card("RTX 4090", 24, 165, 1008),
    Card("A100-40", 40, 312, 1555),
    Card("L40S", 48, 362, 864),
    Card("A100-80", 80, 312, 2039),
    Card("H100", 80, 989, 3350),
    Card("H200", 141, 780, 4300, "measured"),
)


def named(name: str) -> Card:
    """The card of that name, letter case and separators aside.

    Raises:
        EngineUnavailable: no such card is known.
    """
    for card in CARDS:
        if _plain(card.name) == _plain(name):
            return card
    raise EngineUnavailable(
        f"No card named {name!r} is known; choose one of {', '.join(c.name for c in CARDS)}, "
        "or give --memory-gb."
    )


def of_device(device_name: str, memory_bytes: int) -> Card:
    """The card as a driver names it ("NVIDIA A100-SXM4-80GB"), with the memory that it really has."""
    memory_gb = memory_bytes / 1e9
    words = _plain(device_name)
    fitting = [c for c in CARDS if _plain(c.name.partition("-")[0]) in words]
    fitting.sort(key=lambda c: (-len(c.name.partition("-")[0]), abs(c.memory_gb - memory_gb)))
    if not fitting:
        return Card(device_name, memory_gb, None, None, "unknown card")
    best = fitting[0]
    return Card(device_name, memory_gb, best.tflops, best.bandwidth_gbs, best.source)


def here() -> Card | None:
    """The first card of this machine; None where torch sees none."""
    import torch

    if not torch.cuda.is_available():
        return None
    facts = torch.cuda.get_device_properties(0)
    return of_device(facts.name, facts.total_memory)


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
