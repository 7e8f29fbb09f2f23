"""How often an engine is wrong, as measured and written on the card beside its weights."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import fakeshield_core

log = logging.getLogger(__name__)

PRETRAINED = Path(fakeshield_core.__file__).parent / "pretrained"


@dataclass(frozen=True, slots=True)
class Rates:
    """Pictures in a hundred that get a wrong verdict, or no firm one."""

    false_alarm: float  # unedited, but called tampered
    missed: float  # edited, but "no tampering found"
    inconclusive: float  # of all
    measured_on: str


def rates_of(engine_name: str, pretrained: Path = PRETRAINED) -> Rates | None:
    """The rates on the card of that engine's weights; None where there is no card or none were measured."""
    try:
        given = json.loads((pretrained / Path(engine_name).name / "card.json").read_bytes())["rates"]
        return Rates(
            false_alarm=float(given["false_alarm_per_100"]),
            missed=float(given["missed_per_100"]),
            inconclusive=float(given["inconclusive_per_100"]),
            measured_on=str(given["measured_on"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("no rates on the card of %s: %r", engine_name, error)
        return None
