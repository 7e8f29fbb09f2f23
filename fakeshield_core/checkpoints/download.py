"""`weights get`: terms, disk space, then every file of the published parts at one recorded commit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fakeshield_core.checkpoints import manifest
from fakeshield_core.checkpoints.fakeshield import CLIP_REPOSITORY, CLIP_REVISION, REPOSITORY, REVISION
from fakeshield_core.checkpoints.hub import HubFile, Listing, fetch, list_files, part_of
from fakeshield_core.checkpoints.manifest import Manifest, sha256_of
from fakeshield_core.errors import EngineUnavailable

log = logging.getLogger(__name__)
COMMIT_DIGITS = 40
CLIP_WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that is there is enough
TERMS = """\
These files come from other people, under their own terms:
  FakeShield code: Apache-2.0. Its weights: as the page of {repository} says{licence}.
  They are trained from LLaMA 2 and Vicuna, whose weights carry Meta's LLaMA 2 Community License;
  SAM ViT-H: Apache-2.0; CLIP ViT-L/14-336: MIT.
Read them at https://huggingface.co/{repository} and https://ai.meta.com/llama/license before you go on."""


@dataclass(frozen=True, slots=True)
class Source:
    """A repository, and where its files go below the weights folder."""

    repository: str
    revision: str
    below: str
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to be there in the end, at fixed commits."""

    folder: Path
    listings: tuple[tuple[Source, Listing], ...]
    warnings: tuple[str, ...]

    @property
    def files(self) -> Iterator[tuple[Listing, HubFile, Path]]:
        """Each file with its listing and its place on disk."""
        for source, listing in self.listings:
            for file in listing.files:
                yield listing, file, self.folder / source.below / PurePosixPath(file.name)

    @property
    def total_bytes(self) -> int:
        """Of all files, those already there too."""
        return sum(file.size_bytes for _, file, _ in self.files)

    @property
    def lacking_bytes(self) -> int:
        """Still to be downloaded."""
        return sum(file.size_bytes - _there(path, at.commit, file) for at, file, path in self.files)

    @property
    def terms(self) -> str:
        """What a person must accept first."""
        licence = self.listings[0][1].licence
        return TERMS.format(repository=REPOSITORY, licence=f" ({licence})" if licence else "")


def sources(revision: str | None, clip_revision: str | None = None) -> tuple[Source, ...]:
    """The published parts and CLIP, at the revisions given, else at the pinned ones."""
    parts = ("DTE-FDM/*", "MFLM/*", "DTG.pth")
    clip = ("config.json", "preprocessor_config.json", *CLIP_WEIGHTS)
    return (
        Source(REPOSITORY, revision or REVISION, REPOSITORY.rpartition("/")[2], parts),
        Source(CLIP_REPOSITORY, clip_revision or CLIP_REVISION, CLIP_REPOSITORY, clip),
    )


def plan(folder: Path, wanted: tuple[Source, ...], endpoint: str | None = None) -> Plan:
    """Asks the hub what is to be downloaded; a branch asked for again keeps the commit recorded before.

    Raises:
        EngineUnavailable: the hub cannot be reached, or does not give a repository or revision.
    """
    recorded = manifest.read(folder)
    warnings: list[str] = []
    listings: list[tuple[Source, Listing]] = []
    for source in wanted:
        revision = source.revision
        if not _is_commit(revision) and recorded is not None and not recorded.complete:
            revision = recorded.origin.get(source.repository, revision)
        listing = list_files(source.repository, revision, source.wanted, endpoint)
        listings.append((source, _one_clip_file(listing)))
        if not _is_commit(revision):
            warnings.append(
                f"{source.repository} is not pinned: {revision} means commit {listing.commit} today; "
                "name that commit to get the same files elsewhere."
            )
    return Plan(folder, tuple(listings), tuple(warnings))


def download(plan: Plan, endpoint: str | None = None) -> Manifest:
    """Downloads what is lacking and records every file with its SHA-256; a second call finds all there.

    Raises:
        EngineUnavailable: the disk is too small, a download stopped, or a file arrived damaged.
    """
    manifest.require_space(plan.folder, plan.lacking_bytes)
    try:
        return _download(plan, endpoint)
    except OSError as error:
        raise EngineUnavailable(
            f"{plan.folder} cannot be written ({error.strerror}); name another --dir."
        ) from error


def _download(plan: Plan, endpoint: str | None) -> Manifest:
    plan.folder.mkdir(parents=True, exist_ok=True)
    origin = {listing.repository: listing.commit for _, listing in plan.listings}
    earlier = manifest.read(plan.folder)
    known = earlier.files if earlier is not None and dict(earlier.origin) == origin else {}
    record = Manifest("downloaded", origin, False, known)
    manifest.write(plan.folder, record)
    done = 0
    for listing, file, path in plan.files:
        name = path.relative_to(plan.folder).as_posix()
        if name not in record.files or not _is_whole(path, file):
            fresh = _kept(path, file) or fetch(listing, file, path, endpoint)
            record = record.with_file(name, fresh)
            manifest.write(plan.folder, record)
        done += file.size_bytes
        log.info("%s: there (%.2f of %.2f GB)", file.name, done / 1e9, plan.total_bytes / 1e9)
    manifest.write(plan.folder, record.finished())
    return record.finished()


def _is_commit(revision: str) -> bool:
    return len(revision) == COMMIT_DIGITS and set(revision) <= set("0123456789abcdef")


def _one_clip_file(listing: Listing) -> Listing:
    """The same without the second form of CLIP's weights."""
    names = [file.name for file in listing.files]
    spare = [name for name in CLIP_WEIGHTS if name in names][1:]
    files = tuple(file for file in listing.files if file.name not in spare)
    return Listing(listing.repository, listing.commit, listing.licence, files)


def _kept(path: Path, file: HubFile) -> manifest.FileRecord | None:
    """The record of a file that is there already, where its digest is the one that the hub states."""
    if file.sha256 is None or not _is_whole(path, file) or sha256_of(path) != file.sha256:
        return None
    return manifest.FileRecord(file.size_bytes, file.sha256)


def _is_whole(path: Path, file: HubFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes


def _there(path: Path, commit: str, file: HubFile) -> int:
    """Bytes of a file that need not be downloaded."""
    if _is_whole(path, file):
        return file.size_bytes
    part = part_of(path, commit)
    return min(part.stat().st_size, file.size_bytes) if part.is_file() else 0
