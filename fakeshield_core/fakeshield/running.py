"""One picture through the stages: verdict, words in pieces, the map as soon as it is there, claims."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fakeshield_core import orientation
from fakeshield_core.domain import (
    ClaimsReady,
    Explanation,
    Finding,
    FindingKind,
    MapReady,
    RgbImage,
    SoftMap,
    TextChunk,
    Update,
    VerdictReady,
)
from fakeshield_core.fakeshield.claims import claims_of
from fakeshield_core.fakeshield.decoding import Decoding, Step
from fakeshield_core.fakeshield.localising import Localisation
from fakeshield_core.fakeshield.options import FakeShieldOptions
from fakeshield_core.fakeshield.reasons import region_paragraph
from fakeshield_core.fakeshield.stages import Stages
from fakeshield_core.fakeshield.streaming import Pace, TextStream
from fakeshield_core.fakeshield.tagging import DomainTag
from fakeshield_core.fakeshield.verdicts import says_tampered
from fakeshield_core.fakeshield.workshop import Kept, MaskJob, Workshop
from fakeshield_core.picture import Picture

NAME = "fakeshield"
MASK_THRESHOLD = 0.5  # logit > 0
SCORE_THRESHOLD = 0.5
KINDS: tuple[FindingKind, ...] = ("inpainting", "face", "unknown")  # of the tag's labels
NO_REGION = "The answer calls the picture tampered and points at no region; nothing is marked."
CHANGED = "The words say otherwise than the first reading, and the words count; take this verdict as weak."

CUT = {
    "tokens": "The words were cut off at their longest length; what is missing may matter.",
    "time": "The words were cut off at the time limit; ask again when fewer people wait.",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the language model has said."""

    text: str
    cut: str
    score: float | None


class Run:
    """One request; private to it. `kept` is there when the updates have ended."""

    def __init__(self, stages: Stages, picture: Picture, options: FakeShieldOptions, shop: Workshop) -> None:
        self.kept: Kept | None = None
        self._stages, self._picture, self._options, self._shop = stages, picture, options, shop
        self._job = MaskJob(stages.mflm, picture, options, shop)
        self._tag: DomainTag | None = None
        self._shown: MapReady | None = None
        self._found: Localisation | None = None

    def updates(self) -> Iterator[Update]:
        """VerdictReady, TextChunks, MapReady between them, VerdictReady once more if it changed, ClaimsReady.

        With the verdict from words it follows them. Closing the iterator gives the mask up, too.
        """
        try:
            yield from self._all()
        finally:
            self._job.cancel()

    def _all(self) -> Iterator[Update]:
        self._tag = self._stages.dtg.tag(self._seen())
        if self._options.seg == "forced":
            self._job.prepare()
        stream, score = self._begin(self._tag)
        first = None if score is None else self._verdict(score > SCORE_THRESHOLD, score)
        if first is not None:
            yield first
        for piece in stream:
            yield TextChunk(piece)
            self._ask_early(stream.text)
            if self._shown is None and self._job.is_ready:
                yield self._map(self._job.result())
        yield from self._end(_Told(stream.text, stream.cut, score), first)

    def _seen(self) -> RgbImage:
        """What the first two stages look at: as published, the pixels as stored, or the upright ones."""
        if self._options.geometry == "upright":
            return self._picture.rgb
        return orientation.stored(self._picture.rgb, self._picture.facts.orientation)

    def _begin(self, tag: DomainTag) -> tuple[TextStream, float | None]:
        """The words to come, and the score before them where it was asked for."""
        options, stage = self._options, self._stages.dte_fdm
        decoding = Decoding(
            stage.tokenizer.end_id,
            options.max_new_tokens,
            options.temperature,
            top_p=options.top_p,
            seed=options.seed,
            static=options.static_cache,
        )
        prompt, score = stage.prompt(tag.label, options.detection), None
        steps: Iterator[Step]
        if options.verdict_from == "logits":
            with self._shop.turns.turn():
                opening = stage.open(self._seen(), prompt)
            score, steps = opening.score, stage.steps_after(opening, decoding)
        else:
            steps = stage.steps(self._seen(), prompt, decoding)
        pace = Pace(limit_s=options.time_limit_s)
        return TextStream(stage.tokenizer, self._shop.turns.each(steps), pace), score

    def _ask_early(self, text: str) -> None:
        """Asks for the mask as soon as the words have said where."""
        if self._options.mask_from == "region" and not self._job.is_asked:
            paragraph = region_paragraph(text)
            if paragraph is not None and says_tampered(paragraph, self._options.rule):
                self._job.ask(paragraph)

    def _end(self, told: _Told, first: VerdictReady | None) -> Iterator[Update]:
        tampered = self._is_tampered(told, first)
        verdict = self._verdict(tampered, told.score)
        if first is not None:
            agrees = verdict.verdict == first.verdict
            log.info("verdict by logits %.4f, words agree: %s", told.score, agrees)
            if not agrees:  # the words win; a score on the other side of the threshold would speak against it
                verdict = replace(verdict, score=None, warnings=(CHANGED,))
        else:
            yield verdict
            first = verdict
        yield from self._last_map(told.text, tampered)
        verdict, claims = self._with_claims(verdict, told)
        if verdict != first:
            yield verdict
        yield claims
        self.kept = Kept(verdict, told.text, self._low_resolution(), claims)

    def _is_tampered(self, told: _Told, first: VerdictReady | None) -> bool:
        """By the words; by the first reading where the words were cut off before they said."""
        undecided = told.cut == "time" and region_paragraph(told.text) is None
        if undecided and first is not None:
            return first.verdict == "tampered"
        return says_tampered(told.text, self._options.rule)

    def _verdict(self, tampered: bool, score: float | None) -> VerdictReady:
        tag = self._tag
        findings = (Finding(KINDS[tag.label], max(tag.probabilities), 1),) if tag and tampered else ()
        return VerdictReady(
            "tampered" if tampered else "no_tampering_found",
            score=score,
            band=None,
            threshold=SCORE_THRESHOLD,
            findings=findings,
            domain_tag=tag.to_json() if tag else None,
        )

    def _last_map(self, text: str, tampered: bool) -> Iterator[Update]:
        """The map where none was shown, or where the words took it back."""
        if tampered or self._options.map_when == "always":
            if not self._job.is_asked:
                self._job.ask(text)
            if self._shown is None:
                yield self._map(self._job.result())
        else:
            self._found = None
            self._shown = MapReady(np.zeros(self._picture.rgb.shape[:2], np.float32), MASK_THRESHOLD)
            yield self._shown

    def _map(self, found: Localisation) -> MapReady:
        self._found, self._shown = found, MapReady(soft_map(found), MASK_THRESHOLD)
        return self._shown

    def _with_claims(self, verdict: VerdictReady, told: _Told) -> tuple[VerdictReady, ClaimsReady]:
        shown = self._shown or MapReady(np.zeros((1, 1), np.float32), MASK_THRESHOLD)
        read = claims_of(told.text, shown.soft_map, shown.threshold)
        warnings = [*verdict.warnings, *read.warnings]
        if self._found is not None and not self._found.found:
            warnings.append(NO_REGION)
            verdict = replace(verdict, findings=())
        if told.cut:
            warnings.append(CUT[told.cut])
        return replace(verdict, warnings=tuple(warnings)), ClaimsReady(
            Explanation(told.text, "en", read.claims, NAME)
        )

    def _low_resolution(self) -> npt.NDArray[np.float32]:
        if self._found is not None:
            return self._found.low_resolution
        return np.zeros((0, 1, 1, 1), np.float32)


def soft_map(found: Localisation) -> SoftMap:
    """Probabilities (H, W); 0 without a mask."""
    logits = np.clip(found.union, -80, 80).astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-logits)) * float(found.found), np.float32)
