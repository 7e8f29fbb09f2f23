"""A release as files: pictures, masks, and a manifest that `evaluate` and training read."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.errors import FeedbackError, ReleaseRefused
from fakeshield_core.files import write_file
from feedback.events import canonical
from feedback.records import Release, ReleaseItem
from feedback.releases import release_to_json
from feedback.store import FeedbackStore

COLUMNS = (
    "path", "kind", "mask", "mask_type", "dataset", "tampering", "group", "split", "domain", "how_known",
    "item",
)  # fmt: skip
ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "GIF": "gif", "BMP": "bmp"}
DATASET = "corrections"


@dataclass(frozen=True, slots=True)
class Export:
    """A release on disk."""

    folder: Path
    manifest: Path  # CSV
    release: Release
    items: int
    withdrawn: tuple[str, ...]  # items deleted since the release was frozen; not exported
    damaged: tuple[str, ...]  # items whose picture or mask could not be read


def export_release(store: FeedbackStore, number: int, folder: Path) -> Export:
    """Writes `manifest.csv`, `release.json`, `pictures/<item>.<ending>` and `masks/<item>.png`.

    Args:
        folder: new or empty.

    Raises:
        ReleaseRefused: there is no such release, or the folder holds something.
        InputError: the folder cannot be written to.
    """
    release = store.release(number)
    if folder.exists() and any(folder.iterdir()):
        raise ReleaseRefused(f"{folder} is not empty; name a new folder.")
    gone = store.withdrawn_among([item.uuid for item in release.items])
    rows: list[dict[str, str]] = []
    damaged: list[str] = []
    for item in release.items:
        if item.uuid in gone:
            continue
        try:
            rows.append(_write_item(store, item, folder))
        except FeedbackError:
            damaged.append(item.uuid)
    write_file(folder / "release.json", canonical(release_to_json(release)))
    write_file(folder / "manifest.csv", _csv(rows))
    return Export(
        folder=folder,
        manifest=folder / "manifest.csv",
        release=release,
        items=len(rows),
        withdrawn=tuple(sorted(gone)),
        damaged=tuple(damaged),
    )


def _write_item(store: FeedbackStore, item: ReleaseItem, folder: Path) -> dict[str, str]:
    picture = f"pictures/{item.uuid}.{ENDINGS.get(item.format, 'bin')}"
    write_file(folder / picture, store.blob(item.picture_sha256))
    mask = ""
    if item.mask_sha256 is not None:
        mask = f"masks/{item.uuid}.png"
        write_file(folder / mask, store.blob(item.mask_sha256))
    return {
        "path": picture,
        "kind": item.kind,
        "mask": mask,
        "mask_type": "binary" if mask else "",
        "dataset": DATASET,
        "tampering": item.finding_kinds[0] if item.finding_kinds else "",
        "group": item.group,
        "split": item.split,
        "domain": item.domain_tag or "",
        "how_known": item.how_do_you_know,
        "item": item.uuid,
    }


def _csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
