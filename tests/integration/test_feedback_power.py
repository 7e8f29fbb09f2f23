"""A power cut: of the files, only what was synced is left, and the database is gone altogether.

`kill -9` cannot show a missing fsync, since the kernel keeps what was written. Here the disk is modelled: a
file's content counts once it was synced, its name once the folder was synced after it. All else is lost.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback.backup import restore
from feedback.store import FeedbackStore
from feedback.verify import verify
from tests.feedback_fakes import accepted, correction


class Disk:
    """Watches a folder and knows what a power cut would leave of it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.synced: dict[int, bytes] = {}  # inode -> content at its last fsync
        self.names: dict[Path, int] = {}  # path -> inode, for names in synced folders
        self.syncs_folders = True
        self.after_each: Callable[[], None] = lambda: None
        for name in ("fsync", "link", "replace"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            result = call(*arguments)
            if name == "fsync":
                self._sync(Path(os.readlink(f"/proc/self/fd/{arguments[0]}")))
            self.after_each()
            return result

        return watched

    def _sync(self, path: Path) -> None:
        if not path.is_relative_to(self.root):
            return
        if path.is_dir():
            if not self.syncs_folders:
                return
            known = {name for name in self.names if name.parent == path}
            there = {entry: entry.stat().st_ino for entry in path.iterdir()}
            self.names = {name: inode for name, inode in self.names.items() if name not in known} | there
        else:
            self.synced[path.stat().st_ino] = path.read_bytes()

    def after_power_cut(self, target: Path) -> Path:
        """A folder with what is left of events and blobs."""
        shutil.rmtree(target, ignore_errors=True)
        for path, inode in self.names.items():
            named = path.relative_to(self.root)
            folders_named = all(self.root / folder in self.names for folder in list(named.parents)[:-1])
            if folders_named and path.is_file() and named.parts[0] in ("events", "blobs"):
                (target / named).parent.mkdir(parents=True, exist_ok=True)
                (target / named).write_bytes(self.synced.get(inode, b""))
        return target


def left_after(disk: Disk, target: Path) -> tuple[set[str], tuple[str, ...]]:
    """Receipts in the store rebuilt from what a power cut leaves, and what is wrong with it."""
    folder = disk.after_power_cut(target)
    restore(folder)
    with FeedbackStore.open(folder) as store:
        return {item.receipt for item in store.items() if item.state != "withdrawn"}, verify(store).problems


def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path / "store", monkeypatch)
    with FeedbackStore.open(tmp_path / "store") as store:
        saved: set[str] = set()
        for seed in range(6):
            saved.add(store.save_correction(correction(seed % 4)).code)
            assert left_after(disk, tmp_path / f"left{seed}") == (saved, ())
        reviewed = accepted(store, 1)[0].receipt
        folder = disk.after_power_cut(tmp_path / "reviewed")
        with FeedbackStore.open(folder) as left:
            assert left.case(reviewed).item.state == "accepted"
        gone = saved.pop()
        store.withdraw(gone)
        assert left_after(disk, tmp_path / "deleted") == (saved | {reviewed}, ())


def test_a_power_cut_at_any_moment_of_a_save_leaves_a_sound_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(tmp_path / "store", monkeypatch)
    with FeedbackStore.open(tmp_path / "store") as store:
        first = store.save_correction(correction(0)).code
        images: list[Path] = []
        disk.after_each = lambda: images.append(disk.after_power_cut(tmp_path / f"cut{len(images)}"))
        second = store.save_correction(correction(1)).code
        disk.after_each = lambda: None
    assert len(images) >= 9
    seen = []
    for image in images:
        with FeedbackStore.open(image) as left:
            assert verify(left).problems == ()
            seen.append({item.receipt for item in left.items()})
    assert seen[0] == {first}
    assert seen[-1] == {first, second}


def test_the_model_loses_what_was_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path / "store", monkeypatch)
    disk.syncs_folders = False
    with FeedbackStore.open(tmp_path / "store") as store:
        code = store.save_correction(correction(0)).code
        assert code not in left_after(disk, tmp_path / "left")[0]
