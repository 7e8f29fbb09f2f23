"""Base data: frozen pictures no adapter may do worse on, and what is replayed so that nothing is forgotten.

Own procedural scenes always; photographs of folders as well, where they are named. Scene groups are shared
out once: frozen, replayed, and free for demonstrations and tests.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.errors import StorageFull
from fakeshield_core.files import write_file
from fakeshield_core.imaging import encode_mask_png
from fakeshield_core.synthesis.forgeries import KINDS, forge
from fakeshield_core.synthesis.history import jpeg_bytes
from fakeshield_core.synthesis.scenes import GROUPS, Scene, scene
from fakeshield_core.training.photographs import Photograph, read_photographs, split
from fakeshield_core.training.samples import NO_TABLE, Sampler, Shares
from feedback.durable import sync_file, sync_folder
from finetune.config import key
from finetune.dataset import Example, manifest_examples

FROZEN = range(0, 100)  # scene groups no training sees
REPLAYED = range(100, 180)
FREE = range(180, GROUPS)  # for demonstrations and tests
SHOTS = 4  # authentic crops of each frozen group: with KINDS, 300 tampered and 400 authentic pictures
SCENES = "scenes"  # their domain
MADE = 2  # version of what is made; another one makes the frozen set anew
MANIFEST = "manifest.csv"
COLUMNS = ("path", "kind", "mask", "mask_type", "dataset", "tampering", "group", "sha256")
REPLAY_SIDE = 320  # pixels, of replayed scenes; windows are cut out
SHARES = Shares(real=0.0, made=0.5)
SHARES_WITH_PHOTOGRAPHS = Shares(real=0.3, made=0.3)


def frozen_examples(cache: Path, side: int, photographs: tuple[str, ...] = ()) -> list[Example]:
    """The frozen base pictures, tampered and authentic.

    Args:
        cache: folder the procedural ones are kept in.
        side: pixels, of the procedural ones.
        photographs: folders with a manifest.csv; their held-out tenth is frozen too.

    Raises:
        InputError: a folder cannot be read or written.
    """
    made = manifest_examples(_frozen_folder(cache, side) / MANIFEST)
    if not photographs:
        return made
    _, apart = split(read_photographs([Path(folder) for folder in photographs]))
    return made + [_frozen_photograph(photograph) for photograph in apart]


def replay_sampler(photographs: tuple[str, ...] = (), side: int = REPLAY_SIDE) -> Sampler:
    """Draws of base data: made forgeries and untouched pictures, half and half, with real ones if named."""
    scenes = [_replayed(scene(group, side, side)) for group in REPLAYED]
    if not photographs:
        return Sampler(scenes, SHARES)
    learnt, _ = split(read_photographs([Path(folder) for folder in photographs]))
    return Sampler((*scenes, *learnt), SHARES_WITH_PHOTOGRAPHS)


def _frozen_folder(cache: Path, side: int) -> Path:
    """Where the procedural frozen pictures are, made now where they are not: whole or not at all."""
    folder = cache / key("scenes", MADE, side, np.__version__)
    if (folder / MANIFEST).is_file():
        return folder
    draft = cache / f".{folder.name}.{secrets.token_hex(4)}"
    rows = [_written(draft, *made) for made in _frozen_pictures(side)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(draft / MANIFEST, text.getvalue().encode())
    try:
        for path in (*draft.iterdir(), draft):
            sync_file(path)
        os.replace(draft, folder)
        sync_folder(cache)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not (folder / MANIFEST).is_file():  # else another process was first
            raise StorageFull(f"{folder.name} cannot be written ({error.strerror}); make room.") from error
    return folder


def _frozen_pictures(side: int) -> Iterator[tuple[str, str, RgbImage, BoolMask | None, np.random.Generator]]:
    """(Group, tampering, pixels, mask, generator of the last compression) of each frozen picture."""
    for group in FROZEN:
        shots = [scene(group + GROUPS * shot, side, side) for shot in range(SHOTS)]
        donor = scene((group + len(FROZEN) // 2) % len(FROZEN), side, side)
        for number, kind in enumerate(KINDS):
            rng = np.random.default_rng([MADE, group, number])
            cutout = donor.objects[0] if donor.objects else None
            forged = forge(shots[number].rgb, donor.rgb, kind, rng, cutout)
            yield f"scene-{group}", kind, forged.rgb, forged.mask, rng
        for number, shot in enumerate(shots):
            yield f"scene-{group}", "", shot.rgb, None, np.random.default_rng([MADE, group, 100 + number])


def _written(
    folder: Path, group: str, kind: str, rgb: RgbImage, mask: BoolMask | None, rng: np.random.Generator
) -> dict[str, str]:
    """Saves one picture, compressed last by the same draw for both classes; its manifest row."""
    data, ending = _file(rgb, rng)
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{group}-{sha256[:8]}"
    write_file(folder / f"{name}.{ending}", data)
    if mask is not None:
        write_file(folder / f"{name}.mask.png", encode_mask_png(mask))
    return {
        "path": f"{name}.{ending}",
        "kind": "authentic" if mask is None else "tampered",
        "mask": "" if mask is None else f"{name}.mask.png",
        "mask_type": "" if mask is None else "binary",
        "dataset": SCENES,
        "tampering": kind,
        "group": group,
        "sha256": sha256,
    }


def _file(rgb: RgbImage, rng: np.random.Generator) -> tuple[bytes, str]:
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, "PNG")
        return buffer.getvalue(), "png"
    return jpeg_bytes(rgb, int(rng.integers(70, 99)), int(rng.choice([0, 2]))), "jpg"


def _replayed(made: Scene) -> Photograph:
    return Photograph(
        name=f"scene-{made.group}",
        dataset=SCENES,
        group=f"scene-{made.group}",
        rgb=made.rgb,
        table=NO_TABLE,
        mask=None,
        objects=made.objects[0] if made.objects else None,
        is_tampered=False,
        tampering="",
    )


def _frozen_photograph(photograph: Photograph) -> Example:
    mask = photograph.mask if photograph.is_tampered else None
    return Example(
        photograph.name, photograph.group, photograph.dataset, photograph.rgb, photograph.table, mask
    )
