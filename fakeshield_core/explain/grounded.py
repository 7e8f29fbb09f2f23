"""The compact engine's explainer: every sentence comes from a measurement."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fakeshield_core import masks
from fakeshield_core.domain import (
    Analysis,
    BoolMask,
    Claim,
    ClaimsReady,
    Evidence,
    EvidenceReady,
    Explanation,
    Region,
    SoftMap,
    TextChunk,
    Update,
)
from fakeshield_core.errors import MaskShapeMismatch, SettingsInvalid
from fakeshield_core.evidence import compare, measure
from fakeshield_core.explain.chinese import CHINESE
from fakeshield_core.explain.claims import NONE_LEARNT, claims_from
from fakeshield_core.explain.note import ENGLISH
from fakeshield_core.explain.offsets import Offsets
from fakeshield_core.explain.outline import sentences
from fakeshield_core.explain.words import Words
from fakeshield_core.picture import Picture

log = logging.getLogger(__name__)

MEASURED = "measured"  # source of an explanation
LANGUAGES: Mapping[str, Words] = {words.code: words for words in (ENGLISH, CHINESE)}


class GroundedExplainer:
    """Explains any mask, an engine's or a person's, from measurements alone. Keeps no state.

    Claims, their order, numbers and confidences do not depend on the language; their texts and the note do.
    """

    def __init__(self, language: str = ENGLISH.code, offsets: Offsets = NONE_LEARNT) -> None:
        """An explainer in one language.

        Args:
            offsets: of `read_offsets`, which move the confidences of claims.

        Raises:
            SettingsInvalid: the language is none of LANGUAGES.
        """
        self._words = words_of(language)
        self._offsets = offsets

    def explain(
        self, picture: Picture, mask: BoolMask, evidence: Evidence, prior: Analysis | None
    ) -> Iterator[Update]:
        """EvidenceReady (compared with the mask's regions), a TextChunk a sentence, then ClaimsReady.

        Args:
            picture: the picture.
            mask: (H, W) of the picture, True = tampered; may be empty.
            evidence: of `evidence.measure`; measured anew where it comes without grids, as read from a file.
            prior: its soft map gives the regions' scores; without one they are 1.

        Raises:
            MaskShapeMismatch: the mask does not fit the picture.
        """
        height, width = picture.rgb.shape[:2]
        if mask.shape != (height, width):
            raise MaskShapeMismatch(
                f"The mask is {mask.shape[1]} × {mask.shape[0]} pixels and the picture {width} × {height}; "
                "use a mask of this picture."
            )
        regions = masks.regions(mask, _soft_map(mask, prior))
        labels = masks.label_regions(mask, masks.min_region_px(height, width)).labels
        compared = compare(evidence if evidence.grids else measure(picture), labels, regions)
        yield EvidenceReady(compared)
        claims, words = self._claims(compared, regions), self._words
        told: list[str] = []
        for sentence in _told(prior, claims, compared, regions, words):
            told.append(sentence if not told else f"{words.gap}{sentence}")
            yield TextChunk(told[-1])
        yield ClaimsReady(Explanation("".join(told), words.code, claims, MEASURED))

    def _claims(self, evidence: Evidence, regions: Sequence[Region]) -> tuple[Claim, ...]:
        claims = claims_from(evidence, regions, self._offsets)
        return tuple(replace(claim, text=self._words.claim(claim, evidence, regions)) for claim in claims)


def retold(analysis: Analysis, language: str) -> Explanation | None:
    """The explanation of a finished analysis in another language, made of its measurements.

    Claims keep their ids. One that an engine wrote in its own words stays as it is, and so does one of a
    version that measured something else; None where there is none.

    Raises:
        SettingsInvalid: the language is none of LANGUAGES.
    """
    told = analysis.explanation
    if told is None or told.source != MEASURED or told.language == language:
        return told
    words, evidence, regions = words_of(language), analysis.evidence, analysis.regions
    if any(evidence.item(claim.kind) is None for claim in told.claims):
        return told
    try:
        claims = tuple(replace(claim, text=words.claim(claim, evidence, regions)) for claim in told.claims)
        text = words.gap.join(_told(analysis, claims, evidence, regions, words))
    except (LookupError, TypeError, ValueError) as error:  # a number has another name or form there
        log.warning("an explanation cannot be told in %s: %r", language, error)
        return told
    return Explanation(text, words.code, claims, MEASURED)


def _told(
    prior: Analysis | None,
    claims: Sequence[Claim],
    evidence: Evidence,
    regions: Sequence[Region],
    words: Words,
) -> Iterator[str]:
    """The note sentence by sentence, with a lead where the verdict does not stand behind the marks."""
    if prior is not None and regions and (lead := words.leads.get(prior.verdict)):
        yield lead
    yield from sentences(claims, evidence, regions, words)


def words_of(language: str) -> Words:
    """What that language says.

    Raises:
        SettingsInvalid: it is none of LANGUAGES.
    """
    if language not in LANGUAGES:
        raise SettingsInvalid(
            f"Explanations are written in {' or '.join(LANGUAGES)}, not in {language!r}; choose one."
        )
    return LANGUAGES[language]


def _soft_map(mask: BoolMask, prior: Analysis | None) -> SoftMap:
    if prior is not None and prior.soft_map is not None and prior.soft_map.shape == mask.shape:
        return prior.soft_map
    return mask.astype(np.float32)
