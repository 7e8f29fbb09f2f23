"""One picture's way: facts and evidence first, then the engine's updates, merged into one Analysis."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

import numpy as np

from fakeshield_core import masks
from fakeshield_core.domain import (
    Analysis,
    BoolMask,
    ClaimsReady,
    Done,
    Engine,
    Evidence,
    EvidenceReady,
    Explainer,
    Explanation,
    FactsReady,
    Finding,
    MapReady,
    Region,
    TextChunk,
    Update,
    VerdictReady,
)
from fakeshield_core.errors import EngineOutputInvalid
from fakeshield_core.evidence import measure
from fakeshield_core.explain import GroundedExplainer
from fakeshield_core.picture import Picture

DEFAULT_THRESHOLD = 0.5  # of score and mask, where an engine gives neither


def analyze(engine: Engine, picture: Picture, explainer: Explainer | None = None) -> Iterator[Update]:
    """Updates as they come: FactsReady, EvidenceReady, the engine's own, then Done(Analysis).

    Where the verdict is to be checked, explanation and Done follow the map; Done comes again after the check,
    under the same id. Words are told once; a verdict that the check changed has its claims sent again;
    date and timings are those of the first answer.

    An engine that gives no explanation has its mask explained by `explainer` (default: from measurements).
    One that does gets the evidence compared inside and outside its regions beside its words.
    Closing the iterator cancels the engine.

    Raises:
        EngineOutputInvalid: the engine's map has another size than the picture.
    """
    gathered = _Gathered(engine, picture)
    yield FactsReady(picture.facts)
    evidence = measure(picture)
    gathered.mark("evidence")
    yield gathered.take(EvidenceReady(evidence))
    answered: Analysis | None = None
    for update in engine.analyze(picture):
        yield gathered.take(update)
        if isinstance(update, MapReady) and gathered.is_to_be_checked():
            gathered.mark("engine")
            yield from gathered.explain(explainer)
            answered = gathered.analysis()
            yield Done(answered)
    if answered is None:
        gathered.mark("engine")
        yield from gathered.explain(explainer)
        yield Done(gathered.analysis())
        return
    if gathered.analysis().verdict != answered.verdict:
        yield from (update for update in gathered.explain(explainer) if not isinstance(update, TextChunk))
    last = gathered.analysis()  # the check may have had to wait
    yield Done(replace(last, timings_s=answered.timings_s, created_at=answered.created_at))


def analyze_to_end(engine: Engine, picture: Picture, explainer: Explainer | None = None) -> Analysis:
    """The finished Analysis; what commands, batch runs and tests use.

    Raises:
        EngineOutputInvalid: as `analyze`, or the engine stopped before the end.
    """
    last: Analysis | None = None
    for update in analyze(engine, picture, explainer):
        if isinstance(update, Done):
            last = update.analysis
    if last is None:
        raise EngineOutputInvalid("The engine stopped before it had an answer; try the picture once more.")
    return last


@dataclass(slots=True)
class _Gathered:
    """What has come so far; private to one request."""

    engine: Engine
    picture: Picture
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    evidence: Evidence = field(default_factory=lambda: Evidence(items=(), layers={}))
    verdict: VerdictReady | None = None
    map: MapReady | None = None
    explanation: Explanation | None = None
    text: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)
    timings_s: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        """Notes the seconds since the last mark, and since the start under `total`."""
        now = time.perf_counter()
        self.timings_s[name] = round(now - self.last, 4)
        self.timings_s["total"] = round(now - self.started, 4)
        self.last = now

    def take(self, update: Update) -> Update:
        """Keeps the update and gives it back."""
        match update:
            case EvidenceReady():
                self.evidence = update.evidence
            case VerdictReady():
                self.verdict = update
            case MapReady():
                self._check_size(update)
                self.map = update
            case TextChunk():
                self.text.append(update.text)
            case ClaimsReady():
                self.explanation = update.explanation
            case _:
                pass
        return update

    def _check_size(self, update: MapReady) -> None:
        expected = self.picture.rgb.shape[:2]
        if update.soft_map.shape != expected:
            raise EngineOutputInvalid(
                f"{self.engine.info.name} gave a map of {update.soft_map.shape} for a picture of {expected}; "
                "please report this with the engine's version."
            )

    def explain(self, explainer: Explainer | None) -> Iterator[Update]:
        """Claims of the explainer; for an engine with words of its own, the evidence in its regions."""
        if "explanation" not in self.engine.info.gives:
            chosen = explainer if explainer is not None else GroundedExplainer()
            for update in chosen.explain(self.picture, self.mask(), self.evidence, self.analysis()):
                yield self.take(update)
            self.mark("explanation")
        elif self.map is not None:  # a model's reading stands beside what is measured in the same regions
            told = GroundedExplainer().explain(self.picture, self.mask(), self.evidence, self.analysis())
            for update in islice(told, 1):
                yield self.take(update)
            self.mark("compared")

    def is_to_be_checked(self) -> bool:
        """Whether the verdict will come once more."""
        return self.verdict is not None and self.verdict.to_be_checked

    def mask(self) -> BoolMask:
        """The engine's mask; empty where it gives no map."""
        if self.map is None:
            return np.zeros(self.picture.rgb.shape[:2], np.bool_)
        return masks.threshold(self.map.soft_map, self.map.threshold)

    def analysis(self) -> Analysis:
        """Everything so far as one record."""
        verdict = self.verdict or VerdictReady("not_given", None, None, DEFAULT_THRESHOLD)
        mask = self.mask() if self.map is not None else None
        regions: tuple[Region, ...] = ()
        if mask is not None and self.map is not None:
            regions = masks.regions(mask, self.map.soft_map)
        return Analysis(
            id=self.id,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            picture=self.picture.facts,
            engine=self.engine.info,
            verdict=verdict.verdict,
            score=verdict.score,
            band=verdict.band,
            threshold=verdict.threshold,
            findings=_placed(verdict.findings, regions),
            mask=mask,
            mask_threshold=self.map.threshold if self.map is not None else DEFAULT_THRESHOLD,
            mask_source="engine",
            regions=regions,
            explanation=self.explanation,
            evidence=self.evidence,
            stability=verdict.stability,
            domain_tag=verdict.domain_tag,
            warnings=self.picture.warnings + verdict.warnings,
            timings_s=dict(self.timings_s),
            soft_map=self.map.soft_map if self.map is not None else None,
        )


def _placed(findings: tuple[Finding, ...], regions: tuple[Region, ...]) -> tuple[Finding, ...]:
    """Findings whose region does not exist in the mask point at the whole picture."""
    known = {region.id for region in regions}
    return tuple(f if f.region_id in known else replace(f, region_id=None) for f in findings)
