"""The engine as the page is served, on tiny weights; where words matter, scripted ones."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakeshield_core.checkpoints import manifest
from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.domain import ClaimsReady, MapReady, TextChunk, Update, VerdictReady
from fakeshield_core.engines import fakeshield
from fakeshield_core.engines.fakeshield import TOY, FakeShieldEngine, build, build_from
from fakeshield_core.errors import EngineOutOfMemory, EngineUnavailable
from fakeshield_core.fakeshield.decoding import Decoding, Step
from fakeshield_core.fakeshield.explaining import DteFdmStage
from fakeshield_core.fakeshield.localising import Localisation, MaskPrompt, MflmStage
from fakeshield_core.fakeshield.opening import Opening
from fakeshield_core.fakeshield.options import SERVED
from fakeshield_core.fakeshield.running import CHANGED, CUT
from fakeshield_core.fakeshield.workshop import Workshop
from fakeshield_core.imaging import decode
from fakeshield_core.picture import Picture
from fakeshield_core.settings import Settings
from tests.integration.fakeshield_toy import GOLDEN, toy_weights

PATIENCE_S = 60.0
FEW = replace(SERVED, max_new_tokens=8)
PARAGRAPH = "The picture has been tampered with in the lower left part."
TAMPERED = (
    f"{PARAGRAPH}\n\n2. Judgment basis:\n- Edges: In the upper right corner they are sharp.\n- Lighting: odd."
)
UNTOUCHED = "The picture has not been tampered with."


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def engine(weights: Path) -> FakeShieldEngine:
    return build_from(locate(weights), options=FEW)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return decode((GOLDEN / "images" / "landscape.png").read_bytes())


@dataclass(frozen=True, slots=True)
class Scripted(DteFdmStage):
    """Says what the test wants; waits before the words after the paragraph where the test wants that."""

    words: str = TAMPERED
    score: float | None = 0.9
    go: threading.Event | None = None
    said: list[int] = field(default_factory=list)

    def open(self, rgb: Any, prompt: str) -> Opening:
        found = DteFdmStage.open(self, rgb, prompt)
        return replace(found, score=self.score)

    def steps_after(self, opening: Opening, decoding: Decoding) -> Iterator[Step]:
        ids = self.tokenizer.encode(self.words)[1:]
        held = len(self.tokenizer.encode(f"{PARAGRAPH}\n\n2.")) - 1
        for number, token in enumerate([*ids, decoding.end_id]):
            if self.go is not None and number == held:
                assert self.go.wait(PATIENCE_S), "nothing happened while the words were held back"
            self.said.append(token)
            yield Step(token, torch.zeros(1), torch.zeros(1, 1))


@dataclass(frozen=True, slots=True)
class Watched(MflmStage):
    """Tells which words it was asked with, and when a mask was found."""

    asked: list[str | None] = field(default_factory=list)
    located: threading.Event = field(default_factory=threading.Event)

    def prompt(self, answer: str | None, options: MaskPrompt | None = None) -> str:
        self.asked.append(answer)
        return MflmStage.prompt(self, answer, options)

    def locate(self, states: Any, embedding: Any, height: int, width: int) -> Localisation:
        found = MflmStage.locate(self, states, embedding, height, width)
        self.located.set()
        return found


def scripted(engine: FakeShieldEngine, **changes: Any) -> FakeShieldEngine:
    """The engine with scripted words, a watched MFLM and caches of its own."""
    told = {f: getattr(engine._stages.dte_fdm, f) for f in DteFdmStage.__slots__}
    seen = {f: getattr(engine._stages.mflm, f) for f in MflmStage.__slots__}
    options = changes.pop("options", replace(SERVED, time_limit_s=None))
    mflm = changes.pop("mflm", Watched)(**seen)
    stages = replace(engine._stages, dte_fdm=Scripted(**told, **changes), mflm=mflm)
    return FakeShieldEngine(stages, engine.info, options, Workshop())


def watched(engine: FakeShieldEngine) -> Watched:
    stage = engine._stages.mflm
    assert isinstance(stage, Watched)
    return stage


def of(kind: type[Any], updates: list[Update]) -> list[Any]:
    return [update for update in updates if isinstance(update, kind)]


def test_the_verdict_comes_first_and_with_a_score(engine: FakeShieldEngine, picture: Picture) -> None:
    updates = list(scripted(engine).analyze(picture))
    assert isinstance(updates[0], VerdictReady)
    assert (updates[0].verdict, updates[0].score, updates[0].threshold) == ("tampered", 0.9, 0.5)
    assert isinstance(updates[1], TextChunk)
    assert isinstance(updates[-1], ClaimsReady)
    assert "".join(chunk.text for chunk in of(TextChunk, updates)) == TAMPERED


def test_the_mask_is_found_while_the_words_are_still_told(engine: FakeShieldEngine, picture: Picture) -> None:
    go = threading.Event()
    served = scripted(engine, go=go)
    go_when_located(served, go)
    kinds = [type(update) for update in served.analyze(picture)]
    assert TextChunk in kinds[kinds.index(MapReady) :]
    assert watched(served).asked[-1] == PARAGRAPH


def test_as_published_the_mask_waits_for_the_whole_answer(engine: FakeShieldEngine, picture: Picture) -> None:
    served = scripted(engine, options=replace(SERVED, mask_from="answer"))
    kinds = [type(update) for update in served.analyze(picture)]
    assert TextChunk not in kinds[kinds.index(MapReady) :]
    assert watched(served).asked[-1] == TAMPERED


@pytest.mark.parametrize(
    ("words", "score", "verdict", "kept_score", "warns"),
    [
        (TAMPERED, 0.9, "tampered", 0.9, False),
        (UNTOUCHED, 0.1, "no_tampering_found", 0.1, False),
        (UNTOUCHED, 0.9, "no_tampering_found", None, True),
        (TAMPERED, 0.1, "tampered", None, True),
    ],
)
def test_the_words_win_over_the_first_reading(
    engine: FakeShieldEngine,
    picture: Picture,
    caplog: pytest.LogCaptureFixture,
    words: str,
    score: float,
    verdict: str,
    kept_score: float | None,
    warns: bool,
) -> None:
    with caplog.at_level(logging.INFO):
        updates = list(scripted(engine, words=words, score=score).analyze(picture))
    last = of(VerdictReady, updates)[-1]
    assert (last.verdict, last.score, CHANGED in last.warnings) == (verdict, kept_score, warns)
    assert f"words agree: {not warns}" in caplog.text
    assert of(MapReady, updates)[-1].soft_map.any() == (verdict == "tampered")


def test_a_prompt_without_a_score_has_the_verdict_of_its_words(
    engine: FakeShieldEngine, picture: Picture
) -> None:
    updates = list(scripted(engine, words=UNTOUCHED, score=None).analyze(picture))
    assert [update.verdict for update in of(VerdictReady, updates)] == ["no_tampering_found"]
    assert isinstance(updates[0], TextChunk)


def test_a_negative_verdict_gets_its_map_on_request(engine: FakeShieldEngine, picture: Picture) -> None:
    served = scripted(engine, words=UNTOUCHED, score=0.1)
    assert not of(MapReady, list(served.analyze(picture)))[-1].soft_map.any()
    shown = served.map_on_request(picture, UNTOUCHED)
    assert shown.soft_map.shape == picture.rgb.shape[:2]
    assert shown.soft_map.any()
    always = served.with_options(replace(SERVED, map_when="always"))
    assert np.array_equal(of(MapReady, list(always.analyze(picture)))[-1].soft_map, shown.soft_map)


def test_claims_are_linked_and_contradictions_are_told(engine: FakeShieldEngine, picture: Picture) -> None:
    updates = list(scripted(engine).analyze(picture))
    claims = of(ClaimsReady, updates)[0].explanation.claims
    assert [claim.evidence["topic"] for claim in claims] == ["place", "edges", "lighting"]
    assert claims[0].evidence["place"] == "lower left part"
    beside = [c for c in claims if c.region_id is not None and c.region_id > regions_of(updates)]
    told = of(VerdictReady, updates)[-1].warnings
    assert len(told) == len(beside)


def test_two_runs_agree(weights: Path, picture: Picture) -> None:
    told = [list(build_from(locate(weights), options=FEW).analyze(picture)) for _ in range(2)]
    texts = ["".join(chunk.text for chunk in of(TextChunk, updates)) for updates in told]
    assert texts[0] == texts[1] != ""
    assert of(VerdictReady, told[0])[-1] == of(VerdictReady, told[1])[-1]
    maps = [of(MapReady, updates)[-1].soft_map for updates in told]
    assert np.array_equal(maps[0], maps[1])


def test_the_same_picture_is_answered_from_memory(engine: FakeShieldEngine, picture: Picture) -> None:
    served = scripted(engine)
    first = list(served.analyze(picture))
    said = list(served._stages.dte_fdm.said)  # type: ignore[attr-defined]
    again = list(served.analyze(picture))
    assert served._stages.dte_fdm.said == said  # type: ignore[attr-defined]
    assert [type(update) for update in again] == [VerdictReady, TextChunk, MapReady, ClaimsReady]
    assert of(VerdictReady, again)[0] == of(VerdictReady, first)[-1]
    assert of(ClaimsReady, again) == of(ClaimsReady, first)
    difference = of(MapReady, again)[0].soft_map - of(MapReady, first)[-1].soft_map
    assert np.abs(difference).max() < 1e-6


def test_other_options_are_another_question(engine: FakeShieldEngine, picture: Picture) -> None:
    served = scripted(engine)
    list(served.analyze(picture))
    before = len(served._stages.dte_fdm.said)  # type: ignore[attr-defined]
    list(served.with_options(replace(SERVED, rule="robust")).analyze(picture))
    assert len(served._stages.dte_fdm.said) == 2 * before  # type: ignore[attr-defined]


def test_an_embedding_is_made_once_for_a_picture(
    engine: FakeShieldEngine, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    encoder = engine._stages.mflm.network.sam.image_encoder
    handle = encoder.register_forward_hook(lambda *_: passes.append(1))
    served = scripted(engine)
    list(served.analyze(picture))
    list(served.with_options(replace(SERVED, seed=1)).analyze(picture))
    served.map_on_request(picture, TAMPERED)
    handle.remove()
    assert len(passes) == 1


def test_an_unfinished_answer_is_not_remembered(engine: FakeShieldEngine, picture: Picture) -> None:
    served = scripted(engine)
    updates = served.analyze(picture)
    next(updates)
    next(updates)
    updates.close()  # type: ignore[attr-defined]
    assert len(served._shop.results) == 0
    assert len(served._stages.dte_fdm.said) < 10  # type: ignore[attr-defined]


def test_regenerating_draws_another_answer_for_each_seed(engine: FakeShieldEngine, picture: Picture) -> None:
    hot = engine.with_options(replace(FEW, temperature=5.0, top_p=0.9))
    texts = [
        "".join(chunk.text for chunk in of(TextChunk, list(hot.regenerate(picture, seed)))) for seed in (3, 4)
    ]
    again = "".join(chunk.text for chunk in of(TextChunk, list(hot.regenerate(picture, 3))))
    assert texts[0] != texts[1]
    assert again == texts[0]


def test_words_over_the_time_limit_are_cut_off_and_the_first_reading_counts(
    engine: FakeShieldEngine, picture: Picture
) -> None:
    for score, verdict in ((0.1, "no_tampering_found"), (0.9, "tampered")):
        served = scripted(engine, words=TAMPERED, score=score, options=replace(SERVED, time_limit_s=0.0))
        last = of(VerdictReady, list(served.analyze(picture)))[-1]
        assert (last.verdict, last.score) == (verdict, score)
        assert CUT["time"] in last.warnings


def test_words_at_their_longest_length_say_so(engine: FakeShieldEngine, picture: Picture) -> None:
    last = of(VerdictReady, list(engine.analyze(picture)))[-1]
    assert CUT["tokens"] in last.warnings


@dataclass(frozen=True, slots=True)
class Exhausted(Watched):
    """Finds no memory for a mask."""

    def locate(self, states: Any, embedding: Any, height: int, width: int) -> Localisation:
        raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("where", ["words", "mask"])
def test_no_memory_is_one_sentence_and_the_next_picture_is_answered(
    engine: FakeShieldEngine, picture: Picture, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "mask":
        served = scripted(engine, mflm=Exhausted)
        with pytest.raises(EngineOutOfMemory, match="too little free memory"):
            list(served.analyze(picture))
        with pytest.raises(EngineOutOfMemory, match="too little free memory"):
            served.map_on_request(picture, TAMPERED)
    else:
        served = scripted(engine)
        with monkeypatch.context() as patch:
            patch.setattr(Scripted, "open", out_of_memory)
            with pytest.raises(EngineOutOfMemory, match="try again"):
                list(served.analyze(picture))
        assert isinstance(list(served.analyze(picture))[-1], ClaimsReady)
    assert isinstance(list(scripted(engine, words=UNTOUCHED).analyze(picture))[-1], ClaimsReady)


def test_two_people_are_served_in_turns(engine: FakeShieldEngine, picture: Picture) -> None:
    """Each waits for the other in the middle: served one after the other, neither would ever end."""
    served = scripted(engine)
    meet = threading.Barrier(2, timeout=PATIENCE_S)
    ended: list[str] = []

    def ask(seed: int) -> None:
        mine = served.with_options(replace(SERVED, seed=seed))
        kinds = list[str]()
        for update in mine.analyze(picture):
            kinds.append(type(update).__name__)
            if len(kinds) == 3:
                meet.wait()
        ended.append(kinds[-1])

    people = [threading.Thread(target=ask, args=(seed,)) for seed in (1, 2)]
    for person in people:
        person.start()
    for person in people:
        person.join(PATIENCE_S)
    assert ended == ["ClaimsReady", "ClaimsReady"]


def test_weights_are_loaded_once_for_every_adapter(weights: Path) -> None:
    settings = Settings(weights_dir=weights, threads=1)
    first, second = build(settings), build(settings)
    assert first is not second
    assert first._stages.mflm.network is second._stages.mflm.network
    assert first._options == SERVED
    fakeshield.resident.cache_clear()


def test_toy_weights_say_so(weights: Path, tmp_path: Path) -> None:
    assert build_from(locate(weights)).info.version.endswith("toy")
    assert build_from(locate(weights)).info.limits[0] == TOY
    shutil.copytree(weights, tmp_path / "plain")
    root = tmp_path / "plain" / "fakeshield-v1-22b"
    (root / manifest.NAME).unlink()
    files = locate(tmp_path / "plain", weights.parent / "openai" / "clip-vit-large-patch14-336")
    assert TOY not in build_from(files).info.limits


def test_an_unknown_precision_is_refused_with_the_known_ones(weights: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"'fp8'.*nf4"):
        build_from(locate(weights), wanted="fp8")


def out_of_memory(*_: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


def go_when_located(served: FakeShieldEngine, go: threading.Event) -> None:
    def wait() -> None:
        if watched(served).located.wait(PATIENCE_S):
            served._shop.submit(lambda: None).result(PATIENCE_S)  # one worker: what came before is done
            go.set()

    threading.Thread(target=wait, daemon=True).start()


def regions_of(updates: list[Update]) -> int:
    from fakeshield_core import masks

    shown = of(MapReady, updates)[-1]
    return len(masks.regions(masks.threshold(shown.soft_map, shown.threshold), shown.soft_map))
