"""What the canvas and programs ask about a case: segment, explain, feedback, and what became of a receipt.

Every answer is a JSON object, a refusal as in `answers`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from fakeshield_core import masks
from fakeshield_core.clicks import Change, guarded
from fakeshield_core.domain import Explainer, JsonValue
from fakeshield_core.errors import InputError, UnknownReceipt
from feedback.records import Correction, EngineDigests
from ui.answers import Answer, answered
from ui.cases import Case, Cases
from ui.explaining import explain_mask
from ui.fates import fate_to_json
from ui.incoming import Said, Size, read_client_uuid, read_consent, read_correction, read_mask, read_prompts
from ui.language import EXPLAINERS, spoken
from ui.saving import Saving
from ui.turns import Turns

NO_PROMPT = "Nothing was pointed at; click on the picture or draw a box."
NO_MASK = "There is no mask to explain; mark an area first."


@dataclass(frozen=True)
class Api:
    """The functions, over the cases and the store. Arguments come from outside and may be anything."""

    cases: Cases
    saving: Saving
    explainers: Mapping[str, Explainer] = field(default_factory=lambda: EXPLAINERS)  # by language
    turns: Turns = field(default_factory=Turns)  # of what needs much memory

    @answered
    def segment(self, case_id: object, prompts: object, prior_rle: object = None) -> Answer:
        """What the newest prompt may add to the mask, or take from it.

        Args:
            case_id: as the result was given.
            prompts: `{clicks: [{x, y, positive}], box_xyxy}`, all since the last Keep, newest last.
            prior_rle: the current mask as COCO run lengths; null: nothing is marked.

        Returns:
            `{candidates: [{rle, score, adds, area_fraction}], ms}`, best first; none where nothing would
            change.
        """
        began = time.perf_counter()
        case = self.cases.find(case_id)
        size = Size(case.height, case.width)
        asked = read_prompts(prompts, size)
        if not asked.clicks and asked.box_xyxy is None:
            raise InputError(NO_PROMPT)
        current = read_mask(prior_rle, size)
        if current is None:
            current = np.zeros((size.height, size.width), np.bool_)
        offered = self.cases.propose(case, asked, current)
        with self.turns.turn():
            changes = [guarded(current, mask, asked) for mask in offered.masks]
            candidates = _candidates(changes, offered.scores)
        return {
            "candidates": candidates,
            "ms": round(1000 * (time.perf_counter() - began), 1),
        }

    @answered
    def explain(self, case_id: object, mask_rle: object) -> Answer:
        """The measurements made anew for a mask that a person has drawn.

        Returns:
            As `explain_mask`; regions as the canvas draws them.
        """
        case = self.cases.find(case_id)
        mask = read_mask(mask_rle, Size(case.height, case.width))
        if mask is None:
            raise InputError(NO_MASK)
        with self.turns.turn():
            return explain_mask(case, self.cases.picture(case), mask, self.explainers[spoken()])

    @answered
    def feedback(self, case_id: object, correction: object) -> Answer:
        """Keeps a correction, as far as its consent allows; a retry with its UUID gives the first receipt.

        Returns:
            `{receipt, state, created_at}`, when everything is on the disk.
        """
        uuid = read_client_uuid(correction)
        store = self.saving.store()
        receipt = store.saved(uuid)
        if receipt is None:
            case = self.cases.find(case_id)
            said = read_correction(correction, Size(case.height, case.width))
            receipt = store.save_correction(self._correction(case, said))
        return {"receipt": receipt.code, "state": receipt.state, "created_at": receipt.created_at}

    @answered
    def case(self, receipt: object) -> Answer:
        """What became of a correction.

        Returns:
            `{receipt, state, created_at, verdict, consent, kept, review, releases, adapters}`.
        """
        return fate_to_json(self.saving.store().case(_code(receipt)))

    @answered
    def consent(self, receipt: object, consent: object) -> Answer:
        """Gives or takes back *train* and *publish*; the answer is that of `case`."""
        store, code = self.saving.store(), _code(receipt)
        store.change_consent(code, read_consent(consent))
        return fate_to_json(store.case(code))

    @answered
    def withdraw(self, receipt: object) -> Answer:
        """Deletes a contribution for good.

        Returns:
            `{receipt, state, releases, adapters}`; adapters are those that saw it.
        """
        gone = self.saving.store().withdraw(_code(receipt))
        return {
            "receipt": gone.receipt,
            "state": "withdrawn",
            "releases": list(gone.releases),
            "adapters": list(gone.adapters),
        }

    def _correction(self, case: Case, said: Said) -> Correction:
        engine = cast("Mapping[str, str | None]", case.result["engine"])
        tag = case.result["domain_tag"]
        label = tag.get("label") if isinstance(tag, dict) else None
        return Correction(
            **{name: getattr(said, name) for name in said.__dataclass_fields__},
            picture=self.cases.picture(case),
            analysis_id=str(case.result["id"]),
            engine=EngineDigests(
                name=str(engine["name"]),
                version=str(engine["version"]),
                weights=str(engine["weights"]),
                adapter=engine["adapter"],
            ),
            domain_tag=label if isinstance(label, str) else None,
            analysis=case.result,
        )


def _candidates(changes: list[Change], scores: tuple[float, ...]) -> list[JsonValue]:
    """Those that change anything, each once."""
    found: dict[str, JsonValue] = {}
    for change, score in zip(changes, scores, strict=True):
        if not change.area.any():
            continue
        rle = masks.encode_rle(change.area)
        found.setdefault(
            str(rle["counts"]),
            {
                "rle": rle,
                "score": round(float(score), 4),
                "adds": change.adds,
                "area_fraction": masks.area_fraction(change.area),
            },
        )
    return list(found.values())


def _code(receipt: object) -> str:
    if not isinstance(receipt, str) or len(receipt) > 100:
        raise UnknownReceipt("This is not a receipt code; type it as on the receipt, such as K7QF-2M9D-XR.")
    return receipt
