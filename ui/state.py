"""What the page shows: one frozen record, moved on by each update of an analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from fakeshield_core import masks
from fakeshield_core.domain import (
    Analysis,
    ClaimsReady,
    Done,
    EngineInfo,
    Evidence,
    EvidenceReady,
    Explanation,
    FactsReady,
    MapReady,
    PictureFacts,
    Region,
    TextChunk,
    Update,
    VerdictReady,
)

Phase = Literal["waiting", "starting", "working", "done", "refused"]
UNCHECKED = "This verdict was not checked on altered copies of the picture."


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser sends with an event. All of it is a visitor's text; nothing of it is believed."""

    run: str  # chosen by the browser: tells its answers from those to an earlier question
    name: str = ""  # of the file as the person knows it
    path: str = ""  # of the upload
    example: str = ""  # id of an example
    case: str = ""  # id of a case that is opened again, or asked about once more
    again: str = ""  # what it is asked for: one of `ui.again`

    @classmethod
    def read(cls, data: object) -> Asked:
        """The fields that are texts, cut to a bounded length; all others are empty."""
        given = data if isinstance(data, Mapping) else {}
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        return cls(
            *(texts.get(name, "")[:1024] for name in ("run", "name", "path", "example", "case", "again"))
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer."""

    head: str
    why: str  # one sentence that says what to do
    reason: str = ""  # "gone": the case is over; the browser may still have the picture


@dataclass(frozen=True, slots=True)
class Localised:
    """The engine's map in words and numbers."""

    regions: tuple[Region, ...]
    area_fraction: float  # of the mask, 0..1
    peak: float  # highest value of the map, 0..1
    threshold: float  # of the mask


@dataclass(frozen=True, slots=True)
class LayerView:
    """An evidence layer as the browser gets it."""

    address: str  # of a grey PNG, 255 = strongest
    strongest: float
    unit: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the browser fetches what is too large to be told in words; None: there is no such thing."""

    picture: str | None = None  # None: the browser shows the file it sent
    map: str | None = None  # grey PNG, perhaps smaller than the picture
    layers: Mapping[str, LayerView] = field(default_factory=dict)  # by name of the evidence layer
    mask: str | None = None  # 1-bit PNG of the picture's size
    map_file: str | None = None  # grey PNG of the picture's size
    result: str | None = None  # schema v1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known when an analysis has ended."""

    id: str
    created_at: str  # ISO 8601, UTC
    timings_s: Mapping[str, float]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """Everything the page shows about one question; later fields fill up as updates come."""

    run: str
    name: str = ""
    phase: Phase = "waiting"
    ahead: int = 0  # pictures that go first
    engine: EngineInfo | None = None
    facts: PictureFacts | None = None
    evidence: Evidence | None = None
    verdict: VerdictReady | None = None
    localised: Localised | None = None
    text: str = ""  # of the explanation, as far as it has come
    explanation: Explanation | None = None
    outcome: Outcome | None = None
    addresses: Addresses = field(default_factory=Addresses)
    alt: str = ""  # what an example shows, for those who do not see it
    is_stored: bool = False
    example: str = ""  # id of the example that is shown
    case_id: str = ""  # under which the answer can be corrected; empty before its end
    can_ask_again: bool = False  # for another answer, or a map
    refusal: Refusal | None = None

    @property
    def is_checked_next(self) -> bool:
        """Whether the answer is complete but for the check of its verdict."""
        return self.phase == "done" and self.verdict is not None and self.verdict.to_be_checked


def advance(view: PageView, update: Update) -> PageView:
    """The view after one update."""
    match update:
        case FactsReady():
            return replace(view, phase="working", facts=update.facts)
        case EvidenceReady():
            return replace(view, evidence=update.evidence)
        case VerdictReady():
            return replace(view, verdict=update)
        case MapReady():
            return replace(view, localised=localise(update))
        case TextChunk():
            return replace(view, text=view.text + update.text)
        case ClaimsReady():
            return replace(view, explanation=update.explanation)
        case Done():
            return replace(view, phase="done", outcome=outcome_of(update.analysis))


def unchecked(view: PageView) -> PageView:
    """The view of an answer whose verdict is not checked after all; it says so."""
    if view.verdict is None or view.outcome is None:
        return view
    outcome = replace(view.outcome, warnings=(*view.outcome.warnings, UNCHECKED))
    return replace(view, verdict=replace(view.verdict, to_be_checked=False), outcome=outcome)


def localise(update: MapReady) -> Localised:
    """Regions, area and peak of a map."""
    mask = masks.threshold(update.soft_map, update.threshold)
    return Localised(
        regions=masks.regions(mask, update.soft_map),
        area_fraction=masks.area_fraction(mask),
        peak=float(update.soft_map.max()),
        threshold=update.threshold,
    )


def outcome_of(analysis: Analysis) -> Outcome:
    """The parts of a finished analysis that only its end tells."""
    return Outcome(analysis.id, analysis.created_at, analysis.timings_s, analysis.warnings)


def stored_view(view: PageView, analysis: Analysis, peak: float | None) -> PageView:
    """The view of a result that was read from a file.

    Args:
        view: what is known of the question.
        analysis: as `schema.analysis_from_json` gives it.
        peak: highest value of its map, 0..1; None where it has no map.
    """
    verdict = VerdictReady(
        analysis.verdict,
        analysis.score,
        analysis.band,
        analysis.threshold,
        analysis.findings,
        analysis.stability,
    )
    localised = None
    if analysis.mask is not None and peak is not None:
        area = masks.area_fraction(analysis.mask)
        localised = Localised(analysis.regions, area, peak, analysis.mask_threshold)
    return replace(
        view,
        phase="done",
        engine=analysis.engine,
        facts=analysis.picture,
        evidence=analysis.evidence,
        verdict=verdict,
        localised=localised,
        explanation=analysis.explanation,
        outcome=outcome_of(analysis),
        is_stored=True,
    )
