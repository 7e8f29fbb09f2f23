"""What the model card says of kinds and reasons is what `bench.grounding` wrote."""

from __future__ import annotations

import json

from fakeshield_core.provenance import ROOT

RESULTS = ROOT / "bench" / "results" / "grounding-2026-11-28.json"


def test_the_card_quotes_the_results_of_the_shipped_weights() -> None:
    found = json.loads(RESULTS.read_text())
    figures = {(figure["source"], figure["what"]): figure["measured"] for figure in found["figures"]}
    kinds = figures["photographs", "engine's findings: stated kind right"]
    stated = figures["photographs", "engine's findings: its kind is stated"]
    claims = figures["photographs", "claims on a forged region, engine's mask: all"]
    drawn = figures["scenes", "engine's findings: stated kind right"]
    card = " ".join((ROOT / "docs" / "MODEL_CARD.md").read_text().split())
    assert found["engine"] in card
    for words in (
        f"in {_interval(kinds)} of the cases in which one is stated ({100 * stated['value']:.0f} % of the",
        f"{_interval(claims)} of the reasons point at a forged region",
        f"right in {drawn['value'] * drawn['n']:.0f} of {drawn['n']}",
    ):
        assert words in card
    assert figures["photographs", "place right, true area"]["value"] == 1.0  # "in all"


def _interval(measured: dict[str, float]) -> str:
    value, low, high = (f"{measured[name]:.2f}".lstrip("0") for name in ("value", "low", "high"))
    return f"{value} [{low}–{high}]"
