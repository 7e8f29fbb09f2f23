"""Manifest CSV: which pictures to measure on, what each one is, and where its mask lies.

Columns `path`, `kind` and `mask` are needed; every other column is carried along untouched. Paths are
relative to the manifest and may not leave its folder.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.domain import BoolMask
from fakeshield_core.errors import ManifestInvalid
from fakeshield_core.files import read_picture

NEEDED_COLUMNS = ("path", "kind", "mask")
MASK_MEAN = 127.5  # a mask pixel counts where the mean of its channels is above: IMDL-BenCo 3efef9b, datasets


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One picture of a manifest."""

    line: int  # in the CSV file, the header is line 1
    name: str  # the path as the manifest writes it; names the picture in every report
    path: Path  # absolute
    kind: str  # "authentic", "tampered", "segmentation", ...
    mask: Path | None  # absolute
    columns: Mapping[str, str]  # all columns as read, the needed ones too

    def column(self, name: str) -> str:
        """A carried column, "" where the manifest has none of that name."""
        return self.columns.get(name, "")

    @property
    def dataset(self) -> str:
        """The data set, "" where not told."""
        return self.column("dataset")

    @property
    def tampering(self) -> str:
        """The kind of forgery, "" where not told."""
        return self.column("tampering")

    @property
    def group(self) -> str:
        """The source scene, the picture's own name where not told."""
        return self.column("group") or self.name

    @property
    def is_tampered(self) -> bool:
        """True for a forged picture, with or without a mask."""
        return self.kind == "tampered"

    @property
    def is_authentic(self) -> bool:
        """True for an untouched photograph: kind authentic, or another kind that may serve as one."""
        return self.kind == "authentic" or (not self.is_tampered and self.column("authentic_use") == "yes")

    @property
    def is_used(self) -> bool:
        """True where the picture enters figures: surely tampered, or to be trusted as authentic."""
        return self.is_tampered or self.is_authentic

    @property
    def tampering_mask(self) -> Path | None:
        """Where the tampered region is drawn; None for label maps, object masks and authentic pictures."""
        return self.mask if self.is_tampered and self.column("mask_type") != "labels" else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read: rows in the order of the file."""

    name: str  # file name alone
    sha256: str  # of the file
    folder: Path  # absolute; every path lies inside
    rows: tuple[ManifestRow, ...]


def read_manifest(path: Path) -> Manifest:
    """The rows of a manifest CSV (UTF-8, header in the first line).

    Raises:
        ManifestInvalid: the file is missing or no CSV, lacks a needed column, names a picture twice, or a row
            names a file that is not there or lies outside the manifest's folder; with line and column.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ManifestInvalid(f"The manifest {path} cannot be read; give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise ManifestInvalid(
            f"The manifest {path.name} is not UTF-8 text; save it as a UTF-8 CSV."
        ) from error
    folder = path.resolve().parent
    rows = tuple(_rows(text, path.name, folder))
    if not rows:
        raise ManifestInvalid(f"The manifest {path.name} has no rows; add one line for each picture.")
    return Manifest(path.name, hashlib.sha256(data).hexdigest(), folder, rows)


def read_mask(path: Path) -> BoolMask:
    """The mask in a picture file: (H, W) bool, True where the mean of the channels is above 127.5 of 255.

    Raises:
        InputError: the file is not a picture we read (see `imaging.decode`).

    Source: IMDL-BenCo 3efef9b, mask binarisation of its data sets.
    """
    mask: BoolMask = read_picture(path).rgb.mean(axis=2) > MASK_MEAN
    return mask


def _rows(text: str, name: str, folder: Path) -> Iterator[ManifestRow]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    first_seen: dict[str, int] = {}
    try:
        header = reader.fieldnames or ()
        missing = [column for column in NEEDED_COLUMNS if column not in header]
        if missing:
            raise ManifestInvalid(
                f"The manifest {name} lacks the column {missing[0]}; add it to the first line."
            )
        for record in reader:
            row = _row(record, reader.line_num, folder)
            if first_seen.setdefault(row.name, row.line) != row.line:
                raise ManifestInvalid(
                    f"Line {row.line} of the manifest, column path: {row.name} is in line "
                    f"{first_seen[row.name]} too; remove one of the two."
                )
            yield row
    except csv.Error as error:
        line = reader.reader.line_num
        raise ManifestInvalid(f"Line {line} of the manifest {name} is not CSV ({error}); mend it.") from error


def _row(record: Mapping[str | None, str | None], line: int, folder: Path) -> ManifestRow:
    if None in record or None in record.values():
        raise ManifestInvalid(
            f"Line {line} of the manifest has more or fewer fields than its first line; mend it."
        )
    columns = {key: value.strip() for key, value in record.items() if key is not None and value is not None}
    if not columns["kind"]:
        raise ManifestInvalid(
            f"Line {line} of the manifest, column kind: empty; write authentic or tampered."
        )
    path = _file(columns["path"], line, "path", folder)
    mask = _file(columns["mask"], line, "mask", folder) if columns["mask"] else None
    return ManifestRow(line, columns["path"], path, columns["kind"], mask, columns)


def _file(value: str, line: int, column: str, folder: Path) -> Path:
    where = f"Line {line} of the manifest, column {column}"
    if not value or "\0" in value:
        raise ManifestInvalid(f"{where}: no file is named; write a path relative to the manifest.")
    path = (folder / value).resolve()
    if not path.is_relative_to(folder):
        raise ManifestInvalid(
            f"{where}: {value} lies outside the manifest's folder; move the file inside it."
        )
    if not path.is_file():
        raise ManifestInvalid(f"{where}: there is no file {value}; correct the path or remove the line.")
    return path
