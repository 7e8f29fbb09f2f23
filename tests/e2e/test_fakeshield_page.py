"""FakeShield-22B in the page, from tiny weights that call themselves toys; and what can go wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import BrowserContext, Page, expect

import app
from fakeshield_core.checkpoints.cards import Card
from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.checkpoints.placement import FULL
from fakeshield_core.domain import Engine, MapReady, Update, VerdictReady
from fakeshield_core.engines.fakeshield import TOY, FakeShieldEngine, build_from, guarded, resident
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.fakeshield import precision
from fakeshield_core.fakeshield.options import SERVED
from fakeshield_core.picture import Picture
from fakeshield_core.settings import Settings
from tests.e2e.driver import Visitor, as_file, untouched
from tests.integration.fakeshield_toy import toy_weights
from tests.serving import free_port, served

PATIENCE_MS = 180_000  # the words are read from a network of random numbers, on a CPU that others use, too
Serve = Callable[[Callable[..., Engine]], Visitor]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def toy(weights: Path) -> FakeShieldEngine:
    return build_from(locate(weights), options=SERVED)


@pytest.fixture
def serve(tmp_path: Path, page: Page) -> Iterator[Serve]:
    """Serves an engine of the test's own, in this process."""
    running: list[app.Running] = []

    def start(build: Callable[..., Engine]) -> Visitor:
        app.prepare_gradio(app.uploads_in(tmp_path))
        settings = Settings(engine="stub", data_dir=tmp_path, queue_size=2)  # clicks are answered by the stub
        running.append(
            app.serve(settings, build, prevent_thread_lock=True, server_port=free_port(), quiet=True)
        )
        return Visitor(page, running[0].demo.local_url).arrive()

    yield start
    for one in running:
        one.close()


def wait_for_result(visitor: Visitor) -> None:
    expect(visitor.canvas).to_have_attribute("data-phase", "done", timeout=PATIENCE_MS)


def test_the_page_answers_from_toy_weights_and_says_that_they_are_toys(serve: Serve, weights: Path) -> None:
    settings = Settings(engine="fakeshield", weights_dir=weights, threads=1)
    engine = build_engine(settings.engine, settings)  # not beside the page: importing it all takes a while
    visitor = serve(lambda **_: engine)
    visitor.choose(as_file(untouched(120, 160)))
    wait_for_result(visitor)
    expect(visitor.page.locator(".verdict")).to_contain_text("Tampering found")
    expect(visitor.page.locator("body")).to_contain_text("fakeshield 2 toy")
    expect(visitor.page.locator(".why .claim").first).to_contain_text("Model’s reading")
    visitor.page.reload()  # the limits are those of the engine that was there when the page came
    expect(visitor.page.locator("#limits")).to_contain_text(TOY)
    assert not visitor.problems
    resident.cache_clear()


def test_missing_weights_are_one_sentence_and_the_page_is_served(
    tmp_path: Path, context: BrowserContext
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with served(tmp_path, "fakeshield", 503, FAKESHIELD_WEIGHTS_DIR=str(empty)) as address:
        visitor = Visitor(context.new_page(), address).arrive()
        visitor.choose(as_file(untouched(60, 80)))
        expect(visitor.page.get_by_role("alert")).to_contain_text(
            "lacks DTE-FDM and MFLM", timeout=PATIENCE_MS
        )
        expect(visitor.page.get_by_role("alert")).to_contain_text("weights get")
        expect(visitor.page.get_by_role("button", name="Choose a picture")).to_be_visible()


def test_too_small_a_card_is_one_sentence(serve: Serve) -> None:
    def build(**_: Path) -> Engine:
        precision.plan("auto", FULL, Card("A card", 12, None, None), 16)
        raise AssertionError("it does not fit")

    visitor = serve(build)
    visitor.choose(as_file(untouched(60, 80)))
    expect(visitor.page.get_by_role("alert")).to_contain_text("A card has 12 GB", timeout=PATIENCE_MS)
    expect(visitor.page.get_by_role("alert")).to_contain_text("use a card of 24 GB")


@dataclass
class Exhausted:
    """The toy engine, but with no memory for pictures of one width."""

    engine: FakeShieldEngine
    width: int

    def __post_init__(self) -> None:
        self.info = self.engine.info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        if picture.facts.width != self.width:
            return self.engine.analyze(picture)
        return guarded(no_memory())


def no_memory() -> Iterator[Update]:
    raise torch.OutOfMemoryError("CUDA out of memory")
    yield


def test_no_memory_is_one_sentence_and_the_next_picture_is_answered(
    serve: Serve, toy: FakeShieldEngine
) -> None:
    visitor = serve(lambda **_: Exhausted(toy.with_options(replace(SERVED, max_new_tokens=8)), 90))
    visitor.choose(as_file(untouched(60, 90)))
    expect(visitor.page.get_by_role("alert")).to_contain_text("too little free memory", timeout=PATIENCE_MS)
    visitor.choose(as_file(untouched(60, 80), "next.png"))
    wait_for_result(visitor)
    expect(visitor.page.locator(".opt .name")).to_have_text("next.png")


@dataclass
class Doubting:
    """The toy engine, which calls every picture untouched and then marks nothing."""

    engine: FakeShieldEngine
    has_memory: bool = False  # for another answer

    def __post_init__(self) -> None:
        self.info = self.engine.info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        return self._turned(self.engine.analyze(picture))

    def regenerate(self, picture: Picture, seed: int) -> Iterator[Update]:
        return self._turned(
            self.engine.regenerate(picture, seed) if self.has_memory else guarded(no_memory())
        )

    def map_on_request(self, picture: Picture, words: str) -> MapReady:
        return self.engine.map_on_request(picture, words)

    def _turned(self, updates: Iterator[Update]) -> Iterator[Update]:
        for update in updates:
            if isinstance(update, VerdictReady):
                yield replace(update, verdict="no_tampering_found", score=0.1, findings=())
            elif isinstance(update, MapReady):
                yield replace(update, soft_map=np.zeros_like(update.soft_map))
            else:
                yield update


def test_a_map_and_another_answer_are_given_on_request(serve: Serve, toy: FakeShieldEngine) -> None:
    engine = Doubting(toy.with_options(replace(SERVED, max_new_tokens=8)))
    visitor = serve(lambda **_: engine)
    visitor.choose(as_file(untouched(60, 80)))
    wait_for_result(visitor)
    page = visitor.page
    page.get_by_role("button", name="Show a map all the same").click()
    expect(page.locator(".about")).to_contain_text("The map was asked for", timeout=PATIENCE_MS)
    wait_for_result(visitor)
    expect(page.locator(".verdict")).to_contain_text("No tampering found")
    page.get_by_role("button", name="Another answer").click()
    expect(page.locator(".turn-note")).to_contain_text("too little free memory", timeout=PATIENCE_MS)
    expect(page.locator(".about")).to_contain_text("The map was asked for")  # the answer before
    engine.has_memory = True
    page.get_by_role("button", name="Another answer").click()
    expect(page.locator(".about")).to_contain_text("This answer was sampled with seed", timeout=PATIENCE_MS)
    wait_for_result(visitor)
    assert not visitor.problems


@dataclass
class Held:
    """The toy engine, but after the verdict on a PNG it waits for the test; the warm-up picture is a JPEG."""

    engine: FakeShieldEngine
    go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.info = self.engine.info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        for update in self.engine.analyze(picture):
            yield update
            if isinstance(update, VerdictReady) and picture.facts.format == "PNG":
                self.go.wait(PATIENCE_MS / 1000)


def test_a_cancelled_picture_gives_the_card_to_the_next(serve: Serve, toy: FakeShieldEngine) -> None:
    held = Held(toy)
    visitor = serve(lambda **_: held)
    visitor.choose(as_file(untouched(60, 80), "first.png"))
    expect(visitor.page.locator(".verdict")).to_contain_text("Score", timeout=PATIENCE_MS)
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.get_by_role("button", name="Choose a picture")).to_be_focused()
    held.go.set()
    visitor.choose(as_file(untouched(60, 80, seed=5), "second.png"))
    wait_for_result(visitor)
    expect(visitor.page.locator(".opt .name")).to_have_text("second.png")
