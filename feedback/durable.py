"""Files that are on the disk when the call returns: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from fakeshield_core.errors import StorageFull, StoreUnavailable

TEMPORARY = ".tmp"
STALE_S = 3600.0  # a temporary file or orphan blob older than this belongs to a process that died
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FULL = (
    "The disk has no room for this; free some space and save again. Everything saved before is still there."
)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what the system refuses into StorageFull or StoreUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageFull(FULL) from error
        raise StoreUnavailable(
            f"{path.name} cannot be written or read ({error.strerror}); "
            "check the data folder, then save again."
        ) from error


def ensure_folder(path: Path) -> None:
    """Makes the folder and its parents, each entry fsynced in the folder that holds it."""
    if path.is_dir():
        return
    ensure_folder(path.parent)
    with translated(path):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> bool:
    """Writes a file that must not be there yet; False, and nothing changed, where it is.

    Either way the file and its name are on the disk on return. Two writers of one name: exactly one wins.

    Raises:
        StorageFull: the disk has no room.
        StoreUnavailable: the system refuses.
    """
    if path.exists():
        with translated(path):
            sync_folder(path.parent)  # who wrote it may not have come to this yet
        return False
    temporary = _written(path, data)
    with translated(path), _removed(temporary):
        try:
            os.link(temporary, path)  # like a rename, but refuses to replace what is there
        except FileExistsError:
            return False
        finally:
            sync_folder(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Writes a file over an older one; a reader sees the whole old or the whole new content.

    Raises:
        StorageFull: the disk has no room.
        StoreUnavailable: the system refuses.
    """
    temporary = _written(path, data)
    with translated(path), _removed(temporary):
        os.replace(temporary, path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes names made in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Makes the content of a file someone else wrote survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_stale(path: Path) -> bool:
    """True for a file untouched for an hour."""
    try:
        return time.time() - path.stat().st_mtime > STALE_S
    except FileNotFoundError:
        return False


def files_in(folder: Path) -> Iterator[Path]:
    """Every file two levels down, `folder/<2 characters>/<name>`, temporary ones too, sorted."""
    if not folder.is_dir():
        return
    for part in sorted(folder.iterdir()):
        if part.is_dir():
            yield from sorted(part.iterdir())


def _written(path: Path, data: bytes) -> Path:
    """A synced temporary file in the folder of `path`."""
    ensure_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY}")
    try:
        with translated(path), temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


@contextlib.contextmanager
def _removed(temporary: Path) -> Iterator[None]:
    try:
        yield
    finally:
        temporary.unlink(missing_ok=True)
