"""Views of the page with made-up answers, and what a person reads of them."""

from __future__ import annotations

import re

from fakeshield_core.domain import (
    Claim,
    EngineInfo,
    Evidence,
    EvidenceItem,
    Explanation,
    PictureFacts,
    Region,
    Verdict,
    VerdictReady,
)
from ui import render, render_evidence, render_reasons
from ui.rates import Rates
from ui.state import Localised, Outcome, PageView

RATES = Rates(false_alarm=4.0, missed=17.2, inconclusive=12.0, measured_on="pictures kept apart")
ENGINE = EngineInfo(
    "compact", "1", "abc123", None, "cpu", frozenset({"verdict", "map"}), ("Areas below 32 pixels",)
)
FACTS = PictureFacts("0" * 64, 960, 640, "JPEG", 1, 93_000)
ONE = Region(1, (10, 20, 60, 80), 0.02, 0.9, "left of centre")
TWO = Region(2, (200, 20, 260, 80), 0.005, 0.8, "top right")
VERDICTS: tuple[Verdict, ...] = ("tampered", "synthetic", "no_tampering_found", "inconclusive", "not_given")


def ready(verdict: str, score: float | None = 0.91, threshold: float = 0.5, **more: object) -> VerdictReady:
    band = None if score is None else (max(0.0, score - 0.05), min(1.0, score + 0.04))
    return VerdictReady(verdict, score, band, threshold, **more)  # type: ignore[arg-type]


def claim(
    text: str = "Noise is 1.4 times stronger here.", region_id: int | None = 1, kind: str = "noise"
) -> Claim:
    return Claim("c1", text, kind, region_id, {}, None)


def item(status: str = "points_to_region", region_id: int | None = 1, name: str = "noise") -> EvidenceItem:
    return EvidenceItem(
        name,
        "Noise",
        status,
        "1.4 ×",
        "Stronger here.",
        "Not who did it.",
        {},
        region_id,
        name,  # type: ignore[arg-type]
    )


def view(
    verdict: VerdictReady | None = None,
    regions: tuple[Region, ...] = (ONE,),
    claims: tuple[Claim, ...] = (),
    items: tuple[EvidenceItem, ...] = (),
) -> PageView:
    area = sum(region.area_fraction for region in regions)
    return PageView(
        run="r1",
        name="launch-pad.jpg",
        phase="done",
        engine=ENGINE,
        facts=FACTS,
        evidence=Evidence(items, {}),
        verdict=verdict or ready("tampered"),
        localised=Localised(regions, area, 0.3, 0.5),
        explanation=Explanation("The note.", "en", claims, "measured"),
        outcome=Outcome("id1", "2026-01-02T03:04:05+00:00", {"engine": 0.31, "total": 1.24}, ()),
    )


def text_of(html: str) -> str:
    """What a person reads of it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def everything(shown: PageView) -> str:
    return "".join(
        (
            render.verdict_card(shown, RATES),
            render_reasons.reasons_card(shown),
            render_evidence.evidence_tiles(shown),
            render.about_card(shown),
        )
    )
