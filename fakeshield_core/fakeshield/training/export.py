"""Base and adapter to a merged folder: files, names and types of the base, trained weights changed."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from fakeshield_core.checkpoints.tensors import INDEXES, LazyTensors, read_folder
from fakeshield_core.errors import InputError
from fakeshield_core.fakeshield.adapters import Adapter

WEIGHTS = (".safetensors", ".bin")
Stored = Literal["base", "float32"]


def export(base: Path, adapter: Adapter, out: Path, stored: Stored = "base") -> None:
    """Writes the merged part, shard by shard: no more than one shard is in memory.

    Tensors that FakeShield does not use (region encoder, rotary tables, the tower's copy) are copied, so that
    the published code reads the folder as it read the base.

    Args:
        base: `DTE-FDM/` or `MFLM/` as published.
        adapter: trained on this base.
        out: new folder.
        stored: `base`: the type each tensor has there; `float32`: merged weights without rounding.

    Raises:
        InputError: `out` exists, or the adapter changes what the base lacks.
        EngineUnavailable: the base is incomplete or damaged.
    """
    if out.exists():
        raise InputError(f"{out} exists; name a new folder for the merged weights.")
    tensors = read_folder(base)
    changed = {f"{module}.weight" for module in adapter.pairs} | set(adapter.whole)
    strange = sorted(changed - set(tensors))
    if strange:
        raise InputError(f"The adapter changes {strange[0]}, which {base.name} lacks; name its own base.")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _copy_others(base, partial)
    total = sum(
        _write(file, names, tensors, adapter, partial, stored) for file, names in _files(tensors).items()
    )
    _set_total(partial, total)
    partial.rename(out)


def _files(tensors: LazyTensors) -> dict[Path, list[str]]:
    table: dict[Path, list[str]] = defaultdict(list)
    for name in tensors:
        table[tensors.path_of(name)].append(name)
    return table


def _write(
    file: Path, names: list[str], tensors: LazyTensors, adapter: Adapter, out: Path, stored: Stored
) -> int:
    """Writes one shard; its size in bytes."""
    shard: dict[str, Tensor] = {}
    for name in names:
        before = tensors[name]
        after = adapter.merged(name, before)
        if after is not before:
            after = after.to(before.dtype if stored == "base" else torch.float32)
        shard[name] = after.clone().contiguous()
    if file.suffix == ".safetensors":
        save_file(shard, out / file.name, metadata={"format": "pt"})
    else:
        torch.save(shard, out / file.name)
    return sum(tensor.nbytes for tensor in shard.values())


def _copy_others(base: Path, out: Path) -> None:
    for path in base.iterdir():
        if path.is_file() and path.suffix not in WEIGHTS:
            shutil.copy2(path, out / path.name)


def _set_total(out: Path, total: int) -> None:
    """The size in the index, which changes with the types."""
    for name in INDEXES:
        path = out / name
        if path.is_file():
            index = json.loads(path.read_text(encoding="utf-8"))
            index["metadata"] = {**index.get("metadata", {}), "total_size": total}
            path.chmod(0o644)
            path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
