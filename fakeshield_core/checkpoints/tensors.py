"""Tensors of published folders by name: any of the four file forms, mapped, read only when asked for."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fakeshield_core.checkpoints.pickles import is_zipped, refuse_code
from fakeshield_core.errors import EngineUnavailable

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLES = ("model.safetensors", "pytorch_model.bin")
WRAPPERS = ("state_dict", "model")  # dictionaries that training scripts put round the weights


class TensorFile(Protocol):
    """One open file of tensors."""

    def names(self) -> frozenset[str]:
        """The names inside."""

    def get(self, name: str) -> Tensor:
        """The tensor of that name, in the type it is stored in."""

    def meta(self, name: str) -> Tensor:
        """The same without values, on the meta device: shape and type only."""


class LazyTensors(Mapping[str, Tensor]):
    """Names to tensors on the CPU, as stored; a tensor is read when it is asked for, its file opened once."""

    def __init__(self, where: Mapping[str, Path]) -> None:
        """Takes the file of each name."""
        self._where = dict(where)
        self._open: dict[Path, TensorFile] = {}

    def __getitem__(self, name: str) -> Tensor:
        return self._file_of(name).get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, name: object) -> bool:
        return name in self._where

    def meta(self, name: str) -> Tensor:
        """Shape and type of a tensor, on the meta device; its values are not read.

        Raises:
            EngineUnavailable: its file is damaged or lacks it.
        """
        return self._file_of(name).meta(name)

    def path_of(self, name: str) -> Path:
        """The file that holds a tensor."""
        return self._where[name]

    def _file_of(self, name: str) -> TensorFile:
        path = self._where[name]
        if path not in self._open:
            self._open[path] = open_file(path)
        if name not in self._open[path].names():
            raise EngineUnavailable(
                f"{path.name} lacks {name}, which the index promises; download that file again (weights get)."
            )
        return self._open[path]


def read_folder(folder: Path) -> LazyTensors:
    """All tensors of a folder: the shards its index names, or the single weights file.

    Raises:
        EngineUnavailable: there are no weights, or a file is missing, damaged or no file of plain tensors.
    """
    shards = shard_files(folder)
    missing = sorted({path.name for path in shards.values() if not path.is_file()})
    if missing:
        raise EngineUnavailable(
            f"{folder.name} lacks {', '.join(missing)}; run `python -m fakeshield_core weights get` again, "
            "it goes on where it stopped."
        )
    return LazyTensors(shards)


def read_file(path: Path) -> LazyTensors:
    """All tensors of one .safetensors, .bin or .pth file.

    A wrapper dictionary (`state_dict`, `model`) and a `module.` prefix on every name are taken away only
    by those who ask for them: see `fakeshield.read_dtg`.

    Raises:
        EngineUnavailable: the file is missing, damaged or no file of plain tensors.
    """
    opened = open_file(path)
    return _opened(path, opened)


def shard_files(folder: Path) -> dict[str, Path]:
    """The file of each tensor as the folder's index says; without an index, as its single file does.

    Files named by an index need not exist; a single file is opened to read its names.

    Raises:
        EngineUnavailable: the folder holds neither, or its index cannot be used.
    """
    for name in INDEXES:
        if (folder / name).is_file():
            return {key: folder / shard for key, shard in _weight_map(folder / name).items()}
    for name in SINGLES:
        if (folder / name).is_file():
            return dict.fromkeys(open_file(folder / name).names(), folder / name)
    raise EngineUnavailable(
        f"{folder.name} holds no weights ({' or '.join(SINGLES)}, whole or in shards with an index); "
        "run `python -m fakeshield_core weights get`."
    )


def open_file(path: Path) -> TensorFile:
    """Opens one file of tensors; no value is read yet.

    Raises:
        EngineUnavailable: it is missing, damaged or no file of plain tensors.
    """
    if not path.is_file():
        raise EngineUnavailable(f"{path.name} is missing; run `python -m fakeshield_core weights get` again.")
    return _SafeFile(path) if path.suffix == ".safetensors" else _PickledFile(path)


def _opened(path: Path, file: TensorFile) -> LazyTensors:
    tensors = LazyTensors(dict.fromkeys(file.names(), path))
    tensors._open[path] = file
    return tensors


def _weight_map(path: Path) -> dict[str, str]:
    """An index file's table, name -> file name inside the same folder."""
    try:
        table = json.loads(path.read_text())["weight_map"]
        names = {str(key): str(value) for key, value in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnavailable(
            f"{path.parent.name}/{path.name} cannot be read; download it again (weights get)."
        ) from error
    if any(Path(name).name != name for name in names.values()):
        raise EngineUnavailable(
            f"{path.parent.name}/{path.name} names files outside its folder; download it again (weights get)."
        )
    return names


def _damaged(path: Path, error: Exception) -> EngineUnavailable:
    refusal = EngineUnavailable(f"{path.name} is incomplete or damaged; download it again (weights get).")
    refusal.__cause__ = error
    return refusal


def _mapped(path: Path) -> Any:  # safe_open has no types for its methods
    return safe_open(path, "pt")


class _SafeFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._handle = _mapped(path)
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
        self._names: frozenset[str] = frozenset(self._handle.keys())

    def names(self) -> frozenset[str]:
        return self._names

    def get(self, name: str) -> Tensor:
        tensor: Tensor = self._handle.get_tensor(name)
        return tensor

    def meta(self, name: str) -> Tensor:
        part = self._handle.get_slice(name)
        return torch.empty(part.get_shape(), dtype=DTYPES[part.get_dtype()], device="meta")


class _PickledFile:
    def __init__(self, path: Path) -> None:
        refuse_code(path)
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipped(path))
        except (RuntimeError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
            raise _damaged(path, error) from error
        self._tensors = _plain(path, loaded)

    def names(self) -> frozenset[str]:
        return frozenset(self._tensors)

    def get(self, name: str) -> Tensor:
        return self._tensors[name]

    def meta(self, name: str) -> Tensor:
        return self._tensors[name].to("meta")


def _plain(path: Path, loaded: object) -> dict[str, Tensor]:
    """The dictionary of tensors in a file, out of its wrapper where it has one."""
    if isinstance(loaded, dict):
        for wrapper in WRAPPERS:
            if isinstance(loaded.get(wrapper), dict):
                return _plain(path, loaded[wrapper])
        if all(isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()):
            return dict(loaded)
    raise EngineUnavailable(f"{path.name} is no dictionary of tensors; download it again (weights get).")


DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
