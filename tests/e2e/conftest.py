"""A browser, the app with the stub engine, and the app with an engine that a test holds back."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

import app
from fakeshield_core.domain import Stability, Update, VerdictReady
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.picture import Picture
from fakeshield_core.settings import Settings
from feedback.store import FOLDER, FeedbackStore
from tests.e2e.correcting import Corrector
from tests.e2e.driver import Visitor
from tests.serving import free_port, served

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 20_000  # a step may take that long where other work shares the cores
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in Path(str(item.fspath)).parts:
            item.add_marker(pytest.mark.e2e)
    items.sort(
        key=lambda item: item.fspath.basename != "test_story_loop.py"
    )  # it retrains: others run beside it


@dataclass
class HeldEngine(StubEngine):
    """The stub engine, but it says nothing before the test lets it.

    Where it `checks`, its verdict comes again after the map, when the test lets it: it cannot tell.
    """

    go: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    checks: bool = False
    checked: threading.Event = field(default_factory=threading.Event)

    def analyze(self, picture: Picture) -> Iterator[Update]:
        if picture.facts.format == "PNG":  # the warm-up picture is a JPEG
            self.asked.set()
            self.go.wait(60)
        verdict, soft = super().analyze(picture)
        assert isinstance(verdict, VerdictReady)
        yield replace(verdict, to_be_checked=self.checks)
        yield soft
        if self.checks:
            self.checked.wait(60)
            yield replace(verdict, verdict="inconclusive", stability=Stability(0.2, 0.9))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine; install the package chromium to run the browser tests")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the running app."""
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="session")
def address(home: Path, browser: Browser) -> Iterator[str]:
    with served(home) as running:
        yield running


@pytest.fixture
def store(home: Path, address: str) -> Iterator[FeedbackStore]:
    """The store of the running app, opened beside it."""
    opened = FeedbackStore.open(home / "data" / FOLDER)
    yield opened
    opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    fresh = browser.new_context(viewport=DESK)
    yield fresh
    fresh.close()


@pytest.fixture
def visitor(context: BrowserContext, address: str) -> Visitor:
    return Visitor(context.new_page(), address).arrive()


@pytest.fixture
def corrector(visitor: Visitor) -> Corrector:
    return Corrector(visitor)


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Visitor]:
    small = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    yield Visitor(small.new_page(), address).arrive()
    small.close()


@pytest.fixture
def held(tmp_path: Path, page: Page) -> Iterator[tuple[HeldEngine, Visitor]]:
    """An engine the test holds back, and a visitor of the page it serves."""
    engine = HeldEngine()
    settings = Settings(engine="stub", data_dir=tmp_path, queue_size=1)
    app.prepare_gradio(app.uploads_in(tmp_path))
    running = app.serve(
        settings, lambda: engine, prevent_thread_lock=True, server_port=free_port(), quiet=True
    )
    yield engine, Visitor(page, running.demo.local_url).arrive()
    engine.go.set()
    engine.checked.set()
    running.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
