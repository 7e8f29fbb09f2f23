"""What the page offers to programs and to its canvas once there are cases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest

from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import StoreUnavailable
from fakeshield_core.segmenters.stub import StubSegmenter
from feedback.store import FeedbackStore
from ui import layout
from ui.api import Api
from ui.cases import Cases
from ui.embedder import Embedder
from ui.endpoints import AT_ONCE
from ui.handlers import Handlers
from ui.host import EngineHost
from ui.lane import Lane
from ui.language import NAMES
from ui.saving import Saving
from ui.visits import Visits

PUBLIC = {"segment": 3, "explain": 2, "feedback": 2, "case": 1}  # endpoint -> inputs


def no_store() -> FeedbackStore:
    raise StoreUnavailable("There is no store in this test; use another one.")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gr.Blocks]:
    visits = Visits(tmp_path_factory.mktemp("visits"))
    embedder = Embedder(StubSegmenter)
    cases = Cases(embedder)
    page = Handlers(EngineHost(StubEngine), Lane(3), visits, {}, cases)

    async def build() -> gr.Blocks:  # without a running loop Gradio makes some and leaves them open
        return layout.build_demo(page, places=3, api=Api(cases, Saving(no_store)))

    with ThreadPoolExecutor(1) as aside:  # a browser test in the same session leaves a loop running here
        yield aside.submit(asyncio.run, build()).result()
    embedder.close()


def test_the_contract_is_public_and_nothing_else_is(demo: gr.Blocks) -> None:
    public = {fn.api_name: len(fn.inputs) for fn in demo.fns.values() if fn.api_visibility != "private"}
    assert public == {"analyze": 1} | PUBLIC


def test_several_people_are_answered_at_once(demo: gr.Blocks) -> None:
    limits = {fn.api_name: fn.concurrency_limit for fn in demo.fns.values() if fn.api_name in PUBLIC}
    assert limits == dict.fromkeys(PUBLIC, AT_ONCE)


def test_no_input_of_the_contract_takes_a_file(demo: gr.Blocks) -> None:
    inputs = [block for fn in demo.fns.values() if fn.api_name in PUBLIC for block in fn.inputs]
    assert len({block._id for block in inputs}) == 6  # three of them share the case
    for block in inputs:
        with pytest.raises(gr.Error, match="plain values"):
            asyncio.run(block.async_move_resource_to_block_cache("https://example.com/x.png"))  # type: ignore[attr-defined]


def test_one_component_of_each_page_may_call_the_server(demo: gr.Blocks) -> None:
    offered = [
        [function.__name__ for function in block.server_fns]
        for block in demo.blocks.values()
        if getattr(block, "server_fns", [])
    ]
    assert offered == [["segment", "explain", "save", "fate", "withdraw"]] * len(NAMES)


def test_every_endpoint_says_what_it_takes_and_gives(demo: gr.Blocks) -> None:
    for fn in demo.fns.values():
        if fn.api_name in PUBLIC:
            assert fn.fn.__doc__ is not None and "{error}" in fn.fn.__doc__


def test_files_of_a_visit_lie_where_a_case_looks_for_them(tmp_path: Path) -> None:
    """The map a page shows and the map its case explains with are one file."""
    from fakeshield_core.imaging import decode_map_png
    from tests.fakes import encoded, marked, textured
    from ui.state import Asked

    embedder = Embedder(StubSegmenter)
    cases = Cases(embedder)
    host = EngineHost(StubEngine)
    host.start()
    assert host.wait(30)
    page = Handlers(host, Lane(1), Visits(tmp_path), {}, cases)
    upload = page.visits.folder / "picture.png"
    upload.write_bytes(encoded(marked(textured(96, 128), 20, 30, 24, 40)))
    last = list(page.analyse(Asked(run="r", name="picture.png", path=str(upload))))[-1]
    case = cases.find(last.case_id)
    assert (case.source, case.height, case.width) == (upload, 96, 128)
    assert case.map_file is not None
    assert decode_map_png(case.map_file.read_bytes()).shape == (96, 128)
    assert embedder.held(case.sha256) is not None  # begun before anybody clicks
    embedder.close()
