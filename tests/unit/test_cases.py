"""Cases and their embeddings: kept for less than an hour, bounded in number and memory, embedded once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core.domain import Candidates, Click, Embedding, Logits, Prompts, Segmenter, Stability
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.imaging import encode_map_png
from fakeshield_core.picture import Picture
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.segmenters.stub import StubSegmenter
from tests.fakes import encoded, pictured, textured
from ui.cases import GONE, Case, Cases, UnknownCase
from ui.embedder import EMBEDDING_BYTES, FAILED, Embedder

CLICK = Prompts((Click(20, 10, True),))
EMPTY = np.zeros((48, 64), bool)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class HeldSegmenter(StubSegmenter):
    """The stub, but it embeds only when the test lets it; counts what it embedded."""

    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    embedded: list[str] = field(default_factory=list)

    def embed(self, picture: Picture) -> Embedding:
        self.begun.set()
        assert self.go.wait(30)
        self.embedded.append(picture.facts.sha256)
        return super().embed(picture)

    def segment(self, embedding: Embedding, prompts: Prompts, prior: Logits | None = None) -> Candidates:
        return super().segment(embedding, prompts, prior)


@pytest.fixture
def embedder() -> Iterator[Callable[..., Embedder]]:
    made: list[Embedder] = []

    def make(segmenter: Segmenter | Exception, **options: int) -> Embedder:
        def build() -> Segmenter:
            if isinstance(segmenter, Exception):
                raise segmenter
            return segmenter

        made.append(Embedder(build, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_case_keeps_its_id_when_its_answer_is_renewed(
    tmp_path: Path, embedder: Callable[..., Embedder]
) -> None:
    cases = Cases(embedder(StubSegmenter()))
    case, _ = opened(cases, tmp_path)
    checked = replace(case.analysis(), stability=Stability(0.1, 0.2))
    cases.renew(case.id, checked)
    assert cases.find(case.id).analysis().stability == Stability(0.1, 0.2)
    cases.renew("nobody", checked)
    with pytest.raises(UnknownCase):
        cases.find("nobody")


def opened(cases: Cases, folder: Path, seed: int = 0) -> tuple[Case, Picture]:
    """A case about the picture of that seed, whose file lies in the folder."""
    rgb = textured(48, 64, seed)
    file = folder / f"{seed}.png"
    file.write_bytes(encoded(rgb))
    picture = pictured(rgb)
    analysis = analyze_to_end(StubEngine(), picture)
    assert analysis.soft_map is not None
    (folder / f"{seed}.map.png").write_bytes(encode_map_png(analysis.soft_map))
    return cases.open(analysis, file, file.name, folder / f"{seed}.map.png"), picture


def test_ids_are_long_and_differ_for_the_same_picture(
    embedder: Callable[..., Embedder], tmp_path: Path
) -> None:
    cases = Cases(embedder(StubSegmenter()))
    one, other = opened(cases, tmp_path)[0], opened(cases, tmp_path)[0]
    assert one.id != other.id
    assert min(len(one.id), len(other.id)) >= 24
    assert cases.find(one.id) is one


@pytest.mark.parametrize("nothing", ["", "no-such-case", None, 7, {"id": 1}, ["x"]])
def test_what_is_no_case_is_gone(embedder: Callable[..., Embedder], nothing: object) -> None:
    with pytest.raises(UnknownCase, match="choose it again"):
        Cases(embedder(StubSegmenter())).find(nothing)


def test_a_case_ends_with_its_time_and_its_picture_is_forgotten(
    embedder: Callable[..., Embedder], tmp_path: Path
) -> None:
    clock, kept = Clock(), embedder(StubSegmenter())
    cases = Cases(kept, life_s=100, clock=clock)
    old, picture = opened(cases, tmp_path, 1)
    cases.embed(old, picture)
    clock.now = 60
    young, _ = opened(cases, tmp_path, 2)
    clock.now = 101
    assert cases.find(young.id) is young
    with pytest.raises(UnknownCase):
        cases.find(old.id)
    assert kept.held(picture.facts.sha256) is None


def test_a_picture_that_another_case_is_about_stays(
    embedder: Callable[..., Embedder], tmp_path: Path
) -> None:
    clock, kept = Clock(), embedder(StubSegmenter())
    cases = Cases(kept, life_s=100, clock=clock)
    old, picture = opened(cases, tmp_path)
    cases.embed(old, picture)
    clock.now = 60
    opened(cases, tmp_path)
    clock.now = 101
    cases.sweep()
    assert kept.held(picture.facts.sha256) is picture


def test_the_oldest_cases_make_room(embedder: Callable[..., Embedder], tmp_path: Path) -> None:
    cases = Cases(embedder(StubSegmenter()), most=2)
    made = [opened(cases, tmp_path, seed)[0] for seed in range(3)]
    with pytest.raises(UnknownCase):
        cases.find(made[0].id)
    assert [cases.find(case.id) for case in made[1:]] == made[1:]


def test_the_oldest_pictures_make_room_and_come_back_from_their_files(
    embedder: Callable[..., Embedder], tmp_path: Path
) -> None:
    segmenter = HeldSegmenter()
    segmenter.go.set()
    kept = embedder(segmenter, most_bytes=2 * EMBEDDING_BYTES + 5 * 48 * 64 * 3)
    cases = Cases(kept)
    made = [opened(cases, tmp_path, seed) for seed in range(3)]
    for _, picture in made:
        kept.hold(picture).embedding.result(10)
    first = made[0][0]
    assert [kept.held(picture.facts.sha256) is not None for _, picture in made] == [False, True, True]
    assert cases.propose(first, CLICK, EMPTY).masks[0][10, 20]
    assert kept.held(first.sha256) is not None
    assert segmenter.embedded.count(first.sha256) == 2


@pytest.mark.parametrize("change", ["gone", "replaced"])
def test_a_picture_whose_file_is_gone_or_another_is_not_shown_for_it(
    embedder: Callable[..., Embedder], tmp_path: Path, change: str
) -> None:
    cases = Cases(embedder(StubSegmenter()))
    case, _ = opened(cases, tmp_path, 1)
    if change == "gone":
        case.source.unlink()
    else:
        case.source.write_bytes(encoded(textured(48, 64, 2)))
    with pytest.raises(UnknownCase) as refusal:
        cases.propose(case, CLICK, EMPTY)
    assert str(refusal.value) == GONE


def test_a_click_waits_for_an_embedding_that_is_being_made(
    embedder: Callable[..., Embedder], tmp_path: Path
) -> None:
    segmenter = HeldSegmenter()
    cases = Cases(embedder(segmenter))
    case, picture = opened(cases, tmp_path)
    cases.embed(case, picture)
    assert segmenter.begun.wait(10)  # it has begun, and nobody has clicked
    answers: list[Candidates] = []
    click = threading.Thread(target=lambda: answers.append(cases.propose(case, CLICK, EMPTY)))
    click.start()
    assert answers == []
    segmenter.go.set()
    click.join(10)
    assert answers[0].masks[0][10, 20]
    assert segmenter.embedded == [case.sha256]


def test_many_clicks_embed_a_picture_once(embedder: Callable[..., Embedder], tmp_path: Path) -> None:
    segmenter = HeldSegmenter()
    segmenter.go.set()
    cases = Cases(embedder(segmenter))
    case, _ = opened(cases, tmp_path)
    threads = [threading.Thread(target=cases.propose, args=(case, CLICK, EMPTY)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert segmenter.embedded == [case.sha256]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EngineUnavailable("The click weights are missing; fetch them."), "weights are missing"),
        (KeyError("/secret"), FAILED),
    ],
)
def test_without_a_segmenter_each_click_says_why(
    embedder: Callable[..., Embedder], tmp_path: Path, error: Exception, told: str
) -> None:
    kept = embedder(error)
    cases = Cases(kept)
    assert kept.problem is None
    case, _ = opened(cases, tmp_path)
    for _ in range(2):
        with pytest.raises(EngineUnavailable) as refusal:
            cases.propose(case, CLICK, EMPTY)
        assert told in str(refusal.value)
        assert "/secret" not in str(refusal.value)
    assert kept.problem == str(refusal.value)


def test_an_embedding_that_failed_is_tried_again(embedder: Callable[..., Embedder], tmp_path: Path) -> None:
    class FailsOnce(StubSegmenter):
        tries = 0

        def embed(self, picture: Picture) -> Embedding:
            self.tries += 1
            if self.tries == 1:
                raise EngineUnavailable("The device ran out of memory; try again.")
            return super().embed(picture)

    cases = Cases(embedder(FailsOnce()))
    case, _ = opened(cases, tmp_path)
    with pytest.raises(EngineUnavailable):
        cases.propose(case, CLICK, EMPTY)
    assert cases.propose(case, CLICK, EMPTY).masks[0].any()


def test_a_closed_embedder_gives_up_what_waits(tmp_path: Path) -> None:
    segmenter = HeldSegmenter()
    kept = Embedder(lambda: segmenter)
    first, second = (kept.hold(pictured(textured(48, 64, seed))) for seed in range(2))
    assert segmenter.begun.wait(10)
    segmenter.go.set()
    kept.close()
    assert first.embedding.done() and second.embedding.done()


def test_the_answer_of_a_case_comes_back_with_its_map(
    embedder: Callable[..., Embedder], tmp_path: Path
) -> None:
    case, picture = opened(Cases(embedder(StubSegmenter())), tmp_path)
    assert case.analysis().soft_map is not None
    assert case.analysis().picture == picture.facts
    assert case.map_file is not None
    case.map_file.unlink()
    assert case.analysis().soft_map is None
