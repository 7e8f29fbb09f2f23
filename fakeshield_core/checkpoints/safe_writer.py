"""Writes a safetensors file tensor by tensor: memory stays at one tensor, and the digest comes with it.

The library's own `save_file` wants all tensors of a file at once; a published shard has up to 10 GB.
Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from fakeshield_core.checkpoints.manifest import FileRecord, settle
from fakeshield_core.checkpoints.tensors import DTYPES, LazyTensors

ALIGNMENT = 8  # bytes the header is padded to
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_safetensors(path: Path, tensors: LazyTensors, names: Sequence[str]) -> FileRecord:
    """Writes those tensors as they are stored; the file is there whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    ordered = sorted(names, key=lambda name: (-tensors.meta(name).element_size(), name))  # keeps all aligned
    header = _header({name: tensors.meta(name) for name in ordered})
    digest = hashlib.sha256()
    temporary = path.with_name(path.name + ".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("wb") as file:
        for block in (len(header).to_bytes(8, "little"), header):
            file.write(block)
            digest.update(block)
        for name in ordered:
            data = memoryview(as_bytes(tensors[name]).numpy())  # type: ignore[arg-type]  # arrays are buffers
            file.write(data)
            digest.update(data)
        file.flush()
        os.fsync(file.fileno())
        written = file.tell()
    settle(temporary, path)
    return FileRecord(written, digest.hexdigest())


def as_bytes(tensor: Tensor) -> Tensor:
    """(N,) uint8: the values as stored, row-major; not copied where the tensor is contiguous."""
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _header(metas: Mapping[str, Tensor]) -> bytes:
    """The JSON header, padded with spaces."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, meta in metas.items():
        end = offset + meta.nbytes
        entries[name] = {
            "dtype": NAMES[meta.dtype],
            "shape": list(meta.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % ALIGNMENT)
