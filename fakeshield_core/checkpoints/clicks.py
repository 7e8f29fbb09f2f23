"""The click network's weights on disk: fp16 safetensors and a card with digest, data and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from fakeshield_core.checkpoints.compact import (
    DIGEST_LENGTH,
    SHIPPED,
    fill,
    known_fields,
    read_checked,
    write_checked,
)
from fakeshield_core.domain import JsonValue
from fakeshield_core.networks.clicks import ClickConfig, ClickNetwork

WEIGHTS = "clicks.safetensors"
CARD = "clicks.json"


@dataclass(frozen=True, slots=True)
class ClickCheckpoint:
    """Weights ready to run."""

    network: ClickNetwork
    digest: str  # first 12 hex digits of the SHA-256 of the weights file
    card: Mapping[str, JsonValue]


def write_clicks(
    folder: Path, state: Mapping[str, Tensor], config: ClickConfig, about: Mapping[str, JsonValue]
) -> str:
    """Writes weights as fp16 and their card; gives the SHA-256 of the weights file.

    Args:
        about: what else the card says: training data, steps, date.
    """
    return write_checked(folder, (WEIGHTS, CARD), state, {**about, "network": asdict(config)})


def read_clicks(folder: Path = SHIPPED) -> ClickCheckpoint:
    """The network with its weights in fp32, in evaluation mode.

    Raises:
        EngineUnavailable: a file is missing, or the weights are not those the card was written for.
    """
    data, card, sha256 = read_checked(folder, (WEIGHTS, CARD), "click")
    network = ClickNetwork(known_fields(ClickConfig, card["network"]))
    fill(network, data, f"The click weights in {folder.name}")
    return ClickCheckpoint(network, sha256[:DIGEST_LENGTH], card)
