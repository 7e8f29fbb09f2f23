"""The metrics' part of a golden: overlap of mask files, gIoU, cIoU."""

from __future__ import annotations

import re

import numpy as np

from fakeshield_core.conform.golden import Golden
from fakeshield_core.conform.ledger import Ledger
from fakeshield_core.domain import BoolMask, JsonValue
from fakeshield_core.fakeshield.mask_metrics import Overlap, c_iou, g_iou, overlap
from fakeshield_core.fakeshield.pixels import read_grey

SIZE = re.compile(r"(\d+)x(\d+)")  # of the all-zero masks, in the note
EMPTY_HW = (40, 30)


def check_metrics(ledger: Ledger) -> None:
    """Compares everything in `metrics`."""
    golden = ledger.golden
    pairs = golden.records("metrics", "pairs", "")
    ledger.uses("metrics/note")
    overlaps: list[Overlap] = []
    for number, pair in enumerate(pairs):
        where = f"metrics/pairs/{number}"
        ledger.uses(f"{where}/prediction", f"{where}/ground_truth")
        one = overlap(_mask(golden, pair.get("prediction")), _mask(golden, pair.get("ground_truth")))
        overlaps.append(one)
        ledger.near("metrics", f"{where}/intersection", one.intersection)
        ledger.near("metrics", f"{where}/union", one.union)
        ledger.near("metrics", f"{where}/iou", one.iou)
    if overlaps:
        ledger.near("metrics", "metrics/gIoU", g_iou(overlaps))
        ledger.near("metrics", "metrics/cIoU", c_iou(overlaps))


def _mask(golden: Golden, name: JsonValue) -> BoolMask:
    """A mask file of the golden; an empty mask for null."""
    if not isinstance(name, str):
        size = SIZE.search(str(golden.values.get("metrics/note")))
        return np.zeros((int(size[1]), int(size[2])) if size else EMPTY_HW, np.bool_)
    return read_grey(golden.folder / name) > 127
