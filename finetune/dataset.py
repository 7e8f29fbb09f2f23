"""Pictures to learn from and to measure on: corrections of a release, and manifests of others."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fakeshield_core import imaging, orientation
from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.errors import FakeShieldError, NotEnoughFeedback
from fakeshield_core.files import read_picture
from fakeshield_core.manifest import ManifestRow, read_manifest, read_mask
from fakeshield_core.picture import Picture
from feedback.records import Release, ReleaseItem, Split
from feedback.store import FeedbackStore

log = logging.getLogger(__name__)

LARGE = 0.5  # of the picture: a mask above it is rarely meant
NO_DOMAIN = "untagged"


@dataclass(frozen=True, slots=True)
class Example:
    """One picture with its truth, in the frame its file stores, where the JPEG grid lies."""

    name: str
    group: str  # near-duplicates and shots of one scene share it
    domain: str
    rgb: RgbImage  # (H, W, 3)
    table: npt.NDArray[np.float32]  # (8, 8) luma quantisation steps, ones where not a JPEG
    mask: BoolMask | None  # (H, W), None: authentic

    @property
    def is_tampered(self) -> bool:
        """Whether any of it is."""
        return self.mask is not None


def corrections(store: FeedbackStore, release: Release, split: Split) -> list[Example]:
    """The items of a split that are still there; what was withdrawn since is left out.

    Pictures come from the store into memory: no copy stays behind that a deletion would miss.
    """
    gone = store.withdrawn_among([item.uuid for item in release.items])
    found: list[Example] = []
    for item in release.items:
        if item.split != split or item.uuid in gone:
            continue
        try:
            found.append(_correction(store, item))
        except FakeShieldError as error:
            log.warning("left out %s: %s", item.uuid, error)
    return found


def check_masks(examples: Sequence[Example], most: float) -> None:
    """Looks for masks that were saved the wrong way round.

    Args:
        examples: to be trained on.
        most: share of the tampered ones whose mask may cover over half of the picture, 0..1.

    Raises:
        NotEnoughFeedback: nothing tampered is among them, or too many masks are that large.
    """
    masks = [example.mask for example in examples if example.mask is not None]
    if not masks:
        raise NotEnoughFeedback(
            "The release holds no tampered picture to learn from; accept corrections with a mask first."
        )
    large = sum(bool(mask.mean() > LARGE) for mask in masks)
    if large > most * len(masks):
        raise NotEnoughFeedback(
            f"{large} of the {len(masks)} masks to learn from cover more than half of their picture and may "
            "be the wrong way round; review these corrections, then run again."
        )


def manifest_examples(path: Path, domain: str | None = None) -> list[Example]:
    """Every usable picture of a manifest: tampered with a mask, or authentic.

    Args:
        path: a manifest CSV.
        domain: of all of them; None: column `domain`, else the data set.

    Raises:
        InputError: the manifest, or a picture it names, cannot be read.
    """
    rows = [row for row in read_manifest(path).rows if row.is_used]
    return [_row(row, domain) for row in rows if row.tampering_mask is not None or not row.is_tampered]


def in_file_frame(picture: Picture, mask: BoolMask | None) -> tuple[RgbImage, BoolMask | None]:
    """Upright pixels and mask turned back to how the file stores them."""
    turn = picture.facts.orientation
    turned = None if mask is None else np.ascontiguousarray(orientation.stored(mask, turn))
    return np.ascontiguousarray(orientation.stored(picture.rgb, turn)), turned


def groups(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """Examples by group, in the order of their first."""
    by_name: dict[str, list[Example]] = {}
    for example in examples:
        by_name.setdefault(example.group, []).append(example)
    yield from by_name.values()


def _correction(store: FeedbackStore, item: ReleaseItem) -> Example:
    picture = imaging.decode(store.blob(item.picture_sha256))
    mask = None
    if item.mask_sha256 is not None:
        mask = imaging.decode(store.blob(item.mask_sha256)).rgb[..., 0] > 127
    return _example(picture, mask, (item.uuid, item.group, item.domain_tag or NO_DOMAIN))


def _row(row: ManifestRow, domain: str | None) -> Example:
    mask = None if row.tampering_mask is None else read_mask(row.tampering_mask)
    where = domain or row.column("domain") or row.dataset or NO_DOMAIN
    return _example(read_picture(row.path), mask, (row.name, row.group, where))


def _example(picture: Picture, mask: BoolMask | None, names: tuple[str, str, str]) -> Example:
    rgb, turned = in_file_frame(picture, mask)
    table = (
        np.ones((8, 8), np.float32) if picture.jpeg is None else picture.jpeg.luma_table.astype(np.float32)
    )
    return Example(*names, rgb, table, turned)
