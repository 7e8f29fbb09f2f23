"""Whether files were on the disk before they got their final names: `kill -9` cannot show a missing fsync."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def renames() -> Iterator[dict[str, bool]]:
    """By final name: whether the renamed file, or every file in the renamed folder, was synced before."""
    fsync, replace = os.fsync, os.replace
    synced: set[int] = set()
    seen: dict[str, bool] = {}

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def watched_replace(source: Path, target: Path) -> None:
        files = list(source.iterdir()) if source.is_dir() else [source]
        inodes = {file.stat().st_ino for file in files}
        seen[target.name] = inodes <= synced
        synced.difference_update(inodes)
        replace(source, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", watched_fsync)
        patched.setattr(os, "replace", watched_replace)
        yield seen
