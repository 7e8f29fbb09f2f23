"""The page's event functions over a stub, with an upload as Gradio leaves it."""

from __future__ import annotations

from pathlib import Path

from fakeshield_core.domain import Engine
from fakeshield_core.engines.stub import StubEngine
from ui.handlers import Handlers
from ui.host import EngineHost
from ui.lane import Lane
from ui.state import Asked
from ui.visits import Visits


def handlers(folder: Path, engine: Engine | None = None, places: int = 1, **more: object) -> Handlers:
    chosen = engine or StubEngine()
    host = EngineHost(lambda: chosen)
    host._engine = chosen  # as after a warm start
    host._settled.set()
    return Handlers(host, Lane(places), Visits(folder), more.get("examples", {}))  # type: ignore[arg-type]


def sent(page: Handlers, data: bytes, name: str = "picture.png") -> Asked:
    """An upload as Gradio leaves it, and the question about it."""
    folder = page.visits.folder / "0f" / name
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(data)
    return Asked(run="r1", name=name, path=str(folder))


def at(page: Handlers, address: str | None) -> Path:
    assert address is not None
    return page.visits.results / address.removeprefix("results/")
