"""The app put together: settings, engine, clicks, store, page, launch. Started by `python app.py`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from fakeshield_core.adapters import FOLDER as ADAPTERS
from fakeshield_core.domain import Engine
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.explain.registry import build_explainers
from fakeshield_core.imaging import MAX_BYTES
from fakeshield_core.segmenters.registry import build_segmenter
from fakeshield_core.settings import Settings
from feedback.store import FOLDER, FeedbackStore
from ui.environment import event_of_signals, prepare_gradio, uploads_in

if TYPE_CHECKING:
    from ui.running import Running

LOUD_LIBRARIES = ("httpx", "uvicorn.access", "alembic")
THREADS_BESIDE = 20  # for everything but people who wait for the engine


def main() -> int:
    """Serves until it is stopped; 1 where a setting cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    ended = event_of_signals()
    try:
        settings = Settings.from_environment()
        prepare_gradio(uploads_in(settings.data_dir))
        build = partial(build_engine, settings.engine, settings)
        serve(settings, build, prevent_thread_lock=True).until(ended)
    except FakeShieldError as error:
        logging.getLogger("app").error("%s", error)
        return 1
    return 0


def serve(settings: Settings, build: Callable[..., Engine], **launch: Any) -> Running:
    """Launches the page while engine, clicks and store are made in threads of their own.

    Args:
        build: makes the engine; `adapter` names the folder of one where the champion pointer does.
        launch: as in Gradio.
    """
    # not before `prepare_gradio`
    from ui import api, cases, embedder, handlers, host, lane, layout

    # isort: split
    from ui import review, routes, running, saving, stored, visits

    places, explainers, language = settings.queue_size, build_explainers(settings), settings.language
    engine = host.EngineHost(build, settings.data_dir / ADAPTERS)
    files = visits.Visits(uploads_in(settings.data_dir))
    kept = cases.Cases(embedder.Embedder(lambda: build_segmenter(settings)))
    store = saving.Saving(lambda: FeedbackStore.open(settings.data_dir / FOLDER, settings.database_url))
    page = handlers.Handlers(engine, lane.Lane(places), files, stored.read_examples(), kept, explainers)
    demo = layout.build_demo(page, places, api.Api(kept, store, explainers), language)
    behind = routes.Behind(engine, kept, store, review.Desk(settings.review_token, store, engine), language)
    for part in (files, engine, store, kept):
        part.start()
    demo.launch(
        app_kwargs=routes.app_options(behind, files.results),
        max_file_size=MAX_BYTES,
        max_threads=2 * places + THREADS_BESIDE,
        **layout.launch_options(),
        **launch,
    )
    return running.Running(demo, kept, store)


if __name__ == "__main__":
    sys.exit(main())
