"""A question file through the engine to an answer file and masks, as the published batch test does."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fakeshield_core.changes import Change
from fakeshield_core.domain import ClaimsReady, Engine, JsonValue, MapReady, VerdictReady
from fakeshield_core.errors import EngineOutputInvalid, FakeShieldError
from fakeshield_core.fakeshield.datasets import MaskExample, read_lines, to_lines
from fakeshield_core.fakeshield.prompts import QUESTION
from fakeshield_core.files import read_picture, write_file
from fakeshield_core.imaging import decode, encode_mask_png
from fakeshield_core.picture import Picture

log = logging.getLogger(__name__)


def question_lines(examples: Iterable[MaskExample], question: str = QUESTION) -> str:
    """The question file of a data set: one `{"image", "text"}` a line."""
    return to_lines({"image": str(example.picture), "text": question} for example in examples)


def manifest_csv(examples: Sequence[MaskExample], folder: Path, dataset: str) -> str:
    """The same pictures as a manifest of `evaluate`, for a file in `folder`, which holds them all."""
    rows = ["path,kind,mask,dataset"]
    for example in examples:
        kind = "authentic" if example.mask is None else "tampered"
        mask = "" if example.mask is None else _relative(example.mask, folder)
        rows.append(",".join(_quoted(v) for v in (_relative(example.picture, folder), kind, mask, dataset)))
    return "\n".join(rows) + "\n"


def answer_file(
    engine: Engine,
    questions: Path,
    pictures: Path,
    out: Path,
    masks: Path | None = None,
    change: Change | None = None,
) -> list[str]:
    """Answers every question, writing `{"image", "outputs"}` lines as they come; returns what went wrong.

    An interrupted run goes on: pictures that `out` already answers are passed over. A mask is written as
    `<stem>.png`, only for pictures called tampered, like the published program.

    Args:
        engine: gives words and maps.
        questions: JSONL.
        pictures: folder that its paths begin in.
        out: JSONL, appended to.
        masks: folder; None: no masks.
        change: applied to each picture first.

    Raises:
        ManifestInvalid: the question file cannot be used.
    """
    done = {str(line["image"]) for line in read_lines(out)} if out.is_file() else set[str]()
    failures: list[str] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as file:
        for line in read_lines(questions):
            name = str(line["image"])
            if name in done:
                continue
            try:
                record = _answered(engine, name, read_picture(pictures / name), masks, change)
            except FakeShieldError as error:
                failures.append(f"{name}: {error}")
                continue
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            file.flush()
            log.info("%s is answered", name)
    return failures


def _answered(
    engine: Engine, name: str, picture: Picture, masks: Path | None, change: Change | None
) -> dict[str, JsonValue]:
    shown = picture if change is None else _changed(picture, change)
    text, verdict = None, None
    for update in engine.analyze(shown):
        if isinstance(update, VerdictReady):
            verdict = update.verdict
        elif isinstance(update, ClaimsReady):
            text = update.explanation.text
        elif isinstance(update, MapReady) and masks is not None and verdict == "tampered":
            mask = update.soft_map > update.threshold
            write_file(masks / f"{Path(name).stem}.png", encode_mask_png(mask))
    if text is None:
        raise EngineOutputInvalid(f"{engine.info.name} gave no words; choose an engine that explains.")
    return {"image": name, "outputs": text}


def _changed(picture: Picture, change: Change) -> Picture:
    """The picture with other pixels, upright, without its metadata."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(change(picture.rgb))).save(buffer, "PNG")
    return decode(buffer.getvalue(), None)


def _relative(path: Path, folder: Path) -> str:
    return path.resolve().relative_to(folder.resolve()).as_posix()


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(c in value for c in ',"\n') else value
