"""The switches of the engine: as published but greedy, or as the page is served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fakeshield_core.fakeshield.explaining import DetectionPrompt
from fakeshield_core.fakeshield.localising import MaskPrompt
from fakeshield_core.fakeshield.verdicts import Rule

PUBLISHED_TEMPERATURE = 0.2


@dataclass(frozen=True, slots=True)
class FakeShieldOptions:
    """The switches of the published programs, and ours; the defaults are published, but greedy."""

    detection: DetectionPrompt = field(default_factory=DetectionPrompt)
    mask: MaskPrompt = field(default_factory=MaskPrompt)
    with_explanation: bool = True  # False: the MFLM is asked without the answer (ablation)
    rule: Rule = "published"
    geometry: Literal["published", "upright"] = "published"  # which stages see the EXIF orientation
    max_new_tokens: int = 512
    temperature: float = 0.0  # the published programs sample at 0.2
    top_p: float | None = None
    seed: int = 0
    verdict_from: Literal["words", "logits"] = "words"  # logits: before the first word, with a score
    mask_from: Literal["answer", "region"] = "answer"  # region: asked as soon as the words have said where
    seg: Literal["generated", "forced"] = "generated"  # forced: one pass over "It is [SEG]."
    map_when: Literal["tampered", "always"] = "tampered"  # tampered: others get an empty map
    time_limit_s: float | None = None  # for the words; None: until they end
    static_cache: bool = False  # of fixed size, which a compiled step needs


SERVED = FakeShieldOptions(
    geometry="upright",
    verdict_from="logits",
    mask_from="region",
    seg="forced",
    time_limit_s=60.0,
)
