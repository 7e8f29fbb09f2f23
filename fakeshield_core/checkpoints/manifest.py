"""The record beside downloaded or converted weights: where they are from, size and SHA-256 of each file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable

NAME = "weights_manifest.json"
TOY = "toy"  # kind of weights that were made for tests
SCHEMA = 1
BLOCK_BYTES = 1 << 22  # read at once while hashing: 4 MiB
RESERVE_BYTES = 1 << 28  # disk kept free beyond what is written: 256 MiB


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as it was when it was written."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of weights holds."""

    kind: str  # "downloaded", "converted", or "toy": made for tests
    origin: Mapping[str, str] = field(default_factory=dict)  # repository -> commit, or what was converted
    complete: bool = False  # False while files are still being added
    files: Mapping[str, FileRecord] = field(default_factory=dict)  # path relative to the folder, with /

    def with_file(self, name: str, record: FileRecord) -> Manifest:
        """The same with one file more."""
        return Manifest(self.kind, self.origin, self.complete, {**self.files, name: record})

    def finished(self) -> Manifest:
        """The same, complete."""
        return Manifest(self.kind, self.origin, True, self.files)


def read(folder: Path) -> Manifest | None:
    """The record of a folder; None where it has none.

    Raises:
        EngineUnavailable: it cannot be read.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text())
        files = {
            str(name): FileRecord(int(entry["bytes"]), str(entry["sha256"]))
            for name, entry in document["files"].items()
        }
        origin = {str(name): str(value) for name, value in document["origin"].items()}
        return Manifest(str(document["kind"]), origin, bool(document["complete"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnavailable(
            f"{folder.name}/{NAME} cannot be read; delete it and run the command that wrote it again."
        ) from error


def write(folder: Path, manifest: Manifest) -> None:
    """Writes the record, whole or not at all."""
    document: JsonValue = {
        "schema_version": SCHEMA,
        "kind": manifest.kind,
        "origin": dict(manifest.origin),
        "complete": manifest.complete,
        "files": {
            name: {"bytes": record.size_bytes, "sha256": record.sha256}
            for name, record in sorted(manifest.files.items())
        },
    }
    write_whole(folder / NAME, json.dumps(document, indent=1).encode() + b"\n")


def write_whole(path: Path, data: bytes) -> FileRecord:
    """Writes a small file under a temporary name, then renames it: it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    settle(temporary, path)
    return FileRecord(len(data), hashlib.sha256(data).hexdigest())


def settle(temporary: Path, path: Path) -> None:
    """Gives a finished file its name, and makes the name survive a power cut."""
    os.replace(temporary, path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def differences(folder: Path, manifest: Manifest, digests: bool) -> list[str]:
    """One sentence for each file that is not as recorded.

    Args:
        digests: also compare SHA-256, which reads every file; else sizes only.
    """
    found: list[str] = []
    for name, record in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing; run the weights command that wrote {NAME} again.")
        elif path.stat().st_size != record.size_bytes:
            found.append(
                f"{name} has {path.stat().st_size} bytes instead of {record.size_bytes}; "
                "delete it and run the command again."
            )
        elif digests and sha256_of(path) != record.sha256:
            found.append(f"{name} differs from its recorded SHA-256; delete it and run the command again.")
    return found


def require_space(folder: Path, needed_bytes: int) -> None:
    """Passes where the disk of a folder, which need not exist yet, takes that many bytes more.

    Raises:
        EngineUnavailable: it does not.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if needed_bytes + RESERVE_BYTES > free:
        raise EngineUnavailable(
            f"{needed_bytes / 1e9:.1f} GB are needed in {folder} and {free / 1e9:.1f} GB are free; "
            "free some space or name another folder with --dir or --out."
        )
