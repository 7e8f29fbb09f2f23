"""The published data folders: MMTD-Set conversations, and pictures with masks paired by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fakeshield_core.domain import BoolMask, JsonValue
from fakeshield_core.errors import InputError, ManifestInvalid
from fakeshield_core.fakeshield.pixels import read_grey

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
MASK_ENDINGS = ("", "_gt", "_mask")  # after the picture's stem; the second is CASIA's
PICTURES, MASKS = "image", "mask"  # folders of a data set
SHOWN = 3
WHITE = 255

MaskRule = Literal["published", "half"]
Explanations = Literal["output", "gt"]


@dataclass(frozen=True, slots=True)
class DetectionExample:
    """One MMTD-Set record with its picture."""

    picture: Path | None  # None: the record has none
    record: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class MaskExample:
    """One picture of a data set."""

    picture: Path
    mask: Path | None  # None: an untouched picture
    explanation: str | None = None  # answer of the DTE-FDM, where the set has one


def read_conversations(path: Path, pictures: Path) -> list[DetectionExample]:
    """MMTD-Set-34k.json, or any file of that form.

    Args:
        path: a JSON list of records with `image` and `conversations`.
        pictures: folder that `image` is relative to.

    Raises:
        ManifestInvalid: the file cannot be read, or pictures are missing; the first ones are named.
    """
    records = _records(path)
    examples = [DetectionExample(_below(pictures, record.get("image")), record) for record in records]
    missing = [str(e.picture) for e in examples if e.picture is not None and not e.picture.is_file()]
    if missing:
        raise ManifestInvalid(
            f"{len(missing)} of the {len(examples)} pictures of {path.name} are missing, such as "
            f"{', '.join(missing[:SHOWN])}; name the folder that its paths begin in."
        )
    return examples


def read_choice(
    root: Path, choice: str, split: str = "train", kind: Explanations = "output"
) -> list[MaskExample]:
    """The data sets of a choice string such as `ps|CASIA2,IMD2020||deepfake|FaceAPP_Train`.

    Args:
        root: `--dataset_dir` of the published script.
        choice: `group|name1,name2`, several groups joined by `||`.
        split: `train` or `val`, part of the name of the explanation file.
        kind: `output`: answers of the DTE-FDM; `gt`: reference texts.

    Raises:
        ManifestInvalid: the choice is malformed, a folder is missing, or pictures and masks do not pair.
    """
    examples: list[MaskExample] = []
    for part in choice.split("||"):
        group, bar, names = part.partition("|")
        if not bar or not group or not names:
            raise ManifestInvalid(f"{part!r} is no choice of data sets; write group|name1,name2.")
        for name in names.split(","):
            examples += read_set(root / group / name.strip(), split, kind)
    return examples


def read_set(folder: Path, split: str = "train", kind: Explanations = "output") -> list[MaskExample]:
    """One data set: `image/` and, for tampered pictures, `mask/`, paired by the stem of the names.

    Raises:
        ManifestInvalid: `image/` is missing or empty, or a picture and the masks do not pair.
    """
    pictures = _files(folder / PICTURES)
    if not pictures:
        raise ManifestInvalid(
            f"{folder} has no pictures in {PICTURES}/; name a folder of the published layout."
        )
    texts = read_explanations(folder, split, kind)
    masks = _by_stem(_files(folder / MASKS)) if (folder / MASKS).is_dir() else None
    _by_stem(pictures)  # refuses two pictures that would share a mask
    found = {path: None if masks is None else _mask_of(path, masks) for path in pictures}
    lonely = [path.name for path, mask in found.items() if masks is not None and mask is None]
    if lonely:
        raise ManifestInvalid(
            f"{len(lonely)} pictures of {folder.name} have no mask of their name, such as "
            f"{', '.join(lonely[:SHOWN])}; a mask is {MASKS}/<stem>.png."
        )
    return [MaskExample(path, mask, texts.get(path.name)) for path, mask in found.items()]


def read_explanations(folder: Path, split: str, kind: Explanations) -> dict[str, str]:
    """File name -> answer, of `lisa_<split>_<kind>.json`; empty where there is no such file.

    Raises:
        ManifestInvalid: the file is damaged.
    """
    path = folder / f"lisa_{split}_{kind}.json"
    if not path.is_file():
        return {}
    return {Path(str(r.get("image"))).name: str(r.get("outputs", "")) for r in _records(path)}


def read_gt_mask(path: Path, rule: MaskRule = "published") -> BoolMask:
    """(H, W) of a mask file.

    Args:
        path: the file.
        rule: `published`: only 255 is tampered, which erodes masks saved as JPEG; `half`: above 127.

    Raises:
        InputError: the file cannot be read.
    """
    grey = read_grey(path)
    return np.asarray(grey == WHITE if rule == "published" else grey > WHITE // 2, np.bool_)


def read_lines(path: Path) -> list[dict[str, JsonValue]]:
    """A JSONL file of questions or answers, one object a line; blank lines are passed over.

    Raises:
        ManifestInvalid: the file cannot be read, or a line is no object; the line is named.
    """
    lines: list[dict[str, JsonValue]] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"{path.name} cannot be read; name a JSONL file.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise ManifestInvalid(f"Line {number} of {path.name} is no JSON; correct it.") from error
        if not isinstance(found, dict) or not isinstance(found.get("image"), str):
            raise ManifestInvalid(f"Line {number} of {path.name} names no image; correct it.")
        lines.append(found)
    return lines


def to_lines(records: Iterable[Mapping[str, JsonValue]]) -> str:
    """Records as JSONL, in the field order given."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _records(path: Path) -> list[Mapping[str, JsonValue]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestInvalid(f"{path.name} cannot be read; name a JSON file of records.") from error
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise ManifestInvalid(f"{path.name} is no list of records; see the MMTD-Set format.")
    return found


def _below(folder: Path, name: JsonValue) -> Path | None:
    return folder / name if isinstance(name, str) and name else None


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    table: dict[str, Path] = {}
    for path in paths:
        if path.stem in table:
            raise ManifestInvalid(
                f"{path.parent} holds both {table[path.stem].name} and {path.name}; rename one of them."
            )
        table[path.stem] = path
    return table


def _mask_of(picture: Path, masks: Mapping[str, Path]) -> Path | None:
    return next((masks[picture.stem + e] for e in MASK_ENDINGS if picture.stem + e in masks), None)


def require_same_size(example: MaskExample, picture_hw: tuple[int, int], mask: BoolMask) -> None:
    """Passes where a mask fits its picture.

    Raises:
        InputError: it does not.
    """
    if mask.shape != picture_hw:
        name = None if example.mask is None else example.mask.name
        raise InputError(
            f"The mask {name} is {mask.shape[1]} × {mask.shape[0]}, its picture {picture_hw[1]} × "
            f"{picture_hw[0]}; make the mask at the picture's size."
        )
