"""What changes do to the accuracy: a block of docs/MODEL_CARD.md, written from a committed results file.

Also how every block of that page writes figures and tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ROBUSTNESS_MARKS = (
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
    head = ("data set", *(change or "file" for change in changes))
    left = ", ".join(
        f"{set_} {100 * share:.0f} %" for set_, share in document["f1_left_after_jpeg70"].items()
    )
    return "\n".join(
        [
            f"`python -m bench.robustness`, `bench/results/{name}`, weights `{document['weights']}`, "
            f"{source(document)}. Pixel F1:",
            "",
            table(head, _changed_rows(rows, changes, ("pixel", "f1"))),
            "",
            "Image AUC:",
            "",
            table(head, _changed_rows(rows, changes, ("image", "auc"))),
            "",
            f"Pixel F1 left at JPEG 70: {left}.",
        ]
    )


def change_of(part: Part) -> str | None:
    """What was done to the pictures before; files of report version 1 know JPEG only."""
    quality = part.get("recompressed_at")
    found: str | None = part.get("change", None if quality is None else f"jpeg{quality}")
    return found


def source(document: Part) -> str:
    """When and on what a document was measured."""
    return f"{document['provenance']['date'][:10]}, {document['provenance']['cores']} CPU cores"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def figure(estimate: Part | None) -> str:
    """An estimate as the page tells it, "0.31 [0.23–0.40]"; without an interval where there is none."""
    if estimate is None:
        return NONE
    if estimate["low"] is None:
        return f"{estimate['value']:.2f}"
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}–{estimate['high']:.2f}]"


def _changed_rows(
    rows: Sequence[Part], changes: Sequence[str | None], name: tuple[str, str]
) -> Sequence[Sequence[str]]:
    lines = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        found = {row["change"]: row[name[0]][name[1]] for row in rows if row["dataset"] == dataset}
        if any(found.values()):
            lines.append((dataset, *(figure(found.get(change)) for change in changes)))
    return lines
