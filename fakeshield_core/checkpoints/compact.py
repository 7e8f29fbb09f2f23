"""The compact engine's weights on disk: fp16 safetensors and a card with digest, data and calibration."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from fakeshield_core.adapters import Adapter, fits, merged
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import AdapterIncompatible, EngineUnavailable
from fakeshield_core.networks.compact import CompactConfig, CompactNetwork

SHIPPED = Path(__file__).resolve().parents[1] / "pretrained" / "compact"
WEIGHTS = "weights.safetensors"
CARD = "card.json"
T = TypeVar("T")
DIGEST_LENGTH = 12  # hex digits shown to people and kept with results


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become a score and a verdict; fitted on groups that training never saw."""

    bias: float = 0.0  # of the score's logit
    label_weight: float = 1.0  # on the logit of the network's image-level head
    peak_weight: float = 0.0  # on the mean logit of the map's strongest places
    copies_weight: float = 0.0  # on log(1 + pairs of places that agree on one copied area)
    threshold: float = 0.5  # a score above is tampering
    band_below: float = 0.5  # how far the score's band reaches under it, on the logit scale
    band_above: float = 0.5  # and over it


@dataclass(frozen=True, slots=True)
class CompactCheckpoint:
    """Weights ready to run."""

    network: CompactNetwork
    calibration: Calibration
    digest: str  # first 12 hex digits of the SHA-256 of the weights file
    card: Mapping[str, JsonValue]
    adapter: str | None = None  # digest of the adapter merged into the network


def write_compact(
    folder: Path,
    state: Mapping[str, Tensor],
    config: CompactConfig,
    calibration: Calibration,
    about: dict[str, JsonValue],
) -> str:
    """Writes weights as fp16 and their card; gives the SHA-256 of the weights file.

    Args:
        about: what else the card says: training data, steps, date, measured rates.
    """
    return write_checked(
        folder,
        (WEIGHTS, CARD),
        state,
        {**about, "network": asdict(config), "calibration": asdict(calibration)},
    )


def write_checked(
    folder: Path, names: tuple[str, str], state: Mapping[str, Tensor], about: Mapping[str, JsonValue]
) -> str:
    """Weights as fp16 safetensors, and a card that names their digest; gives the SHA-256.

    Args:
        names: file names of the weights and of the card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: value.detach().to(torch.float16).contiguous() for name, value in state.items()})
    sha256 = hashlib.sha256(data).hexdigest()
    count = int(sum(v.numel() for v in state.values()))
    card = json.dumps({**about, "sha256": sha256, "parameters": count}, indent=1).encode() + b"\n"
    for name, content in zip(names, (data, card), strict=True):
        temporary = folder / (name + ".tmp")
        temporary.write_bytes(content)
        os.replace(temporary, folder / name)
    return sha256


def read_checked(folder: Path, names: tuple[str, str], kind: str) -> tuple[bytes, dict[str, Any], str]:
    """Bytes of the weights, the card, and the SHA-256 both agree on.

    Args:
        names: file names of the weights and of the card.
        kind: how an error calls the weights: "compact".

    Raises:
        EngineUnavailable: a file is missing, or the weights are not those the card was written for.
    """
    try:
        data, card = (folder / names[0]).read_bytes(), json.loads((folder / names[1]).read_text())
    except (OSError, ValueError) as error:
        raise EngineUnavailable(
            f"The {kind} weights in {folder.name} cannot be read; check out the repository again."
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != card.get("sha256"):
        raise EngineUnavailable(
            f"The {kind} weights in {folder.name} differ from their card; check out the repository again."
        )
    return data, card, sha256


def read_compact(folder: Path = SHIPPED) -> CompactCheckpoint:
    """The network with its weights in fp32, in evaluation mode.

    Raises:
        EngineUnavailable: a file is missing, or the weights are not those the card was written for.
    """
    data, card, sha256 = read_checked(folder, (WEIGHTS, CARD), "compact")
    network = CompactNetwork(known_fields(CompactConfig, card["network"]))
    fill(network, data, f"The compact weights in {folder.name}")
    return CompactCheckpoint(
        network, known_fields(Calibration, card["calibration"]), sha256[:DIGEST_LENGTH], card
    )


def adapted(checkpoint: CompactCheckpoint, adapter: Adapter) -> CompactCheckpoint:
    """The same weights with an adapter merged in; the checkpoint given is not changed.

    Raises:
        AdapterIncompatible: the adapter is for another engine or base.
    """
    wrong = fits(adapter.card, "compact", checkpoint.digest)
    if wrong is not None:
        raise AdapterIncompatible(wrong)
    network = CompactNetwork(checkpoint.network.config)
    network.load_state_dict(merged(checkpoint.network.state_dict(), adapter))
    network.eval().requires_grad_(False)
    return replace(checkpoint, network=network, adapter=adapter.card.digest)


def fill(network: nn.Module, data: bytes, what: str) -> None:
    """Weights of a safetensors file into the network, in fp32; evaluation mode, nothing to be trained.

    Args:
        data: the file.
        what: how an error calls it.

    Raises:
        EngineUnavailable: names or shapes are not those of the network.
    """
    try:
        network.load_state_dict({name: value.float() for name, value in load(data).items()})
    except RuntimeError as error:
        raise EngineUnavailable(f"{what} do not fit this version of the network.") from error
    network.eval().requires_grad_(False)


def known_fields(kind: type[T], values: Mapping[str, JsonValue]) -> T:
    """The dataclass from the values it knows; later versions may have written more."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in names})
