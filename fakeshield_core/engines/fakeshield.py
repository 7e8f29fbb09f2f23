"""FakeShield-22B as an engine: verdict, words as they come, the map while they still come, claims."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast, get_args

import torch

from fakeshield_core.checkpoints import cards, manifest
from fakeshield_core.checkpoints import fakeshield as checkpoints
from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.domain import EngineInfo, MapReady, TextChunk, Update
from fakeshield_core.errors import EngineOutOfMemory, EngineUnavailable
from fakeshield_core.fakeshield import precision
from fakeshield_core.fakeshield.adapters import read_adapters
from fakeshield_core.fakeshield.gpu import gpu_call
from fakeshield_core.fakeshield.options import PUBLISHED_TEMPERATURE, SERVED, FakeShieldOptions
from fakeshield_core.fakeshield.precision import Precision
from fakeshield_core.fakeshield.running import MASK_THRESHOLD, NAME, NO_REGION, Run, soft_map
from fakeshield_core.fakeshield.stages import Stages, load_stages
from fakeshield_core.fakeshield.workshop import Kept, MaskJob, Workshop
from fakeshield_core.picture import Picture
from fakeshield_core.settings import Settings
from fakeshield_core.threads import use_threads

__all__ = ["NO_REGION", "FakeShieldEngine", "FakeShieldOptions", "Stages", "build", "build_from"]

VERSION = "2"
TOY = "Toy weights: random numbers made for tests; verdict, words and marks mean nothing"
LIMITS = (
    "Untouched pictures: it is told that each is suspected, and calls many of them tampered",
    "Its words are a reading of the picture, not measurements",
    "Pictures unlike its training sets",
)
NO_MEMORY = "There is too little free memory for this picture; try again later, or with a smaller picture."

log = logging.getLogger(__name__)

Given = TypeVar("Given", bound=Update)


class FakeShieldEngine:
    """Immutable: a swap of adapter or options makes a new engine over the same weights and caches."""

    def __init__(
        self,
        stages: Stages,
        info: EngineInfo,
        options: FakeShieldOptions | None = None,
        shop: Workshop | None = None,
        base: Stages | None = None,
    ) -> None:
        """An engine of loaded stages.

        Args:
            stages: with their adapters.
            info: who this is.
            options: switches; None: as published, but greedy.
            shop: of the engine that this one was made from.
            base: the same stages without adapters, for the next swap.
        """
        self._stages, self._base = stages, base or stages
        self._options = options or FakeShieldOptions()
        self._shop = shop or Workshop()
        self._call, self._map_call = gpu_call(self._fresh), gpu_call(self._mapped)
        self.info = info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """VerdictReady, TextChunks, MapReady as soon as it is there, ClaimsReady; closing it cancels.

        By default the verdict is read from the words and so follows them. An untampered picture gets an empty
        map; `map_on_request` finds one. A picture that was answered before gets the same answer at once.

        Raises:
            EngineOutOfMemory: the device has too little free memory.
        """
        kept = self._shop.results.get(self._key(picture))
        return self._call(picture) if kept is None else self._again(kept, picture)

    def regenerate(self, picture: Picture, seed: int) -> Iterator[Update]:
        """Another answer: sampled as the published programs do it, with this seed; errors as in `analyze`."""
        temperature = self._options.temperature or PUBLISHED_TEMPERATURE
        return self.with_options(replace(self._options, temperature=temperature, seed=seed)).analyze(picture)

    def map_on_request(self, picture: Picture, words: str) -> MapReady:
        """Where the tampering would be, also for a picture that the words call untampered.

        Raises:
            EngineOutOfMemory: the device has too little free memory.
        """
        return next(self._map_call(picture, words))

    def with_options(self, options: FakeShieldOptions) -> FakeShieldEngine:
        """The same engine with other switches."""
        return FakeShieldEngine(self._stages, self.info, options, self._shop, self._base)

    def with_adapter(self, folder: Path | None) -> FakeShieldEngine:
        """The same engine with another adapter, or with none; running requests go on with theirs.

        Raises:
            EngineUnavailable: the folder holds no adapter, or one that does not fit.
        """
        stages, digest = self._base, None
        if folder is not None:
            stages, digest = self._base.with_adapters(read_adapters(folder)), _digest_of_contents(folder)
        info = replace(self.info, adapter=digest)
        return FakeShieldEngine(stages, info, self._options, self._shop, self._base)

    def _fresh(self, picture: Picture) -> Iterator[Update]:
        run = Run(self._stages, picture, self._options, self._shop)
        yield from guarded(run.updates())
        if run.kept is not None:
            self._shop.results.put(self._key(picture), run.kept)

    def _mapped(self, picture: Picture, words: str) -> Iterator[MapReady]:
        yield from guarded(self._located(picture, words))

    def _located(self, picture: Picture, words: str) -> Iterator[MapReady]:
        job = MaskJob(self._stages.mflm, picture, self._options, self._shop)
        job.ask(words)
        yield MapReady(soft_map(job.result()), MASK_THRESHOLD)

    def _again(self, kept: Kept, picture: Picture) -> Iterator[Update]:
        yield kept.verdict
        yield TextChunk(kept.text)
        found = self._stages.mflm.grown(kept.low_resolution, *picture.rgb.shape[:2])
        yield MapReady(soft_map(found), MASK_THRESHOLD)
        yield kept.claims

    def _key(self, picture: Picture) -> tuple[object, ...]:
        return picture.facts.sha256, self.info.version, self.info.weights, self.info.adapter, self._options


def guarded(updates: Iterator[Given]) -> Iterator[Given]:
    """The same updates; what the card says when it is full becomes one sentence, and its memory is freed.

    Raises:
        EngineOutOfMemory: the device has too little free memory.
    """
    try:
        yield from updates
    except (MemoryError, torch.OutOfMemoryError) as error:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise EngineOutOfMemory(NO_MEMORY) from error


def build(settings: Settings, adapter: Path | None = None) -> FakeShieldEngine:
    """The engine with the weights and in the precision that the settings name, as the page is served.

    Raises:
        EngineUnavailable: weights or adapter are missing, damaged, or do not fit; the card is too small.
    """
    use_threads(settings.threads)
    engine = resident(checkpoints.find(settings), settings.precision).with_options(SERVED)
    return engine if adapter is None else engine.with_adapter(adapter)


@lru_cache(maxsize=1)
def resident(files: FakeShieldFiles, wanted: str) -> FakeShieldEngine:
    """`build_from`, once: whoever builds the engine again, for another adapter, gets the same weights."""
    return build_from(files, wanted=wanted)


def build_from(
    files: FakeShieldFiles,
    adapter: Path | None = None,
    options: FakeShieldOptions | None = None,
    wanted: str = "auto",
) -> FakeShieldEngine:
    """The engine of known files; errors as in `build`.

    Args:
        files: where the parts lie.
        adapter: folder.
        options: switches; None: as published, but greedy.
        wanted: precision of the language models; auto: as published on a card that holds it, smaller on a
            smaller card, float32 on a CPU.
    """
    if wanted not in get_args(Precision):
        raise EngineUnavailable(
            f"There is no precision {wanted!r}; choose one of {', '.join(get_args(Precision))}."
        )
    amounts, card = precision.amounts(files), cards.here()
    plan = precision.plan(cast(Precision, wanted), amounts, card, precision.machine_gb())
    log.info("FakeShield-22B from %s in %s", files.root.name, plan)
    record = manifest.read(files.root)
    is_toy = record is not None and record.kind == manifest.TOY
    info = EngineInfo(
        name=NAME,
        version=f"{VERSION} toy" if is_toy else VERSION,
        weights=_digest(files.root),
        adapter=None,
        device=str(plan),
        gives=frozenset({"verdict", "map", "explanation"}),
        limits=(TOY, *LIMITS) if is_toy else LIMITS,
    )
    engine = FakeShieldEngine(_loaded(files, plan), info, options)
    return engine if adapter is None else engine.with_adapter(adapter)


def _loaded(files: FakeShieldFiles, plan: precision.Plan) -> Stages:
    try:
        return load_stages(files, plan)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise EngineUnavailable(
            f"FakeShield-22B does not fit into the free memory of {plan}; stop what else uses the card, or "
            "use a larger one."
        ) from error


def _digest(root: Path) -> str:
    """Of the digests that `weights get` or `convert` wrote down; of names and sizes where there are none."""
    record = manifest.read(root)
    if record is None:
        return _digest_of_files(root)
    text = "".join(f"{name}:{file.sha256}\n" for name, file in sorted(record.files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest_of_files(folder: Path) -> str:
    """A digest of names and sizes: reading 41 GB for each start would cost minutes."""
    text = "".join(f"{name}:{path.stat().st_size}\n" for name, path in _files(folder))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest_of_contents(folder: Path) -> str:
    """A digest of every byte: adapters of one recipe all have the same sizes."""
    text = "".join(f"{name}:{manifest.sha256_of(path)}\n" for name, path in _files(folder))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _files(folder: Path) -> list[tuple[str, Path]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted((path.relative_to(folder).as_posix(), path) for path in found)
