"""Conformity of FakeShield-22B: a golden's weights, pictures and texts through our modules, in float32."""

from __future__ import annotations

from pathlib import Path

import torch

from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.conform.fakeshield_dte_fdm import check_dte_fdm
from fakeshield_core.conform.fakeshield_dtg import check_dtg
from fakeshield_core.conform.fakeshield_keys import check_keys
from fakeshield_core.conform.fakeshield_metrics import check_metrics
from fakeshield_core.conform.fakeshield_mflm import MflmCheck
from fakeshield_core.conform.golden import read_golden
from fakeshield_core.conform.ledger import EXACT, Ledger

# What is demanded on a CPU in float32; exact groups count the entries that differ.
TOLERANCES = {
    "full-size names and shapes": EXACT,
    "DTG weights: shapes": EXACT,
    "DTG weights": 1e-6,
    "DTG input": 1e-6,
    "DTG logits": 1e-3,
    "DTG labels": EXACT,
    "prompts": EXACT,
    "ids": EXACT,
    "pixels": 1e-6,
    "sums of inputs": 1e-6,  # of the sum of absolute values
    "sizes and digests": EXACT,
    "vision features": 1e-4,
    "projected rows": 1e-4,
    "logits": 1e-3,
    "greedy tokens": EXACT,
    "greedy tokens, float16": EXACT,
    "decoded text": EXACT,
    "hidden states": 1e-4,
    "states before [SEG]": 1e-4,
    "SAM image embedding": 1e-4,
    "mask logits": 1e-3,
    "share of mask pixels that differ": 1e-3,
    "labels": EXACT,
    "losses": 1e-4,  # of the loss
    "adapter targets": EXACT,
    "metrics": 1e-6,
}


def conform(folder: Path) -> Ledger:
    """Computes and compares every value of a golden folder.

    Raises:
        InputError: the folder is no golden folder.
        EngineUnavailable: its weights are missing, damaged, or do not fit their config.json.
    """
    ledger = Ledger(read_golden(folder), TOLERANCES)
    files = locate(folder)
    with torch.inference_mode():
        check_keys(ledger)
        tags = check_dtg(ledger, files)
        check_dte_fdm(ledger, files, tags)
        MflmCheck(ledger, files).check()
        check_metrics(ledger)
    return ledger
