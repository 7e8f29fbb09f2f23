"""Pictures, masks and results as files named by their SHA-256."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from fakeshield_core.errors import StoreUnavailable
from feedback.durable import TEMPORARY, files_in, translated, write_new

SHA256 = re.compile(r"[0-9a-f]{64}")


class BlobFolder:
    """`<folder>/<first two digits>/<digest>`; never changed, removed only when nobody refers to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keeps the bytes and gives their SHA-256; they are on the disk on return.

        Raises:
            StorageFull: the disk has no room.
            StoreUnavailable: the system refuses.
        """
        digest = digest_of(data)
        write_new(self.path(digest), data)
        return digest

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""
        return self.path(digest).is_file()

    def read(self, digest: str) -> bytes:
        """The bytes of that digest.

        Raises:
            StoreUnavailable: the blob is missing or its bytes have another digest.
        """
        path = self.path(digest)
        with translated(path):
            data = path.read_bytes()
        if digest_of(data) != digest:
            raise StoreUnavailable(f"The stored file {digest} is damaged; restore it from a backup.")
        return data

    def remove(self, digest: str) -> None:
        """Removes the blob where it is there."""
        with translated(self.path(digest)):
            self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """Digests of all blobs, sorted."""
        yield from (path.name for path in files_in(self.folder) if SHA256.fullmatch(path.name))

    def sizes(self) -> Iterator[int]:
        """Bytes of each blob; one that is removed meanwhile is passed over."""
        for digest in self.digests():
            try:
                size = self.path(digest).stat().st_size
            except FileNotFoundError:
                continue
            yield size

    def leftovers(self) -> Iterator[Path]:
        """Temporary files of writers that died, or are writing now."""
        yield from (path for path in files_in(self.folder) if path.suffix == TEMPORARY)

    def path(self, digest: str) -> Path:
        """Where the blob of that digest lies.

        Raises:
            StoreUnavailable: this is not a digest.
        """
        if not SHA256.fullmatch(digest):
            raise StoreUnavailable(f"{digest!r} is not a digest; run `python -m feedback verify`.")
        return self.folder / digest[:2] / digest


def digest_of(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
