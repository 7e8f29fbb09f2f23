"""The photographs a training run reads: decoded once, kept in memory, split by group."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.errors import InputError, ManifestInvalid
from fakeshield_core.imaging import decode
from fakeshield_core.manifest import ManifestRow, read_manifest, read_mask

log = logging.getLogger(__name__)

HELD_OUT_OF_TEN = 1  # tenths of the groups kept apart for calibration, never trained on


@dataclass(frozen=True, slots=True)
class Photograph:
    """One training picture."""

    name: str
    dataset: str
    group: str
    rgb: RgbImage  # (H, W, 3)
    table: npt.NDArray[np.float32]  # (8, 8) luma quantisation steps, ones where not a JPEG
    mask: BoolMask | None  # tampered region, None where authentic or unknown
    objects: BoolMask | None  # cut-out for splices: the largest labelled object, None where not labelled
    is_tampered: bool
    tampering: str


def read_photographs(folders: Sequence[Path]) -> tuple[Photograph, ...]:
    """All pictures of the `manifest.csv` in each folder that can be used; the others are logged.

    Raises:
        ManifestInvalid: a folder has no readable manifest, or nothing in it can be used.
    """
    found: list[Photograph] = []
    for folder in folders:
        for row in read_manifest(folder / "manifest.csv").rows:
            try:
                photograph = _photograph(row)
            except InputError as error:
                log.warning("left out %s: %s", row.name, error)
                continue
            if photograph is not None:
                found.append(photograph)
    if not found:
        raise ManifestInvalid("None of the manifests names a picture that can be trained on; check --data.")
    return tuple(found)


def is_held_out(group: str) -> bool:
    """Whether a group is kept apart for calibration; by digest, so that it never changes."""
    return hashlib.sha256(group.encode()).digest()[0] % 10 < HELD_OUT_OF_TEN


def split(photographs: Sequence[Photograph]) -> tuple[tuple[Photograph, ...], tuple[Photograph, ...]]:
    """What may be learnt from, and what calibrates: held-out pictures that share no scene with the former.

    A group names one scene or several joined by "+" (a forgery made of two photographs).
    """
    learnt = tuple(p for p in photographs if not is_held_out(p.group))
    scenes = {scene for p in learnt for scene in p.group.split("+")}
    apart = (p for p in photographs if is_held_out(p.group) and scenes.isdisjoint(p.group.split("+")))
    return learnt, tuple(apart)


def _photograph(row: ManifestRow) -> Photograph | None:
    if not row.is_tampered and not row.is_authentic and row.column("authentic_use") != "probably":
        return None
    if row.is_tampered and row.tampering_mask is None:
        return None
    picture = decode(row.path.read_bytes(), row.path.name)
    table = (
        np.ones((8, 8), np.float32) if picture.jpeg is None else picture.jpeg.luma_table.astype(np.float32)
    )
    return Photograph(
        name=row.name,
        dataset=row.dataset,
        group=row.group,
        rgb=picture.rgb,
        table=table,
        mask=read_mask(row.tampering_mask) if row.tampering_mask is not None else None,
        objects=None if row.is_tampered or row.mask is None else _object(row),
        is_tampered=row.is_tampered,
        tampering=row.column("tampering"),
    )


def _object(row: ManifestRow) -> BoolMask | None:
    """A person, or one region of middling size of a label map."""
    if row.mask is None:
        return None
    if row.column("mask_type") != "labels":
        return read_mask(row.mask)
    labels = decode(row.mask.read_bytes(), row.mask.name).rgb[..., 0]
    shares = np.bincount(labels.ravel(), minlength=256) / labels.size
    fitting = np.flatnonzero((shares > 0.02) & (shares < 0.3))
    return labels == fitting[np.argmax(shares[fitting])] if fitting.size else None
