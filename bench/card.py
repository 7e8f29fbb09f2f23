"""What changes do to the accuracy: a block of docs/MODEL_CARD.md, written from a committed results file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MARKS = (
    "<!-- robustness: written by `python -m bench.readme`, checked by a test -->",
    "<!-- /robustness -->",
)
NONE = "–"
Part = Mapping[str, Any]


def robustness_block(document: Part, name: str) -> str:
    """Pixel F1 and image AUC of each data set after each change.

    Args:
        document: of `bench.robustness`.
        name: of its file.
    """
    rows = [row for row in document["rows"] if row["tampering"] is None]
    changes = list(dict.fromkeys(row["change"] for row in rows))
    head = "| data set | " + " | ".join(change or "file" for change in changes) + " |"
    rule = "| --- " * (len(changes) + 1) + "|"
    left = ", ".join(
        f"{set_} {100 * share:.0f} %" for set_, share in document["f1_left_after_jpeg70"].items()
    )
    return "\n".join(
        [
            f"`python -m bench.robustness`, `bench/results/{name}`, {_source(document)}. Pixel F1:",
            "",
            head,
            rule,
            *_changed_rows(rows, changes, ("pixel", "f1")),
            "",
            "Image AUC:",
            "",
            head,
            rule,
            *_changed_rows(rows, changes, ("image", "auc")),
            "",
            f"Pixel F1 left at JPEG 70: {left}.",
        ]
    )


def _source(document: Part) -> str:
    return f"{document['provenance']['date'][:10]}, {document['provenance']['cores']} CPU cores"


def _changed_rows(
    rows: Sequence[Part], changes: Sequence[str | None], figure: tuple[str, str]
) -> Sequence[str]:
    lines = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        found = {row["change"]: row[figure[0]][figure[1]] for row in rows if row["dataset"] == dataset}
        if any(found.values()):
            cells = " | ".join(_figure(found.get(change)) for change in changes)
            lines.append(f"| {dataset} | {cells} |")
    return lines


def _figure(estimate: Part | None) -> str:
    if estimate is None:
        return NONE
    if estimate["low"] is None:
        return f"{estimate['value']:.2f}"
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}–{estimate['high']:.2f}]"
