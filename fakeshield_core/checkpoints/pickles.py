"""Pickled weights (.bin, .pth): what a file would call is read, never run, before torch opens it.

`torch.load(weights_only=True)` has been broken twice (CVE-2025-32434, CVE-2026-24747), so a file that names
anything beyond plain tensors is refused here, whatever the version of torch.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fakeshield_core.errors import EngineUnavailable

PLAIN = frozenset(
    {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"}
)
LEGACY_PICKLES = 5  # magic number, protocol, system facts, the object, the keys of its storages


def is_zipped(path: Path) -> bool:
    """Whether the file has the archive form that torch writes since 1.6, the only one it can map."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def refuse_code(path: Path) -> None:
    """Passes where unpickling the file makes tensors and nothing else.

    Raises:
        EngineUnavailable: the file names other code, or is no pickle; nothing of it has been run.
    """
    try:
        strange = sorted(set(_names(path)) - PLAIN)
    except (zipfile.BadZipFile, EOFError, ValueError, IndexError, KeyError) as error:
        raise EngineUnavailable(
            f"{path.name} is incomplete or damaged; download it again (weights get)."
        ) from error
    foreign = [name for name in strange if not _is_storage(name)]
    if foreign:
        raise EngineUnavailable(
            f"{path.name} holds code ({foreign[0]}) where only tensors belong and was not opened; "
            "delete it and download the published file again."
        )


def _is_storage(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return module in {"torch", "torch.storage"} and last.endswith("Storage")


def _names(path: Path) -> Iterator[str]:
    if is_zipped(path):
        with zipfile.ZipFile(path) as archive:
            # entries, not names: of two with one name torch may open the other
            pickled = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
            if not pickled:
                raise KeyError("data.pkl")
            for entry in pickled:
                with archive.open(entry) as file:
                    yield from _globals(file)
        return
    with path.open("rb") as file:
        for _ in range(LEGACY_PICKLES):
            yield from _globals(file)


def _globals(file: IO[bytes]) -> Iterator[str]:
    """`module.name` of each global one pickle asks for, up to its end.

    torch writes protocol 2, which names a global in the opcode itself. Names taken from the stack or from the
    extension registry could be hidden from a reader like this one, so they are given as they stand: strange.
    """
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in {"GLOBAL", "INST"}:
            yield str(argument).replace(" ", ".", 1)
        elif opcode.name == "STACK_GLOBAL" or opcode.name.startswith("EXT"):
            yield f"the opcode {opcode.name}"
