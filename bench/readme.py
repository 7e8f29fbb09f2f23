"""Results in README, model card and beside the weights, from committed files; a test compares them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.card import NONE, ROBUSTNESS_MARKS, change_of, figure, robustness_block
from bench.card_dev import DEV_MARKS, dev_block, measured_rates
from fakeshield_core.checkpoints.compact import CARD, SHIPPED

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
BEGIN = "<!-- results: written by `python -m bench.readme`, checked by a test -->"
END = "<!-- /results -->"
SETS = ("CASIA v1.0", "IMD2020 (subset)", "MISD")
AUC_QUALITY = 85
HEADER = "| data set | F1 at 0.5 | best baseline, at its best threshold | image AUC, JPEG 85 | false alarms |"


def newest(prefix: str) -> Path:
    """The newest results file of that name; the names end in a date."""
    return max(RESULTS.glob(f"{prefix}-*.json"), key=lambda path: path.stem)


def results_block(document: dict[str, Any], name: str) -> str:
    """A short table of one `bench.baselines` document.

    Args:
        name: of its file, told below the table.
    """
    lines = [HEADER, "| --- | --- | --- | --- | --- |"]
    lines += [_row(document, dataset) for dataset in SETS]
    lines += ["", _caption(document, name)]
    return "\n".join(lines)


def replaced(text: str, block: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """The text with the block between its two marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"{marks[0]} or {marks[1]} is missing")
    return f"{before}{begin}\n{block}\n{end}{after}"


def readme_text(text: str) -> str:
    """README.md with the newest results."""
    results = newest("dev")
    return replaced(text, results_block(json.loads(results.read_text()), results.name))


def card_text(text: str) -> str:
    """docs/MODEL_CARD.md with the newest results."""
    for prefix, block, marks in (
        ("dev", dev_block, DEV_MARKS),
        ("robustness", robustness_block, ROBUSTNESS_MARKS),
    ):
        results = newest(prefix)
        text = replaced(text, block(json.loads(results.read_text()), results.name), marks)
    return text


def weights_card_text(text: str) -> str:
    """The card beside the compact weights, with the rates of the newest results if those are of them."""
    card, document = json.loads(text), json.loads(newest("dev").read_text())
    if card["sha256"].startswith(document["engine"]["engine"]["weights"]):
        card["rates"] = measured_rates(document)
    return json.dumps(card, indent=1) + "\n"


def main() -> int:
    """Rewrites README.md, docs/MODEL_CARD.md and the card of the weights from the newest results."""
    for path, written in (
        (ROOT / "README.md", readme_text),
        (ROOT / "docs" / "MODEL_CARD.md", card_text),
        (SHIPPED / CARD, weights_card_text),
    ):
        path.write_text(written(path.read_text()))
    return 0


def _caption(document: dict[str, Any], name: str) -> str:
    source, weights = document["provenance"], document["engine"]["engine"]["weights"]
    mean = document["summary"][f"mean_image_auc_jpeg_{AUC_QUALITY}"]
    return (
        f"Weights `{weights}`, {source['date'][:10]}, {source['cpu']}, {source['cores']} cores: `python -m "
        f"bench.baselines` on the development pictures (`bench/results/{name}`), 95 % intervals by scene. "
        f"Mean image AUC of the first two sets, both classes at JPEG {AUC_QUALITY}: {mean:.2f}. CASIA and "
        "MISD come from the same sources as the training data; IMD2020 is nearest to what people bring, "
        "with 25 masks."
    )


def _row(document: dict[str, Any], dataset: str) -> str:
    plain, compressed = (_slice(document, dataset, change) for change in (None, f"jpeg{AUC_QUALITY}"))
    baselines = [b for b in document["baselines"] if b["dataset"] == dataset]
    best = max(baselines, key=lambda b: b["f1_at_best_single_threshold"]["value"])
    auc, alarms = compressed["image"]["auc"], plain["alarms"]["false_alarm_rate"]
    cells = (
        dataset,
        figure(plain["pixel"]["f1"]),
        f"{best['f1_at_best_single_threshold']['value']:.2f} ({best['name']})",
        figure(auc),
        NONE if alarms is None else f"{100 * alarms['value']:.0f} %",
    )
    return f"| {' | '.join(cells)} |"


def _slice(document: dict[str, Any], dataset: str, change: str | None) -> dict[str, Any]:
    found: dict[str, Any] = next(
        part
        for part in document["engine"]["slices"]
        if (part["dataset"], change_of(part), part["tampering"]) == (dataset, change, None)
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
