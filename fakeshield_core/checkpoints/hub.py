"""The Hugging Face hub: what a repository holds at one commit; its files, resumed where a download stopped.

`hf_hub_download` of huggingface-hub 2.4 begins a file anew in every process (its temporary names are unique),
and a shard here has up to 10 GB; so a part of ours is kept beside the target and handed to the same transfer.
"""

from __future__ import annotations

import fnmatch
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from fakeshield_core.checkpoints.manifest import FileRecord, settle, sha256_of
from fakeshield_core.errors import EngineUnavailable

log = logging.getLogger(__name__)
# Root of the errors of the HTTP client that the hub library uses, whichever it is in this version.
TRANSPORT_ERROR = cast(type[Exception], HfHubHTTPError.__mro__[1])
BY_HAND = "or copy the files by hand and set FAKESHIELD_WEIGHTS_DIR"


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository."""

    name: str  # path inside the repository, with /
    size_bytes: int
    sha256: str | None  # known for large files only


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    repository: str
    commit: str
    licence: str | None  # as its model card states it
    files: tuple[HubFile, ...]


def list_files(
    repository: str, revision: str, wanted: tuple[str, ...], endpoint: str | None = None
) -> Listing:
    """The wanted files of a repository and the commit that the revision means today.

    Args:
        revision: commit, tag or branch.
        wanted: patterns; a file is taken where one matches its whole path.

    Raises:
        EngineUnavailable: the hub cannot be reached, or does not give this repository or revision.
    """
    with _translated(repository, revision):
        info = HfApi(endpoint=endpoint).model_info(repository, revision=revision, files_metadata=True)
    files = tuple(
        HubFile(entry.rfilename, entry.size or 0, entry.lfs.sha256 if entry.lfs else None)
        for entry in info.siblings or ()
        if any(fnmatch.fnmatchcase(entry.rfilename, pattern) for pattern in wanted)
        and ".." not in PurePosixPath(entry.rfilename).parts
    )
    if not files or info.sha is None:
        raise EngineUnavailable(
            f"{repository} holds none of the expected files at {revision}; name another --revision."
        )
    licence = info.card_data.get("license") if info.card_data else None
    return Listing(repository, info.sha, str(licence) if licence else None, files)


def part_of(target: Path, commit: str) -> Path:
    """Where an unfinished download waits; another commit never continues it."""
    return target.with_name(f"{target.name}.{commit[:12]}.part")


def fetch(listing: Listing, file: HubFile, target: Path, endpoint: str | None = None) -> FileRecord:
    """Downloads one file, going on where an earlier try stopped; the target appears whole and checked.

    Raises:
        EngineUnavailable: the download stopped, or what arrived is not what the hub announced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target, listing.commit)
    part.touch()
    have = part.stat().st_size
    if have > file.size_bytes:
        have = 0
    if have:
        log.info("%s: going on at %.2f of %.2f GB", file.name, have / 1e9, file.size_bytes / 1e9)
    url = hf_hub_url(listing.repository, file.name, revision=listing.commit, endpoint=endpoint)
    with _translated(listing.repository, listing.commit, file.name), part.open("r+b") as stream:
        stream.truncate(have)
        stream.seek(have)
        http_get(url, stream, resume_size=have, headers=build_hf_headers(), expected_size=file.size_bytes)
        stream.flush()
        os.fsync(stream.fileno())
    digest = sha256_of(part)
    if file.sha256 not in (None, digest):
        part.unlink()
        raise EngineUnavailable(f"{file.name} arrived damaged and was deleted; run the same command again.")
    settle(part, target)
    return FileRecord(file.size_bytes, digest)


@contextmanager
def _translated(repository: str, revision: str, file: str | None = None) -> Iterator[None]:
    """The hub library's errors, each as one sentence."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise EngineUnavailable(f"HF_HUB_OFFLINE is set; unset it to download, {BY_HAND}.") from error
    except GatedRepoError as error:
        raise EngineUnavailable(
            f"{repository} asks you to log in and accept its terms; do so on its page, then `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise EngineUnavailable(
            f"{repository} has no revision {revision}; name another --revision."
        ) from error
    except RepositoryNotFoundError as error:
        raise EngineUnavailable(
            f"The hub gives no {repository}; check the name, or log in with `hf auth login`."
        ) from error
    except (TRANSPORT_ERROR, OSError) as error:
        what = "The hub cannot be reached" if file is None else f"The download of {file} stopped"
        hint = (
            f"check the network, {BY_HAND}"
            if file is None
            else "run the same command again, it goes on there"
        )
        raise EngineUnavailable(f"{what} ({type(error).__name__}); {hint}.") from error
