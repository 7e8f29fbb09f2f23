"""What decides a run: settings that are saved with it, and the folders it works in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, cast

from fakeshield_core.adapters import FOLDER as ADAPTERS
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import RunRefused

Approval = Literal["ask", "auto"]
T = TypeVar("T")
LEAST_REPLAY = 0.5  # share of each step that is base data
GRID = 16  # pixels; windows and frozen pictures are multiples of it
DEFAULT_SIDE = 192  # pixels, of windows and frozen pictures


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what an adapter learns from a release."""

    steps: int = 240
    window: int = DEFAULT_SIDE  # pixels, side of a training window
    batch: int = 8  # windows each process draws for a step
    replay: float = LEAST_REPLAY  # share of base data in each step
    rank: int = 8
    alpha: int = 16
    learning_rate: float = 2e-3
    warm_up: int = 20  # steps
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not LEAST_REPLAY <= self.replay <= 0.9:
            raise RunRefused(f"Replay is a share from {LEAST_REPLAY} to 0.9; {self.replay} forgets too much.")
        if self.window < 64 or self.window % GRID:
            raise RunRefused(f"A window is 64 pixels or more and a multiple of {GRID}; give such as 192.")
        if self.steps < 1 or self.batch < 2 or self.rank < 1:
            raise RunRefused("A run needs at least one step, two windows in each, and rank 1.")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One retraining from release to decision."""

    train: TrainConfig = field(default_factory=TrainConfig)
    max_share: float = 0.10  # of the release from one contributor
    holdout_share: float = 0.30  # of new groups that are never trained on
    frozen_side: int = DEFAULT_SIDE  # pixels, of the frozen procedural pictures
    photographs: tuple[str, ...] = ()  # folders with a manifest.csv, replayed and held out
    target: str | None = None  # manifest of trusted target pictures; None: the release's own hold-out
    approve: Approval = "ask"
    largest_masks: float = 0.5  # most of the tampered items whose mask may cover over half of the picture

    def __post_init__(self) -> None:
        if self.frozen_side < 64 or self.frozen_side % GRID:
            raise RunRefused(f"A frozen side has 64 pixels or more, in steps of {GRID}; give such as 192.")
        if not (0 < self.max_share <= 1 and 0 <= self.holdout_share < 1 and 0 <= self.largest_masks <= 1):
            raise RunRefused(
                "A share lies from 0 to 1; one contributor's has to be above 0, and the hold-out below 1."
            )

    def to_json(self) -> dict[str, JsonValue]:
        """All settings by name."""
        return cast("dict[str, JsonValue]", json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        """Settings as saved; what later versions added is left out."""
        known = _known(cls, said)
        train = TrainConfig(**_known(TrainConfig, known.pop("train")))
        known["photographs"] = tuple(known.get("photographs", ()))
        return cls(train=train, **known)


@dataclass(frozen=True, slots=True)
class Places:
    """Folders below the data folder."""

    data_dir: Path

    @property
    def adapters(self) -> Path:
        """One folder for each adapter, and the champion pointer."""
        return self.data_dir / ADAPTERS

    @property
    def frozen(self) -> Path:
        """Frozen sets, made once."""
        return self.data_dir / "finetune" / "frozen"

    @property
    def measured(self) -> Path:
        """What was measured about an engine on a frozen set; made again where it is missing."""
        return self.data_dir / "finetune" / "measured"

    def run(self, run: str) -> Path:
        """Settings and checkpoint of a run."""
        return self.data_dir / "finetune" / "runs" / run


def read_config(path: Path) -> RunConfig:
    """The settings a run was started with.

    Raises:
        RunRefused: they cannot be read.
    """
    try:
        return RunConfig.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunRefused(
            f"It was stopped, and cannot go on since its {path.name} cannot be read; "
            "begin a new one with `python -m finetune run`."
        ) from error


def key(*parts: JsonValue) -> str:
    """A short name for everything that decides a cached file."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _known(kind: type[Any], said: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in said.items() if name in names}
