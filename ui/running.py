"""The app while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import gradio as gr

from ui.cases import Cases
from ui.saving import Saving


@dataclass(frozen=True, slots=True)
class Running:
    """What has to be closed, and in which order."""

    demo: gr.Blocks
    cases: Cases
    saving: Saving

    def until(self, ended: threading.Event) -> None:
        """Serves until the event is set, then closes everything."""
        ended.wait()
        self.close()

    def close(self) -> None:
        """Answers nobody any more, then ends the cases, then closes the store."""
        self.demo.close(verbose=False)
        self.cases.close()
        self.saving.close()
