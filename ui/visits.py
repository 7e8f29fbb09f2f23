"""Files of one visit: what a person uploaded and what came of it, kept an hour at most."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.errors import StorageFull
from feedback.durable import NO_ROOM

log = logging.getLogger(__name__)

KEPT_S = 50 * 60  # with SWEEP_EVERY_S below the hour that the page promises
SWEEP_EVERY_S = 5 * 60
FULL = "The disk of this server is full; try again later."
RESULTS = "results"  # folder of our own files, and the address they are served at


@dataclass(frozen=True, slots=True)
class Visit:
    """A folder for the files of one answer, under a name nobody can guess."""

    folder: Path
    age_s: float = 0.0  # since the picture came: files are dated back, and go with it

    def put(self, name: str, data: bytes) -> str:
        """Writes one file; gives its address, relative to the page.

        Raises:
            StorageFull: the disk has no room.
        """
        try:
            (self.folder / name).write_bytes(data)
            came = time.time() - self.age_s
            os.utime(self.folder / name, (came, came))
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StorageFull(FULL) from error
            raise
        return f"{RESULTS}/{self.folder.name}/{name}"

    def path(self, name: str) -> Path:
        """Where the file of that name lies."""
        return self.folder / name


class Visits:
    """The folder of all visits; Gradio keeps uploads in it, we keep results in `results/`."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder where it is missing."""
        self.folder = folder.resolve()
        self.results = self.folder / RESULTS
        self.results.mkdir(parents=True, exist_ok=True)

    def new(self, age_s: float = 0.0) -> Visit:
        """Room for the files of one answer, about a picture that came so many seconds ago."""
        folder = self.results / secrets.token_urlsafe(18)
        folder.mkdir()
        return Visit(folder, age_s)

    def upload(self, path: str) -> Path | None:
        """The uploaded file at that path; None where it is no file or lies outside of this folder."""
        found = Path(path).resolve()
        inside = found.is_relative_to(self.folder) and not found.is_relative_to(self.results)
        return found if inside and found.is_file() else None

    def sweep(self, older_than_s: float = KEPT_S) -> int:
        """Deletes files that old, and folders left empty; gives the number of files."""
        oldest = time.time() - older_than_s
        deleted = 0
        for path in sorted(self.folder.rglob("*"), reverse=True):  # what is inside a folder comes first
            try:
                if path == self.results or path.lstat().st_mtime > oldest:
                    continue
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink()
                    deleted += 1
            except OSError as error:  # not empty, or deleted by someone else in between
                log.debug("not swept: %s", error.strerror)
        return deleted

    def start(self) -> None:
        """Sweeps now and every few minutes, in a thread of its own."""
        threading.Thread(target=self._sweep_forever, name="sweep", daemon=True).start()

    def _sweep_forever(self) -> None:
        pause = threading.Event()
        while True:
            deleted = self.sweep()
            if deleted:
                log.info("deleted %d files of past visits", deleted)
            pause.wait(SWEEP_EVERY_S)
