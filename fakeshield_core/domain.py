"""The words everything else is written in: arrays, clicks, regions, claims, evidence, and the engine seam.

Nothing here imports torch, gradio or a database. Values that travel are frozen; arrays in them are
never written to after construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fakeshield_core.picture import Picture

RgbImage: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 3), upright, 0..255
BoolMask: TypeAlias = npt.NDArray[np.bool_]  # (H, W), True = tampered
SoftMap: TypeAlias = npt.NDArray[np.float32]  # (H, W), probability of tampering, 0..1
Plane: TypeAlias = npt.NDArray[np.float32]  # (H, W), any finite value; its unit is said where it is made
Logits: TypeAlias = npt.NDArray[np.float32]  # (h, w), before the sigmoid, low resolution
JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
BoxXyxy: TypeAlias = tuple[int, int, int, int]  # x0, y0, x1, y1 in picture pixels, end exclusive

Verdict = Literal["tampered", "synthetic", "no_tampering_found", "inconclusive", "not_given"]
FindingKind = Literal["splice", "copy_move", "removal", "inpainting", "face", "whole_image", "unknown"]
Part = Literal["verdict", "map", "explanation"]
EvidenceStatus = Literal["points_to_region", "no_difference", "informs", "not_measured"]


@dataclass(frozen=True, slots=True)
class Click:
    """One correction point, in pixels of the upright picture, origin top left."""

    x: int
    y: int
    positive: bool  # True: "tampered here too"; False: "not here"


@dataclass(frozen=True, slots=True)
class Prompts:
    """What a person pointed at: clicks in the order made, and at most one box."""

    clicks: tuple[Click, ...] = ()
    box_xyxy: BoxXyxy | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Masks a segmenter offers for the prompts, best first."""

    masks: tuple[BoolMask, ...]  # each (H, W) of the picture
    scores: tuple[float, ...]  # 0..1, predicted IoU, one for each mask
    logits: tuple[Logits, ...]  # low resolution, the prior of the next round


@dataclass(frozen=True, slots=True)
class Embedding:
    """A picture as a segmenter remembers it; opaque to everyone else, kept by the caller."""

    picture_sha256: str
    segmenter: str  # name and weights digest of the segmenter that made it
    height: int  # of the picture, pixels
    width: int
    arrays: Mapping[str, npt.NDArray[np.float16]]


@dataclass(frozen=True, slots=True)
class Region:
    """One connected tampered area."""

    id: int  # 1, 2, ... by falling area
    bbox_xyxy: BoxXyxy
    area_fraction: float  # of the picture, 0..1
    score: float  # mean of the soft map inside, 0..1
    where: str  # "left of centre"; words of `masks.where_in_picture`


@dataclass(frozen=True, slots=True)
class Finding:
    """What was done, as far as the engine can tell."""

    kind: FindingKind
    confidence: float  # 0..1
    region_id: int | None


@dataclass(frozen=True, slots=True)
class Claim:
    """One reason, tied to a region or to the whole picture (`region_id` None)."""

    id: str  # "c1", "c2", ...
    text: str  # one plain sentence
    kind: str  # name of the evidence item it rests on, or "reading" for a language model's own words
    region_id: int | None
    evidence: Mapping[str, JsonValue]  # the measured numbers it was made from; of a reading, topic and place
    confidence: float | None  # 0..1, None where nothing supports a number


@dataclass(frozen=True, slots=True)
class Explanation:
    """Claims, and the note composed from them."""

    text: str
    language: str  # BCP 47: "en", "zh"
    claims: tuple[Claim, ...]
    source: str  # "measured" or the engine whose reading it is


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One measured forensic fact: a number, one sentence on what it shows, one on what it cannot show."""

    name: str  # "metadata", "jpeg_tables", "error_level", "noise", "ghosts", "grid", "copy_move", ...
    title: str  # "Error level"
    status: EvidenceStatus
    headline: str  # at most 18 characters, for a tile: "1.4 ×", "Stripped"
    shows: str
    cannot_show: str
    numbers: Mapping[str, JsonValue]  # everything the sentences quote
    region_id: int | None = None
    layer: str | None = None  # key into Evidence.layers


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture-sized view of a measurement."""

    name: str
    title: str
    values: Plane  # (H, W) of the picture
    unit: str
    display_max: float  # the value drawn as the strongest colour


@dataclass(frozen=True, slots=True)
class Evidence:
    """All measured facts about one picture."""

    items: tuple[EvidenceItem, ...]
    layers: Mapping[str, Layer]
    grids: Mapping[str, Plane] = field(default_factory=dict)  # per-block numbers `compare` needs; not shown

    def item(self, name: str) -> EvidenceItem | None:
        """The item of that name, None where it was not measured."""
        return next((item for item in self.items if item.name == name), None)


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who answered: shown on the page, kept with every result."""

    name: str
    version: str
    weights: str  # first 12 hex digits of the SHA-256 of the weights; "none" for an engine without
    adapter: str | None  # the same of the adapter, None: the base alone
    device: str
    gives: frozenset[Part]
    limits: tuple[str, ...] = ()  # what this engine cannot see, one plain phrase each


@dataclass(frozen=True, slots=True)
class Stability:
    """Scores of altered copies of the same picture, 0..1."""

    recompressed: float
    half_size: float

    def changes(self, score: float, threshold: float) -> bool:
        """Whether one of them falls on the other side of the threshold than the picture's score."""
        return any((copy > threshold) != (score > threshold) for copy in (self.recompressed, self.half_size))


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the file says about itself."""

    sha256: str
    width: int  # upright, pixels
    height: int
    format: str  # "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"
    orientation: int  # EXIF value 1..8 as found in the file; the pixels are already upright
    bytes: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """The whole answer about one picture: result schema v1 (`schema.analysis_to_json`)."""

    id: str
    created_at: str  # ISO 8601, UTC
    picture: PictureFacts
    engine: EngineInfo
    verdict: Verdict
    score: float | None  # 0..1
    band: tuple[float, float] | None
    threshold: float
    findings: tuple[Finding, ...]
    mask: BoolMask | None  # (H, W) of the picture
    mask_threshold: float
    mask_source: Literal["engine", "person"]
    regions: tuple[Region, ...]
    explanation: Explanation | None
    evidence: Evidence
    stability: Stability | None = None
    domain_tag: Mapping[str, JsonValue] | None = None
    parents: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)
    soft_map: SoftMap | None = None  # (H, W) of the picture; travels as an 8-bit PNG beside the JSON


@dataclass(frozen=True, slots=True)
class FactsReady:
    """The file was read."""

    facts: PictureFacts


@dataclass(frozen=True, slots=True)
class EvidenceReady:
    """Measurements are in; sent once for the whole picture and again when regions are known."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class VerdictReady:
    """The engine has decided."""

    verdict: Verdict
    score: float | None
    band: tuple[float, float] | None
    threshold: float
    findings: tuple[Finding, ...] = ()
    stability: Stability | None = None
    warnings: tuple[str, ...] = ()
    domain_tag: Mapping[str, JsonValue] | None = None  # label and probabilities, where the engine tags
    to_be_checked: bool = False  # altered copies are read after the map, and the verdict comes again


@dataclass(frozen=True, slots=True)
class MapReady:
    """The engine has localised."""

    soft_map: SoftMap  # (H, W) of the picture
    threshold: float  # of the mask


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The next piece of the explanation."""

    text: str


@dataclass(frozen=True, slots=True)
class ClaimsReady:
    """The explanation is complete."""

    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Done:
    """Everything together: the last update, and an earlier one where a verdict is still to be checked."""

    analysis: Analysis


Update: TypeAlias = FactsReady | EvidenceReady | VerdictReady | MapReady | TextChunk | ClaimsReady | Done


@runtime_checkable
class Engine(Protocol):
    """A picture in, updates out. Immutable: an adapter swap builds a new engine."""

    @property
    def info(self) -> EngineInfo:
        """Who this is and what it can give."""
        ...

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """Verdict, map, text and claims in the engine's own order; closing the iterator cancels."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Clicks to a region. Stateless: the caller keeps the embedding."""

    def embed(self, picture: Picture) -> Embedding:
        """The slow half, once per picture."""
        ...

    def segment(self, embedding: Embedding, prompts: Prompts, prior: Logits | None = None) -> Candidates:
        """The fast half, once per click."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """Explains a given mask, also one that a person has corrected."""

    def explain(
        self, picture: Picture, mask: BoolMask, evidence: Evidence, prior: Analysis | None
    ) -> Iterator[Update]:
        """EvidenceReady (compared with the mask's regions), TextChunk one by one, then ClaimsReady."""
        ...
