"""What the operator's view says; in English alone, as the review is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "view_review": "Review",
    "view_operate": "Operate",
    "lamp_fine": "fine",
    "lamp_late": "look here",
    "lamp_store": "Store",
    "store_events": "{n} events",
    "store_room": "{size} GB kept, {free} GB free",
    "lamp_review": "Review wait",
    "review_none": "Nothing waits",
    "review_days": "{days} days",
    "review_goal": "Goal {goal} days; {n} wait",
    "lamp_run": "Retraining",
    "run_never": "No run yet",
    "run_material": "{n} accepted corrections may train",
    "run_is_running": "Running",
    "run_is_waiting_for_approval": "Waits for approval",
    "run_is_promoted": "Promoted",
    "run_is_refused": "Refused",
    "run_is_failed": "Failed",
    "run_step": "{phase}, step {step} of {steps}",
    "lamp_champion": "Champion",
    "base_alone": "the base alone",
    "champion_in_use": "In use by {engine}",
    "champion_not_in_use": "The page answers with {used}",
    "engine_none": "No engine is ready",
    "gate_title": "{adapter} against {champion}",
    "gate_set": "Set",
    "gate_size": "Number",
    "gate_champion": "Champion",
    "gate_challenger": "Challenger",
    "gate_change": "Change of pixel F1, points [95 %]",
    "gate_target": "Corrections, held out",
    "gate_base": "Frozen base set",
    "gate_alarms": "False alarms",
    "gate_calibration": "Calibration error",
    "gate_few": "(too few to decide)",
    "runs_heading": "Runs",
    "runs_empty": "No retraining has run yet. `python -m finetune schedule` prints the line for cron.",
    "runs_began": "Began",
    "runs_took": "Took",
    "runs_state": "State",
    "runs_release": "Release",
    "runs_adapter": "Adapter",
    "runs_outcome": "Outcome",
    "minutes": "{n} min",
    "moves_heading": "Champions",
    "moves_empty": "The base alone has been in use from the start.",
    "moves_when": "When",
    "moves_adapter": "From then on",
    "moves_kind": "By way of",
    "moves_by": "Who",
    "moves_reason": "Why",
    "move_promotion": "Promotion",
    "move_rollback": "Rollback",
    "roll_back": "One champion back, at once:",
}


def told(key: str, **values: object) -> str:
    """The words of that key with its places filled; plain text, to be escaped where it enters HTML."""
    return WORDS[key].format(**values)
