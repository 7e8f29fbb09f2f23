"""The published figures: detection, localisation, explanation, from answer files and mask files.

What the paper leaves open is a named field of the result: where the verdict comes from, what an untouched
verdict counts as, how masks are averaged, which encoder compares the texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fakeshield_core import metrics
from fakeshield_core.changes import fitted_mask
from fakeshield_core.domain import BoolMask, JsonValue
from fakeshield_core.errors import ManifestInvalid
from fakeshield_core.fakeshield.datasets import MaskExample, read_gt_mask, read_lines
from fakeshield_core.fakeshield.mask_metrics import c_iou, g_iou, overlap
from fakeshield_core.fakeshield.pixels import read_grey
from fakeshield_core.fakeshield.similarity import TextEncoder, similarities
from fakeshield_core.fakeshield.verdicts import Rule, says_tampered

SHOWN = 3
PRED_ABOVE = 127  # the published program saves masks of JPEG pictures as JPEG


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """The choices that the paper does not settle."""

    rule: Rule = "published"
    encoder: TextEncoder | None = None  # None: answers are not compared with references


def read_answers(path: Path) -> dict[str, str]:
    """File name -> answer, of a JSONL written here or by the published program; the last of a name counts.

    Raises:
        ManifestInvalid: the file is damaged, or a line has no answer.
    """
    answers: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not isinstance(line.get("outputs"), str):
            raise ManifestInvalid(f"Answer {number} of {path.name} has no outputs; it is a question file.")
        answers[Path(str(line["image"])).name] = str(line["outputs"])
    return answers


def score(
    examples: Sequence[MaskExample],
    answers: Mapping[str, str],
    masks: Path | None,
    references: Mapping[str, str],
    options: ScoringOptions | None = None,
) -> dict[str, JsonValue]:
    """All figures of a data set.

    Args:
        examples: pictures with their ground truth; one without a mask is untouched.
        answers: file name -> answer of the DTE-FDM.
        masks: folder of `<stem>.png`, or of files named like the picture; None: masks are not scored.
        references: file name -> reference text; may be empty.
        options: choices.

    Raises:
        ManifestInvalid: an answer is missing, or there are no examples.
        InputError: a mask file cannot be read.
    """
    chosen = options or ScoringOptions()
    missing = [e.picture.name for e in examples if e.picture.name not in answers]
    if missing or not examples:
        named = ", ".join(missing[:SHOWN]) or "all"
        raise ManifestInvalid(f"{len(missing)} pictures have no answer, such as {named}; answer them first.")
    called = {e.picture.name: says_tampered(answers[e.picture.name], chosen.rule) for e in examples}
    result: dict[str, JsonValue] = {
        "pictures": len(examples),
        "detection": _detection(examples, called, chosen.rule),
    }
    if masks is not None:
        result["localisation"] = _localisation(examples, called, masks)
    if chosen.encoder is not None:
        result["explanation"] = _explanation(answers, references, chosen.encoder)
    return result


def _detection(
    examples: Sequence[MaskExample], called: Mapping[str, bool], rule: Rule
) -> dict[str, JsonValue]:
    truth = [example.mask is not None for example in examples]
    pred = [called[example.picture.name] for example in examples]
    return {
        "accuracy": metrics.accuracy(pred, truth),
        "f1": metrics.image_f1(pred, truth),
        "positive_class": "tampered",
        "verdict_from": f"words of the answer, {rule} rule",
        "tampered": sum(truth),
        "untouched": len(truth) - sum(truth),
    }


def _localisation(
    examples: Sequence[MaskExample], called: Mapping[str, bool], masks: Path
) -> dict[str, JsonValue]:
    pairs = [_pair(example, masks, called[example.picture.name]) for example in examples if example.mask]
    overlaps = [overlap(pred, truth) for pred, truth in pairs]
    return {
        "iou_mean_of_pictures": _mean([metrics.pixel_iou(pred, truth) for pred, truth in pairs]),
        "f1_mean_of_pictures": _mean([metrics.pixel_f1(pred, truth) for pred, truth in pairs]),
        "gIoU": g_iou(overlaps) if overlaps else None,
        "cIoU": c_iou(overlaps) if overlaps else None,
        "pictures": len(pairs),
        "judged_untouched": sum(not called[e.picture.name] for e in examples if e.mask),
        "judged_untouched_counts_as": "an empty mask",
        "mask_pixels": f"above {PRED_ABOVE} of 255",
        "ground_truth": "255 alone",
    }


def _explanation(
    answers: Mapping[str, str], references: Mapping[str, str], encoder: TextEncoder
) -> dict[str, JsonValue]:
    names = sorted(set(answers) & set(references))
    found = similarities(encoder, [answers[n] for n in names], [references[n] for n in names])
    return {"css": _mean(found), "pairs": len(names), "encoder": encoder.name}


def _pair(example: MaskExample, masks: Path, tampered: bool) -> tuple[BoolMask, BoolMask]:
    truth = read_gt_mask(example.mask) if example.mask is not None else np.zeros((1, 1), np.bool_)
    places = (masks / f"{example.picture.stem}.png", masks / example.picture.name)
    path = next((place for place in places if place.is_file()), None)
    if not tampered or path is None:
        return np.zeros_like(truth), truth
    return fitted_mask(read_grey(path) > PRED_ABOVE, *truth.shape), truth


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
