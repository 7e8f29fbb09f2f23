"""The app while it runs."""

from __future__ import annotations

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

    def close(self) -> None:
        """Answers nobody any more, then ends the cases, then closes the store."""
        self.demo.close(verbose=False)
        self.cases.close()
        self.saving.close()
