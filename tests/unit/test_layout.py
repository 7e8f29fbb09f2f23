"""The page's wiring and its static files: what is public, what is small, what stays on this machine."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest

from fakeshield_core.engines.stub import StubEngine
from ui import canvas, layout, render_correction
from ui.handlers import Handlers
from ui.host import EngineHost
from ui.intake import NoFetching
from ui.lane import Lane
from ui.language import NAMES
from ui.render_page import head
from ui.visits import Visits
from ui.words import canvas_words

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(canvas.STATIC.glob("*.js"))
TEMPLATE = (canvas.STATIC / "canvas.html").read_text()
CODE = TEMPLATE + "".join(path.read_text() for path in SCRIPTS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> gr.Blocks:
    visits = Visits(tmp_path_factory.mktemp("visits"))

    async def build() -> gr.Blocks:  # without a running loop Gradio makes some and leaves them open
        return layout.build_demo(Handlers(EngineHost(StubEngine), Lane(3), visits, {}), places=3)

    with ThreadPoolExecutor(1) as aside:  # a browser test in the same session leaves a loop running here
        return aside.submit(asyncio.run, build()).result()


def test_only_analyze_is_public(demo: gr.Blocks) -> None:
    public = [fn.api_name for fn in demo.fns.values() if fn.api_visibility != "private"]
    assert public == ["analyze"]


def test_analyze_takes_one_file_and_gives_the_result_first(demo: gr.Blocks) -> None:
    endpoint = next(fn for fn in demo.fns.values() if fn.api_name == "analyze")
    assert [type(block).__name__ for block in endpoint.inputs] == ["File"]
    assert [type(block).__name__ for block in endpoint.outputs] == ["JSON", "File", "File"]


def test_page_events_take_no_component_as_input(demo: gr.Blocks) -> None:
    """Gradio would fetch any address found in one."""
    on_server = [fn for fn in demo.fns.values() if fn.fn is not None and fn.api_name != "analyze"]
    assert len(on_server) == 5 * len(NAMES)  # of each page: picked, example, resumed, cancelled, load
    assert all(not fn.inputs for fn in on_server)


def test_everything_that_runs_the_engine_shares_one_lane(demo: gr.Blocks) -> None:
    lanes = [fn.name for fn in demo.fns.values() if fn.concurrency_id == layout.LANE]
    assert sorted(lanes) == ["analyze", *["on_picked"] * len(NAMES)]


@pytest.mark.parametrize(("root", "beside"), [("en", "zh"), ("zh", "en")])
def test_a_page_in_each_language_lies_beside_the_root(tmp_path: Path, root: str, beside: str) -> None:
    handlers = Handlers(EngineHost(StubEngine), Lane(3), Visits(tmp_path), {})
    with ThreadPoolExecutor(1) as aside:

        async def build() -> gr.Blocks:
            return layout.build_demo(handlers, places=3, language=root)

        demo = aside.submit(asyncio.run, build()).result()
    assert [path for path, _, _ in demo.pages] == ["", beside]
    said = {
        block.page: block.props["language"] for block in demo.blocks.values() if "o-canvas" in _classes(block)
    }
    heads = {block.page: str(block.value) for block in demo.blocks.values() if "o-head" in _classes(block)}
    assert said == {"": root, beside: beside}
    assert f'href="{beside}" lang="{beside}"' in heads[""] and f'href="./" lang="{root}"' in heads[beside]


def _classes(block: object) -> list[str]:
    return list(getattr(block, "elem_classes", None) or [])


def test_panels_of_an_empty_page_are_those_of_a_started_one(demo: gr.Blocks) -> None:
    began = next(fn for fn in demo.fns.values() if fn.js and "verdict card" in str(fn.js))
    assert len(began.outputs) == 4


def test_app_stays_a_composition_root() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 80


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_small_and_name_no_host(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 350
    assert not re.findall(r"https?://", text)


def test_scripts_evaluate_no_text_and_pages_hold_no_handlers() -> None:
    assert not re.findall(r"\beval\(|new Function|insertAdjacentHTML|outerHTML", CODE)
    pages = TEMPLATE + render_correction.panel() + render_correction.turn() + render_correction.receipt()
    assert not re.findall(r"\son\w+=", pages)


def test_canvas_never_redraws_itself() -> None:
    assert "props.value" not in CODE


def test_styles_and_pages_name_no_host() -> None:
    assert not re.findall(
        r"https?://|@import|url\(", layout.style() + TEMPLATE + head(canvas.STATIC, {"en": "./"})
    )


def test_canvas_has_words_for_all_it_says() -> None:
    used = set(re.findall(r"words\.(\w+)", CODE)) - {"js"}
    assert used <= set(canvas_words())


def test_canvas_is_given_no_words_it_does_not_say() -> None:
    """By name, as a text that is looked up, or one of a family: `words[`claim_${value}`]`."""
    families = re.findall(r"words\[`(\w+_)\$", CODE)
    unused = [key for key in canvas_words() if not re.search(rf"words\.{key}\b|\"{key}\"", CODE)]
    assert [key for key in unused if not key.startswith(tuple(families))] == []


def test_every_icon_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="i-(\w+)"', (canvas.STATIC / "icons.svg").read_text()))
    code = CODE + "".join(path.read_text() for path in (ROOT / "ui").glob("*.py"))
    used = set(re.findall(r'#i-(\w+)"', code)) | set(re.findall(r"""icon\(['"](\w+)['"]""", code))
    assert used <= sprite


def test_template_holds_nothing_gradio_would_evaluate() -> None:
    """It is read as a JavaScript template literal after Handlebars."""
    assert "`" not in TEMPLATE
    assert "${" not in TEMPLATE


@pytest.mark.parametrize(
    ("path", "is_refused"),
    [
        ("/gradio_api/file=http://host/x.png", True),
        ("/gradio_api/file=HTTPS:/host/x.png", True),
        ("/gradio_api/proxy=http://host/x", True),
        ("/gradio_api/file=/data/visits/abc/x.png", False),
        ("/examples/pasted.jpg", False),
    ],
)
def test_nothing_is_fetched_for_a_visitor(path: str, is_refused: bool) -> None:
    from starlette.responses import PlainTextResponse
    from starlette.testclient import TestClient

    client = TestClient(NoFetching(PlainTextResponse("served")))
    answer = client.get(path)
    assert (answer.status_code == 403) == is_refused


def test_every_design_token_is_used() -> None:
    tokens = re.findall(r"(--[\w-]+):", (canvas.STATIC / "tokens.css").read_text())
    code = CODE + "".join(path.read_text() for path in canvas.STATIC.glob("*.css"))
    unused = {token for token in tokens if not re.search(rf"{token}(?![\w:-])", code)}
    assert tokens and not unused
