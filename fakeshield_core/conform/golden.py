"""A golden folder: documents, tensors and pictures, each value under a path of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from fakeshield_core.domain import JsonValue, RgbImage
from fakeshield_core.errors import InputError
from fakeshield_core.fakeshield.pixels import read_rgb

Array: TypeAlias = "npt.NDArray[np.generic]"
Value: TypeAlias = "JsonValue | Array"


@dataclass(frozen=True, slots=True)
class Golden:
    """Everything below `expected/` and `full_size_keys/`, read at once."""

    folder: Path
    values: Mapping[str, Value]  # "dte_fdm/runs/a.png/input_ids" -> a list without dictionaries, or a scalar
    documents: Mapping[str, Mapping[str, JsonValue]]  # "dte_fdm" -> the whole document

    def section(self, document: str, name: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """A dictionary of dictionaries inside a document, such as the runs; empty where it is missing."""
        found = self.documents.get(document, {}).get(name)
        return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}

    def records(self, document: str, section: str, name: str) -> list[Mapping[str, JsonValue]]:
        """A list of dictionaries inside a section, such as the training samples."""
        part = self.documents.get(document, {}).get(section)
        found = part.get(name) if isinstance(part, dict) else part
        return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []

    def tensors(self, document: str) -> Mapping[str, Array]:
        """The tensors beside a document, by their own names."""
        prefix = f"{document}:"
        return {
            n.removeprefix(prefix): v
            for n, v in self.values.items()
            if n.startswith(prefix) and isinstance(v, np.ndarray)
        }

    def picture(self, name: str, upright: bool = False) -> RgbImage:
        """(H, W, 3) of a file in `images/`.

        Args:
            name: of the file.
            upright: True turns by the EXIF orientation, as the published MFLM does; the other parts do not.
        """
        return read_rgb(self.folder / "images" / name, upright)


def read_golden(folder: Path) -> Golden:
    """Reads the folder.

    Raises:
        InputError: there is no `expected/`, or a file in it is damaged.
    """
    root = folder / "expected"
    if not root.is_dir():
        raise InputError(f"{folder} is no golden folder: it has no expected/; name the folder that holds it.")
    documents: dict[str, Mapping[str, JsonValue]] = {}
    values: dict[str, Value] = {}
    for path in sorted(root.rglob("*.json")):
        name = path.relative_to(root).with_suffix("").as_posix()
        documents[_short(name)] = document = _json(path)
        values |= {f"{_short(name)}/{where}": value for where, value in _leaves(dict(document))}
    for path in sorted((folder / "full_size_keys").glob("*.json")):
        name = f"full_size_keys/{path.stem}"
        documents[name] = document = _json(path)
        values |= {f"{name}/{where}": value for where, value in _leaves(dict(document))}
    for path in sorted(root.rglob("*.safetensors")):
        name = _short(path.relative_to(root).with_suffix("").as_posix())
        values |= {f"{name}:{key}": value for key, value in _tensors(path).items()}
    for path in sorted(root.rglob("*.png")):
        values[f"file:{path.relative_to(root).as_posix()}"] = path.name
    return Golden(folder, values, documents)


def _short(name: str) -> str:
    """`dte_fdm/dte_fdm` -> `dte_fdm`."""
    first, _, last = name.rpartition("/")
    return first if first == last else name


def _json(path: Path) -> Mapping[str, JsonValue]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path.name} of the golden folder cannot be read; copy the folder again."
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{path.name} of the golden folder is no object; copy the folder again.")
    return document


def _tensors(path: Path) -> Mapping[str, Array]:
    try:
        found: Mapping[str, Array] = load_file(path)
        return found
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path.name} of the golden folder cannot be read; copy the folder again."
        ) from error


def _leaves(value: JsonValue, where: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Scalars, and lists that hold no dictionaries, with their path."""
    if isinstance(value, dict) and value:
        inside = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        inside = [(str(number), item) for number, item in enumerate(value)]
    else:
        yield where, value
        return
    for name, item in inside:
        yield from _leaves(item, f"{where}/{name}" if where else name)
