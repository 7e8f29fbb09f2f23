"""`weights convert`: every part once into safetensors, with a manifest, checked against its source.

Pickled files are read here for the last time. Values and types stay as they are; what no network of ours
takes (the region encoder, rotary tables) is left out.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from fakeshield_core.checkpoints import manifest
from fakeshield_core.checkpoints.fakeshield import CLIP_REPOSITORY, FakeShieldFiles
from fakeshield_core.checkpoints.manifest import FileRecord, Manifest
from fakeshield_core.checkpoints.safe_writer import as_bytes, write_safetensors
from fakeshield_core.checkpoints.shapes import is_ignored
from fakeshield_core.checkpoints.tensors import LazyTensors, read_file, read_folder
from fakeshield_core.checkpoints.verify import require_whole, verify
from fakeshield_core.errors import EngineUnavailable

log = logging.getLogger(__name__)
SHARD_BYTES = 5_000_000_000  # of tensors in one file; also what an interruption costs at most
INDEX = "model.safetensors.index.json"
LAYOUT = "fakeshield-v1-22b"
COPIED = ("*.json", "tokenizer.model", "*.txt")  # beside the weights: configs and tokenizers


@dataclass(frozen=True, slots=True)
class Shard:
    """One file to be written."""

    path: Path
    tensors: LazyTensors
    names: tuple[str, ...]


def convert(
    files: FakeShieldFiles, out: Path, allowed: tuple[str, ...] = (), shard_bytes: int = SHARD_BYTES
) -> Manifest:
    """Writes all parts below a folder in the published layout; finished files of an earlier try are kept.

    Args:
        out: a folder of its own; `locate(out)` finds the parts there afterwards.
        allowed: parts that may lack, by name ("DTG").
        shard_bytes: tensors in one file.

    Raises:
        EngineUnavailable: the source is not whole, the disk is too small, or what was written differs.
    """
    require_whole(report for report in verify(files) if report.name not in allowed)
    if out.resolve() in {p.resolve() for p in (files.root, files.root.parent)}:
        raise EngineUnavailable(f"{out} is the folder to be converted; name another one with --out.")
    shards = list(_shards(files, out, shard_bytes))
    record = _begun(files, out)
    waiting = [shard for shard in shards if _name(shard.path, out) not in record.files]
    manifest.require_space(out, sum(_bytes(shard) for shard in waiting))
    try:
        for shard in waiting:
            log.info("writing %s (%.2f GB)", _name(shard.path, out), _bytes(shard) / 1e9)
            record = record.with_file(
                _name(shard.path, out), write_safetensors(shard.path, shard.tensors, shard.names)
            )
            manifest.write(out, record)
        for name, small in _small_files(files, out, shards):
            record = record.with_file(name, small)
    except OSError as error:
        raise EngineUnavailable(f"{out} cannot be written ({error.strerror}); name another --out.") from error
    _require_equal(shards, out, record)
    manifest.write(out, record.finished())
    return record.finished()


def _begun(files: FakeShieldFiles, out: Path) -> Manifest:
    """The record of an earlier try at the same source whose files are still as written, else an empty one."""
    origin = {"source": str(files.root.resolve())}
    earlier = manifest.read(out)
    if earlier is None or earlier.kind != "converted" or dict(earlier.origin) != origin:
        return Manifest("converted", origin)
    good = {
        n: r for n, r in earlier.files.items() if not manifest.differences(out, _only(n, r), digests=True)
    }
    return Manifest("converted", origin, False, good)


def _only(name: str, record: FileRecord) -> Manifest:
    return Manifest("converted", files={name: record})


def _shards(files: FakeShieldFiles, out: Path, shard_bytes: int) -> Iterator[Shard]:
    """The files to write: DTE-FDM, MFLM, CLIP (unless it is the copy in DTE-FDM), DTG, SAM if it is there."""
    root = out / LAYOUT
    folders = [(files.dte_fdm, root / "DTE-FDM"), (files.mflm, root / "MFLM")]
    if files.clip_source != "dte_fdm":
        folders.append((files.clip, out / CLIP_REPOSITORY))
    for source, target in folders:
        tensors = read_folder(source)
        groups = _groups(tensors, shard_bytes)
        for number, names in enumerate(groups, start=1):
            name = f"model-{number:05d}-of-{len(groups):05d}.safetensors"
            yield Shard(target / name, tensors, names)
    for file in (files.dtg, files.sam):
        if file is not None:
            tensors = read_file(file)
            yield Shard((root / file.name).with_suffix(".safetensors"), tensors, tuple(tensors))


def _groups(tensors: LazyTensors, shard_bytes: int) -> list[tuple[str, ...]]:
    """Names in the order of the source's index, cut where a file would grow over the limit."""
    groups: list[list[str]] = [[]]
    filled = 0
    for name in tensors:
        if is_ignored(name):
            continue
        size = tensors.meta(name).nbytes
        if groups[-1] and filled + size > shard_bytes:
            groups.append([])
            filled = 0
        groups[-1].append(name)
        filled += size
    return [tuple(group) for group in groups]


def _small_files(files: FakeShieldFiles, out: Path, shards: list[Shard]) -> Iterator[tuple[str, FileRecord]]:
    """Writes indexes, configs and tokenizers."""
    indexed: dict[Path, dict[str, str]] = {}
    for shard in shards:
        if "-of-" in shard.path.name:
            indexed.setdefault(shard.path.parent, {}).update(dict.fromkeys(shard.names, shard.path.name))
    for folder, weight_map in indexed.items():
        total = sum(_bytes(shard) for shard in shards if shard.path.parent == folder)
        document = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        path = folder / INDEX
        yield _name(path, out), manifest.write_whole(path, json.dumps(document, indent=1).encode())
    sources = [(files.dte_fdm, out / LAYOUT / "DTE-FDM"), (files.mflm, out / LAYOUT / "MFLM")]
    if files.clip_source != "dte_fdm":
        sources.append((files.clip, out / CLIP_REPOSITORY))
    for source, target in sources:
        for path in sorted(p for pattern in COPIED for p in source.glob(pattern)):
            if not path.name.endswith(".index.json") and path.name != manifest.NAME:
                yield (
                    _name(target / path.name, out),
                    manifest.write_whole(target / path.name, path.read_bytes()),
                )
    if files.sam_config is not None:
        shutil.copyfile(files.sam_config, out / files.sam_config.name)


def _require_equal(shards: list[Shard], out: Path, record: Manifest) -> None:
    """Reads everything back: digests as recorded, every tensor bit for bit as in the source."""
    log.info("comparing what was written with the source")
    problems = manifest.differences(out, record, digests=True)
    for shard in shards:
        written = read_file(shard.path)
        problems += [
            f"{shard.path.name} differs from the source in {name}; delete it and convert again."
            for name in shard.names
            if written.meta(name).dtype != shard.tensors.meta(name).dtype
            or written.meta(name).shape != shard.tensors.meta(name).shape
            or not torch.equal(as_bytes(written[name]), as_bytes(shard.tensors[name]))
        ]
    if problems:
        raise EngineUnavailable(problems[0])


def _bytes(shard: Shard) -> int:
    return sum(shard.tensors.meta(name).nbytes for name in shard.names)


def _name(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()
