"""What travels in and out of the store: frozen records, no rows, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from fakeshield_core.domain import BoolMask, FindingKind, JsonValue, Prompts, Verdict
from fakeshield_core.picture import Picture

HowKnown = Literal["made_the_edit", "has_the_original", "published_source", "sees_traces", "guess"]
ClaimVerdict = Literal["right", "wrong_place", "not_there", "cannot_tell"]
ItemState = Literal["quarantined", "accepted", "rejected", "superseded", "withdrawn", "ratings_only"]
Decision = Literal["accept", "reject"]
Role = Literal["visitor", "annotator", "reviewer", "operator"]
Split = Literal["train", "holdout"]
RunState = Literal["running", "waiting_for_approval", "promoted", "refused", "failed"]
JsonObject: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be kept and used. `train` and `publish` need `store`."""

    store: bool = False
    train: bool = False
    publish: bool = False


@dataclass(frozen=True, slots=True)
class ClaimRating:
    """What a person says of one claim."""

    claim_id: str  # of the analysis: "c1"
    rating: ClaimVerdict


@dataclass(frozen=True, slots=True)
class EngineDigests:
    """Which engine made what is being corrected."""

    name: str
    version: str
    weights: str  # as EngineInfo.weights
    adapter: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """Everything a person sends with one Save; what of it is kept depends on the consent."""

    client_uuid: str  # made by the client at random (version 4); the same on every retry
    picture: Picture
    analysis_id: str
    engine: EngineDigests
    verdict: Verdict  # the person's
    mask: BoolMask | None  # (H, W) of the picture, upright; None: not drawn
    how_do_you_know: HowKnown
    consent: Consent
    finding_kinds: tuple[FindingKind, ...] = ()
    domain_tag: str | None = None
    prompts: Prompts = field(default_factory=Prompts)
    claim_ratings: tuple[ClaimRating, ...] = ()
    overall_rating: int | None = None  # of the explanation, 1..5
    rewritten_explanation: str | None = None
    seconds_spent: float = 0.0
    contributor: str | None = None  # pseudonym; None: anonymous
    supersedes: str | None = None  # receipt of the person's earlier correction
    analysis: JsonObject | None = None  # result schema v1 of what was corrected


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating of an explanation without a correction; holds nothing about the picture."""

    engine: EngineDigests
    claim_ratings: tuple[ClaimRating, ...]
    overall_rating: int | None  # 1..5


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a correction with the *store* tick, beside the blobs."""

    analysis_id: str
    width: int  # of the picture, upright, pixels
    height: int
    format: str  # "JPEG", "PNG", ...
    perceptual_hash: int  # `similarity.perceptual_hash`
    mask_area: float | None  # share of the picture, 0..1; None: no mask
    how_do_you_know: HowKnown
    finding_kinds: tuple[FindingKind, ...]
    domain_tag: str | None
    prompts: Prompts
    rewritten_explanation: str | None
    seconds_spent: float
    contributor: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """What one item says. `kept` is None without the *store* tick."""

    verdict: Verdict
    engine: EngineDigests
    claim_ratings: tuple[ClaimRating, ...]
    overall_rating: int | None
    consent: Consent  # as given with the correction
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class ReviewMark:
    """What a reviewer decided about an item."""

    decision: Decision
    reviewer: str
    reason: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a Save that is on disk."""

    code: str  # "K7QF-2M9D-XR": shows what became of the item, and deletes it
    uuid: str
    state: ItemState
    created_at: str  # ISO 8601, UTC
    repeated: bool  # True: this request had been saved before


@dataclass(frozen=True, slots=True)
class Item:
    """One correction as it stands now. Content, digests and review are gone once it is withdrawn."""

    uuid: str
    receipt: str
    created_at: str
    state: ItemState
    consent: Consent  # as it stands now
    content: Content | None
    picture_sha256: str | None
    mask_sha256: str | None
    analysis_sha256: str | None
    review: ReviewMark | None
    supersedes: str | None  # uuid of the earlier item


@dataclass(frozen=True, slots=True)
class Case:
    """What became of an item: the page behind a receipt code."""

    item: Item
    releases: tuple[int, ...]
    adapters: tuple[str, ...]  # digests of adapters trained on those releases


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A deletion that is done."""

    receipt: str
    releases: tuple[int, ...]  # frozen before; the next one is without the item
    adapters: tuple[str, ...]  # that saw the item


@dataclass(frozen=True, slots=True)
class ReleaseRules:
    """How a release is drawn from accepted feedback."""

    max_share: float = 0.10  # of a release from one contributor; anonymous ones count as one
    holdout_share: float = 0.30  # of new groups that are never trained on
    frozen_hashes: tuple[int, ...] = ()  # perceptual hashes of pictures in frozen sets


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    """One line of a release manifest."""

    uuid: str
    picture_sha256: str
    mask_sha256: str | None  # None: an authentic picture
    kind: Literal["authentic", "tampered"]
    group: str  # near-duplicate group
    split: Split
    format: str
    finding_kinds: tuple[FindingKind, ...]
    domain_tag: str | None
    how_do_you_know: HowKnown


@dataclass(frozen=True, slots=True)
class SetAside:
    """An accepted item that a release leaves out, and why."""

    uuid: str
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """A frozen, numbered set of accepted items."""

    number: int
    created_at: str
    manifest_sha256: str  # of `manifest_bytes`
    items: tuple[ReleaseItem, ...]
    set_aside: tuple[SetAside, ...]
    max_share: float
    holdout_share: float
    frozen_pictures: int  # in the frozen sets that items were kept away from


@dataclass(frozen=True, slots=True)
class AdapterMove:
    """The champion pointer was moved."""

    kind: Literal["promotion", "rollback"]
    adapter: str | None  # digest of the champion from now on; None: the base alone
    release: int | None  # that the adapter was trained on
    by: str
    reason: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to be the only one; the fence grows with every new holder."""

    name: str
    holder: str
    fence: int
    expires_at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Run:
    """One retraining, as its process reports it."""

    id: str
    created_at: str
    updated_at: str
    state: RunState
    release: int | None
    adapter: str | None
    detail: JsonObject  # progress, ETA, figures of the gate, the sentence of a refusal


@dataclass(frozen=True, slots=True)
class RunDecision:
    """What a person decided about a run that waits for approval."""

    run: str
    decision: Decision
    by: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Stats:
    """The store in numbers."""

    items: Mapping[str, int]  # by state
    verdicts: Mapping[str, int]
    trainable: int  # accepted, with *train*
    contributors: int
    ratings: int  # overall ratings, with corrections or alone
    mean_rating: float | None
    claim_ratings: Mapping[str, int]
    events: int
    blobs: int
    blob_bytes: int
    releases: int
    champion: str | None
    last_event_at: str | None
