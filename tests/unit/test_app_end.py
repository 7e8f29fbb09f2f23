"""A signal ends the app whenever it comes, and everything is closed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import app


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_launch_is_not_lost(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    class Page:
        def until(self, ended: threading.Event) -> None:
            waited.append(ended.is_set())

    def serve(*_: object, prevent_thread_lock: bool) -> Page:
        assert prevent_thread_lock  # else Gradio would wait, and nobody would look whether a signal came
        with suppress(BaseException):  # as what runs during the launch may do
            os.kill(os.getpid(), number)
        return Page()

    monkeypatch.setenv("FAKESHIELD_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(app, "serve", serve)
    monkeypatch.setattr(app, "prepare_gradio", lambda _: None)
    assert app.main() == 0
    assert waited == [True]
