"""Adapter folders (peft's files beside `adapter.json`), our merge W + s*BA, and the champion pointer.

Needs neither peft nor transformers, and imports no torch: tensors come from the caller.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import AdapterIncompatible

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "adapters"  # inside data_dir
CARD, WEIGHTS, CONFIG = "adapter.json", "adapter_model.safetensors", "adapter_config.json"
POINTER = "champion.json"
SCHEMA = 1
DIGEST_LENGTH = 12  # hex digits that name an adapter: folder, results, pointer
PEFT_PREFIX = "base_model.model."  # before every name in peft's file
Half = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """What `adapter.json` says; the folder explains itself."""

    digest: str  # first 12 hex digits of the SHA-256 of the weights file
    files: Mapping[str, str]  # name -> SHA-256 of weights and config
    engine: str  # name of the engine it is for
    base: str  # digest of the base weights it was trained on, as EngineInfo.weights
    release: int | None  # of the corrections it was trained on
    parent: str | None  # digest of the champion when it was trained
    created_at: str  # ISO 8601, UTC
    training: Mapping[str, JsonValue]  # settings, steps, losses, seconds, code version
    gate: Mapping[str, JsonValue] | None = None  # figures and sentence, once measured
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter read and checked."""

    card: AdapterCard
    scale: float  # alpha / rank
    pairs: Mapping[str, tuple[Half, Half]]  # module -> A (r, in[, kh, kw]), B (out, r[, 1, 1])


def read_card(folder: Path) -> AdapterCard:
    """What an adapter folder says of itself.

    Raises:
        AdapterIncompatible: it is no adapter folder, or of a later version.
    """
    said = _object(folder / CARD)
    known = {f.name for f in fields(AdapterCard)}
    try:
        card = AdapterCard(**{name: value for name, value in said.items() if name in known})  # type: ignore[arg-type]
    except TypeError as error:
        raise AdapterIncompatible(f"{CARD} of {folder.name} is incomplete; copy the folder again.") from error
    if card.schema > SCHEMA:
        raise AdapterIncompatible(f"{folder.name} was written by a later version; update this one.")
    return card


def read_adapter(folder: Path) -> Adapter:
    """An adapter, after its files were compared with their digests.

    Raises:
        AdapterIncompatible: a file is missing, changed, or not plain LoRA.
    """
    card = read_card(folder)
    data = {name: _checked(folder, name, card) for name in (WEIGHTS, CONFIG)}
    if not card.digest or not card.files[WEIGHTS].startswith(card.digest):
        raise AdapterIncompatible(f"{folder.name} bears another adapter's name; copy the folder again.")
    config = json.loads(data[CONFIG])
    try:
        scale = plain_scale(config)
    except ValueError as error:
        raise AdapterIncompatible(f"{folder.name} {error}; train it with `python -m finetune`.") from error
    return Adapter(card, scale, _pairs(folder, load(data[WEIGHTS])))


def plain_scale(config: Mapping[str, object]) -> float:
    """The s of W + s*BA, alpha / rank, where a peft configuration has one for all layers.

    Raises:
        ValueError: it has not; the message goes on after the name of the folder.
    """
    if config.get("use_rslora") or config.get("use_dora") or config.get("bias", "none") != "none":
        raise ValueError("is no plain LoRA")
    if config.get("rank_pattern") or config.get("alpha_pattern"):
        raise ValueError("mixes ranks")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or rank < 1:
        raise ValueError("gives no rank and alpha")
    return alpha / rank


def merged(state: Mapping[str, Tensor], adapter: Adapter) -> dict[str, Tensor]:
    """The base with the adapter in it: W + s*BA for each adapted layer, linear or convolution.

    Args:
        state: float32 weights of the base by name; not written to.
        adapter: for exactly this base.

    Raises:
        AdapterIncompatible: the base has no such layer, or one of another shape.
    """
    changed = dict(state)
    for module, (down, up) in adapter.pairs.items():
        name = f"{module}.weight"
        weight = state.get(name)
        change = up.reshape(up.shape[0], -1) @ down.reshape(down.shape[0], -1) * np.float32(adapter.scale)
        if weight is None or (weight.shape[0], weight[0].numel()) != change.shape:
            raise AdapterIncompatible(f"Adapter {adapter.card.digest} does not fit {module} of this base.")
        changed[name] = weight + weight.new_tensor(change).reshape(weight.shape)
    return changed


def fits(card: AdapterCard, engine: str, base: str) -> str | None:
    """Why an adapter cannot be used with this engine and base; None where it can."""
    if card.engine != engine:
        return f"Adapter {card.digest} is for the engine {card.engine}, not {engine}; name another."
    if card.base != base:
        return (
            f"Adapter {card.digest} was trained on base weights {card.base}, and these are {base}; "
            "train again with `python -m finetune run`."
        )
    return None


def write_card(folder: Path, card: AdapterCard) -> None:
    """Writes `adapter.json` whole or not at all, on the disk when this returns."""
    _replace(folder / CARD, json.dumps(asdict(card), indent=1, sort_keys=True).encode() + b"\n")


def read_champion(folder: Path) -> str | None:
    """Digest of the adapter in use; None: the base alone.

    Args:
        folder: `<data_dir>/adapters`.

    Raises:
        AdapterIncompatible: the pointer cannot be read.
    """
    if not (folder / POINTER).exists():
        return None
    adapter = _object(folder / POINTER).get("adapter")
    return None if adapter is None else str(adapter)


def move_champion(folder: Path, digest: str | None) -> None:
    """Names another champion: readers see the old or the new one, and a power cut changes nothing back.

    Raises:
        AdapterIncompatible: there is no readable adapter of this digest, and the pointer stays.
    """
    if digest is not None and read_adapter(folder / digest).card.digest != digest:
        raise AdapterIncompatible(f"The folder {digest} holds another adapter; the champion stays.")
    folder.mkdir(parents=True, exist_ok=True)
    said = {"schema": SCHEMA, "adapter": digest, "moved_at": datetime.now(UTC).isoformat()}
    _replace(folder / POINTER, json.dumps(said).encode() + b"\n")


def _pairs(folder: Path, stored: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, tuple[Half, Half]]:
    halves: dict[str, dict[str, Half]] = {}
    for name, values in stored.items():
        module, _, half = name.removeprefix(PEFT_PREFIX).removesuffix(".weight").rpartition(".")
        if half not in ("lora_A", "lora_B") or not np.isfinite(values.astype(np.float32)).all():
            raise AdapterIncompatible(f"{folder.name} holds {name}, which is no usable LoRA weight.")
        halves.setdefault(module, {})[half] = values.astype(np.float32)
    if not halves or any(len(pair) < 2 for pair in halves.values()):
        raise AdapterIncompatible(f"{folder.name} lacks weights; copy the folder again.")
    return {module: (pair["lora_A"], pair["lora_B"]) for module, pair in halves.items()}


def _checked(folder: Path, name: str, card: AdapterCard) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise AdapterIncompatible(
            f"{name} of {folder.name} cannot be read; copy the folder again."
        ) from error
    if hashlib.sha256(data).hexdigest() != card.files.get(name):
        raise AdapterIncompatible(f"{name} of {folder.name} was changed; copy the folder again.")
    return data


def _object(path: Path) -> dict[str, JsonValue]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterIncompatible(
            f"{path.name} of {path.parent.name} cannot be read; name an adapter folder, or roll back."
        ) from error
    if not isinstance(said, dict):
        raise AdapterIncompatible(f"{path.name} of {path.parent.name} is no object; copy it again.")
    return cast("dict[str, JsonValue]", said)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
