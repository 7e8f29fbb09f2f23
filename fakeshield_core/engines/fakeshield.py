"""FakeShield-22B as an engine: tag, answer word by word, verdict, then the map that the answer describes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from fakeshield_core import orientation
from fakeshield_core.checkpoints import fakeshield as checkpoints
from fakeshield_core.checkpoints import manifest
from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.domain import (
    Claim,
    ClaimsReady,
    EngineInfo,
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
from fakeshield_core.errors import EngineOutOfMemory
from fakeshield_core.fakeshield import explaining, loading, localising
from fakeshield_core.fakeshield.adapters import apply_adapter, read_adapters
from fakeshield_core.fakeshield.decoding import Decoding
from fakeshield_core.fakeshield.explaining import DetectionPrompt, DteFdmStage
from fakeshield_core.fakeshield.localising import Localisation, MaskPrompt, MflmStage
from fakeshield_core.fakeshield.recipes import Part
from fakeshield_core.fakeshield.tagging import DomainTag, DtgStage
from fakeshield_core.fakeshield.verdicts import Rule, says_tampered
from fakeshield_core.networks.llava import Llava
from fakeshield_core.picture import Picture
from fakeshield_core.settings import Settings

VERSION = "1"
NAME = "fakeshield"
MASK_THRESHOLD = 0.5  # logit > 0
UNDECODED = "\ufffd"  # the end of a character whose other bytes are still to come
KINDS: tuple[FindingKind, ...] = ("inpainting", "face", "unknown")  # of the tag's labels
LIMITS = (
    "Untouched pictures: it is told that each is suspected, and calls many of them tampered",
    "Its words are a reading of the picture, not measurements",
    "Pictures unlike its training sets",
)
NO_REGION = "The answer calls the picture tampered and points at no region; nothing is marked."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FakeShieldOptions:
    """The switches of the published programs; the defaults are published, but greedy."""

    detection: DetectionPrompt = field(default_factory=DetectionPrompt)
    mask: MaskPrompt = field(default_factory=MaskPrompt)
    with_explanation: bool = True  # False: the MFLM is asked without the answer (ablation)
    rule: Rule = "published"
    geometry: Literal["published", "upright"] = "published"  # which stages see the EXIF orientation
    max_new_tokens: int = 512
    temperature: float = 0.0  # the published programs sample at 0.2
    top_p: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Stages:
    """The three parts, loaded."""

    dtg: DtgStage
    dte_fdm: DteFdmStage
    mflm: MflmStage


class FakeShieldEngine:
    """Immutable; one picture at a time is faster than several at once."""

    def __init__(self, stages: Stages, info: EngineInfo, options: FakeShieldOptions | None = None) -> None:
        self._stages = stages
        self._options = options or FakeShieldOptions()
        self.info = info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """TextChunks, VerdictReady, MapReady, ClaimsReady. An untampered picture gets an empty map.

        Raises:
            EngineOutOfMemory: the device has too little free memory.
        """
        try:
            yield from self._updates(picture)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise EngineOutOfMemory(
                "There is too little free memory for this picture; try again later, or a larger card."
            ) from error

    def _updates(self, picture: Picture) -> Iterator[Update]:
        seen = self._seen(picture)
        tag = self._stages.dtg.tag(seen)
        answer = ""
        for piece in self._answer(seen, tag):
            answer += piece
            yield TextChunk(piece)
        verdict = self._verdict(answer, tag)
        yield verdict
        if verdict.verdict == "tampered":
            found = self._localise(picture.rgb, answer)
            if not found.found:
                yield replace(verdict, findings=(), warnings=(*verdict.warnings, NO_REGION))
            yield MapReady(_soft(found), MASK_THRESHOLD)
        else:
            yield MapReady(np.zeros(picture.rgb.shape[:2], np.float32), MASK_THRESHOLD)
        yield ClaimsReady(_explanation(answer))

    def _seen(self, picture: Picture) -> RgbImage:
        """What the first two stages look at: as published, the pixels as stored, or the upright ones."""
        if self._options.geometry == "upright":
            return picture.rgb
        return orientation.stored(picture.rgb, picture.facts.orientation)

    def _answer(self, rgb: RgbImage, tag: DomainTag) -> Iterator[str]:
        """The answer in pieces of whole characters."""
        options, stage = self._options, self._stages.dte_fdm
        decoding = Decoding(
            stage.tokenizer.end_id,
            options.max_new_tokens,
            options.temperature,
            top_p=options.top_p,
            seed=options.seed,
        )
        ids: list[int] = []
        shown = text = ""
        for step in stage.steps(rgb, stage.prompt(tag.label, options.detection), decoding):
            ids.append(step.token)
            text = stage.tokenizer.decode(ids).lstrip()
            if text.startswith(shown) and not text.endswith((UNDECODED, " ")) and text != shown:
                yield text[len(shown) :]
                shown = text
        rest = text.rstrip()
        if rest.startswith(shown) and rest != shown:
            yield rest[len(shown) :]

    def _verdict(self, answer: str, tag: DomainTag) -> VerdictReady:
        tampered = says_tampered(answer, self._options.rule)
        findings = (Finding(KINDS[tag.label], max(tag.probabilities), 1),) if tampered else ()
        return VerdictReady(
            "tampered" if tampered else "no_tampering_found",
            score=None,  # words carry none
            band=None,
            threshold=0.5,
            findings=findings,
            domain_tag=tag.to_json(),
        )

    def _localise(self, rgb: RgbImage, answer: str) -> Localisation:
        words = answer if self._options.with_explanation else None
        return self._stages.mflm.localise(rgb, words, self._options.mask)


def build(settings: Settings, adapter: Path | None = None) -> FakeShieldEngine:
    """The engine with the weights that the settings name: in half precision on a GPU, in float32 on a CPU.

    Raises:
        EngineUnavailable: weights or adapter are missing, damaged, or do not fit.
    """
    torch.set_num_threads(settings.threads)
    return build_from(checkpoints.find(settings), adapter)


def build_from(
    files: FakeShieldFiles, adapter: Path | None = None, options: FakeShieldOptions | None = None
) -> FakeShieldEngine:
    """The engine of known files; errors as in `build`."""
    gpu = torch.cuda.is_available()
    device = "cuda" if gpu else "cpu"
    stages = Stages(
        DtgStage(loading.load_dtg(files, device)),
        explaining.load_stage(files, torch.float16 if gpu else torch.float32, device),
        localising.load_stage(files, torch.bfloat16 if gpu else torch.float32, device),
    )
    digest = None
    if adapter is not None:
        found = read_adapters(adapter)
        networks: Mapping[Part, Llava] = {
            "dte_fdm": stages.dte_fdm.network,
            "mflm": stages.mflm.network,
        }
        for part, one in found.items():
            apply_adapter(networks[part], one)
        digest = _digest_of_files(adapter)
    info = EngineInfo(
        name=NAME,
        version=VERSION,
        weights=_digest(files.root),
        adapter=digest,
        device=device,
        gives=frozenset({"verdict", "map", "explanation"}),
        limits=LIMITS,
    )
    return FakeShieldEngine(stages, info, options)


def _soft(found: Localisation) -> SoftMap:
    """Probabilities (H, W); 0 without a mask."""
    logits = np.clip(found.union, -80, 80).astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-logits)) * float(found.found), np.float32)


def _explanation(answer: str) -> Explanation:
    parts = [part.strip() for part in answer.split("\n\n") if part.strip()]
    claims = tuple(
        Claim(f"c{number}", part, "reading", None, {}, None) for number, part in enumerate(parts, start=1)
    )
    return Explanation(answer, "en", claims, NAME)


def _digest(root: Path) -> str:
    """Of the digests that `weights get` or `convert` wrote down; of names and sizes where there are none."""
    record = manifest.read(root)
    if record is None:
        return _digest_of_files(root)
    text = "".join(f"{name}:{file.sha256}\n" for name, file in sorted(record.files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest_of_files(folder: Path) -> str:
    """A digest of names and sizes: reading 41 GB for each start would cost minutes."""
    found = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    text = "".join(f"{name}:{path.stat().st_size}\n" for name, path in found)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
