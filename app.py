"""The app put together: settings, engine, page, launch. Started by `python app.py`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakeshield_core.domain import Engine
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.imaging import MAX_BYTES
from fakeshield_core.settings import Settings

if TYPE_CHECKING:
    import gradio as gr

LOUD_LIBRARIES = ("httpx", "uvicorn.access")
THREADS_BESIDE = 20  # for everything but people who wait for the engine


def main() -> int:
    """Serves until it is stopped; 1 where a setting cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment()
        uploads = settings.data_dir.resolve() / "visits"
        prepare_gradio(uploads)
        serve(lambda: build_engine(settings.engine, settings), uploads, settings.queue_size)
    except FakeShieldError as error:
        logging.getLogger("app").error("%s", error)
        return 1
    return 0


def prepare_gradio(uploads: Path) -> None:
    """What Gradio reads from the environment, some of it when it is imported."""
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(uploads / "examples")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def serve(build: Callable[[], Engine], uploads: Path, places: int, **launch: Any) -> gr.Blocks:
    """Launches the page while the engine is built in a thread of its own; `launch` as in Gradio.

    Args:
        uploads: folder for what visitors send and get, as named to `prepare_gradio`.
        places: people who may wait for the engine at once.
    """
    from ui import handlers, host, lane, layout, routes, stored, visits  # not before `prepare_gradio`

    engine = host.EngineHost(build)
    files = visits.Visits(uploads)
    page = handlers.Handlers(engine, lane.Lane(places), files, stored.read_examples())
    demo = layout.build_demo(page, places)
    files.keep_swept()
    engine.start()
    demo.launch(
        theme=layout.theme(),
        app_kwargs=routes.app_options(engine, files.results),
        max_file_size=MAX_BYTES,
        max_threads=places + THREADS_BESIDE,
        show_error=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        footer_links=[],
        **launch,
    )
    return demo


if __name__ == "__main__":
    sys.exit(main())
