"""What Gradio reads from the environment, some of it when it is imported; this module does not import it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path


def uploads_in(data_dir: Path) -> Path:
    """The folder for what visitors send and get."""
    return data_dir.resolve() / "visits"


def prepare_gradio(uploads: Path) -> None:
    """Uploads go to our folder, and nothing is reported anywhere; to be called before Gradio is imported."""
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(uploads / "examples")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def event_of_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl+C set.

    An exception, as Python makes of Ctrl+C, is lost where it comes in what swallows it; an event is not.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended
