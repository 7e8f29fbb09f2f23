"""The page's components and what is wired to what; nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import gradio as gr

from fakeshield_core.domain import EngineInfo, JsonValue
from ui import canvas, render, render_correction, render_evidence, render_page, render_reasons
from ui.api import Api
from ui.border import at_border
from ui.endpoints import add_endpoints, server_functions
from ui.handlers import Answer, Handlers
from ui.intake import refuse_addresses
from ui.language import NAMES, PLAIN, addresses, each_spoken, in_language, speaking, spoken
from ui.rates import rates_of
from ui.state import Asked, PageView

Outputs = tuple[dict[str, JsonValue], str, str, str, str]  # canvas, verdict, reasons, evidence, about
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")
STYLES = ("tokens.css", "page.css", "canvas.css", "correcting.css", "panel.css", "bridge.css")
LANE = "engine"  # everything that runs the engine shares this queue lane
STORED, REOPENED = "stored", "reopened"  # shared by the pages of all languages
NO_BAR = "<style>.nav-holder { display: none !important; }</style>"  # the head links the languages
SWEEP_S = (300, 3000)  # Gradio deletes uploads: every, older than


class Panels(NamedTuple):
    """What a view is shown in."""

    told: gr.JSON  # what the canvas listens to
    verdict: gr.HTML
    reasons: gr.HTML
    evidence: gr.HTML
    about: gr.HTML


def build_demo(handlers: Handlers, places: int, api: Api | None = None, language: str = PLAIN) -> gr.Blocks:
    """The whole page, once in each language; and the endpoints for programs.

    Args:
        handlers: what happens on events.
        places: people who may wait for the engine at once.
        api: what the canvas and programs may ask about a case; None: nothing can be corrected.
        language: of the page at the root and of the endpoints; pages in others lie beside it by their code.
    """
    demo = gr.Blocks(fill_width=True, analytics_enabled=False, delete_cache=SWEEP_S, title="FakeShield")
    tongues = addresses(language)
    with demo, speaking(language):
        _build_page(demo, tongues, handlers, places, api)
        _endpoint(handlers, places)
        if api is not None:
            add_endpoints(api)
    for other in NAMES.keys() - {language}:
        with demo.route(NAMES[other], other), speaking(other):
            _build_page(demo, tongues, handlers, places, api)
    demo.queue(max_size=places + 1)
    return demo


def _build_page(
    demo: gr.Blocks, tongues: Mapping[str, str], handlers: Handlers, places: int, api: Api | None
) -> None:
    """The page in the language of now."""
    _html(f"<style>{style()}</style>{render_page.head(canvas.STATIC, tongues)}", "o-head")
    with gr.Column(elem_classes=["page"], elem_id="main"):
        _html(render_page.intro(), "o-intro", "start-only")
        _html(render_correction.resume(), "o-resume", "start-only")
        stage, panels = _work(api)
        _html(render_page.examples(handlers.examples.values()), "o-examples", "start-only")
        _html(render_page.foot(), "o-foot")
        limits = _html(render_page.limits(None, None), "o-limits")
    _wire_page(stage, panels, handlers, places)
    demo.load(
        in_language(lambda: _limits(handlers)),
        None,
        limits,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def style() -> str:
    """All style sheets as one text. Gradio's own `css` option would break rules inside media queries."""
    return "\n".join((canvas.STATIC / name).read_text() for name in STYLES)


def theme() -> gr.themes.Base:
    """Gradio's plainest theme in the fonts of the visitor's machine."""
    return gr.themes.Base(font=FONTS, font_mono=MONO_FONTS)


def launch_options() -> dict[str, Any]:
    """How Gradio shows the page: nothing of its own around it, no errors with details, nothing recorded."""
    return {
        "theme": theme(),
        "head": NO_BAR,
        "show_error": False,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": False,
        "footer_links": [],
    }


def outputs(view: PageView) -> Outputs:
    """One view as the values of the panels."""
    rates = rates_of(view.engine.name) if view.engine else None
    return (
        canvas.snapshot(view),
        render.verdict_card(view, rates),
        render_reasons.reasons_card(view),
        render_evidence.evidence_tiles(view),
        render.about_card(view),
    )


def _html(value: str, *classes: str) -> gr.HTML:
    """A block of our own HTML, without Gradio's text styles."""
    return gr.HTML(value, elem_classes=list(classes), apply_default_css=False, js_on_load=None)


def _work(api: Api | None) -> tuple[gr.HTML, Panels]:
    empty = outputs(PageView(run=""))
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["left"]):
            stage = canvas.build_canvas(server_functions(api))
            evidence = _html(empty[3], "o-evidence", "work-only")
        with gr.Column(elem_classes=["rail", "work-only"]):
            verdict = _html(empty[1], "o-verdict")
            reasons = _html(empty[2], "o-reasons")
            _html(render_correction.turn(), "o-turn")
            _html(render_correction.panel(), "o-fix")
            _html(render_correction.receipt(), "o-receipt")
            about = _html(empty[4], "o-about")
            _html(render_correction.thumb(), "o-thumb")
    told = gr.JSON(visible="hidden")
    return stage, Panels(told, verdict, reasons, evidence, about)


def _wire_page(stage: gr.HTML, panels: Panels, handlers: Handlers, places: int) -> None:
    language = spoken()

    def on_picked(event: gr.EventData) -> Iterator[Outputs]:
        yield from each_spoken(language, map(outputs, handlers.analyse(Asked.read(event._data))))

    def on_example(event: gr.EventData) -> Iterator[Outputs]:
        yield from each_spoken(language, map(outputs, handlers.open_example(Asked.read(event._data))))

    def on_resumed(event: gr.EventData) -> Iterator[Outputs]:
        yield from each_spoken(language, map(outputs, handlers.resume(Asked.read(event._data))))

    def on_cancelled(event: gr.EventData) -> None:
        handlers.cancel(Asked.read(event._data))

    shared: dict[str, Any] = {"outputs": list(panels), **_quiet()}
    analysis = stage.picked(on_picked, None, concurrency_id=LANE, concurrency_limit=2 * places + 3, **shared)
    example = stage.example(on_example, None, concurrency_id=STORED, concurrency_limit=4, **shared)
    resumed = stage.resumed(on_resumed, None, concurrency_id=REOPENED, concurrency_limit=4, **shared)
    for asked in (analysis, example, resumed):
        asked.failure(None, None, None, js=canvas.TELL_FAILED)
    empty = json.dumps(list(outputs(PageView(run="")))[1:])
    stage.began(None, None, list(panels)[1:], js=f"() => {empty}", show_progress="hidden")
    stage.cancelled(on_cancelled, None, None, queue=False, **_quiet())
    panels.told.change(None, panels.told, None, js=canvas.TELL)


def _quiet() -> dict[str, Any]:
    """Options of events of the page: no spinner, no endpoint, none dropped while another runs."""
    return {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}


def _endpoint(handlers: Handlers, places: int) -> None:
    """`/analyze` for programs: one file in; result, map file and mask file out."""

    def analyze(file: str | None) -> Answer:
        """Says whether a picture was tampered with, shows where, and explains why.

        Returns the result (schema v1), the soft map as an 8-bit PNG and the mask as a 1-bit PNG.
        """
        return handlers.analyse_file(file)

    with gr.Column(visible=False):
        file = gr.File(type="filepath", file_count="single", label="file")
        refuse_addresses(file)
        answers = [gr.JSON(label="result"), gr.File(label="map"), gr.File(label="mask")]
        gr.Button().click(
            in_language(analyze),
            file,
            answers,
            api_name="analyze",
            concurrency_id=LANE,
            concurrency_limit=2 * places + 3,
            show_progress="hidden",
        )


@at_border
def _limits(handlers: Handlers) -> str:
    engine = handlers.host.ready()
    info: EngineInfo | None = engine.info if engine else None
    return render_page.limits(info, rates_of(info.name) if info else None)
