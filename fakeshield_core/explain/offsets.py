"""What people's ratings taught about the confidence of claims: an offset for each kind, in logits.

Confidences come from the training pool (`claims.CONFIDENCE`). `python -m feedback claims --write` learns the
offsets from reviewed ratings and leaves them in the data folder, where the app finds them when it starts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import SettingsInvalid

Offsets: TypeAlias = Mapping[str, float]  # by kind of claim, logits

FILE = "claims.json"  # in the data folder
VERSION = 1
MOST = 6.0  # logits; no ratings move a confidence further


def moved(confidence: float | None, offset: float) -> float | None:
    """A confidence, 0..1, moved on the logit scale; None stays None, and 0 and 1 stay what they are."""
    if confidence is None or not 0 < confidence < 1:
        return confidence
    told = round(1 / (1 + math.exp(-(math.log(confidence / (1 - confidence)) + offset))), 2)
    return min(max(told, 0.01), 0.99)  # never certain, and an offset can be taken off again


def offsets_json(offsets: Offsets) -> dict[str, JsonValue]:
    """The document of `read_offsets`."""
    return {"version": VERSION, "offsets": dict(sorted(offsets.items()))}


def read_offsets(data_dir: Path) -> Offsets:
    """The offsets in a data folder; empty where none were learnt.

    Raises:
        SettingsInvalid: the file is damaged, or made by a later version.
    """
    path = data_dir / FILE
    try:
        document = json.loads(path.read_bytes())
        offsets = {str(kind): float(value) for kind, value in document["offsets"].items()}
        is_usable = document["version"] == VERSION and all(abs(value) <= MOST for value in offsets.values())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        is_usable = False
    if not is_usable:
        raise SettingsInvalid(
            f"{FILE} in the data folder cannot be used; write it anew with python -m feedback claims --write "
            "or remove it."
        )
    return offsets
