"""The store behind the page: opened aside, tried again, and its absence said."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakeshield_core.errors import FakeShieldError, StoreUnavailable
from feedback.backup import restore
from feedback.store import FeedbackStore
from ui.saving import AGAIN_S, FAILED, OFF, Saving


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Opener:
    """Fails so many times, then opens a store."""

    folder: Path
    error: Exception
    failures: int
    tries: int = 0

    def __call__(self) -> FeedbackStore:
        self.tries += 1
        if self.tries <= self.failures:
            raise self.error
        return FeedbackStore.open(self.folder)


def test_a_store_opens_in_the_background_and_a_save_waits_for_it(tmp_path: Path) -> None:
    go = threading.Event()

    def slow() -> FeedbackStore:
        assert go.wait(10)
        return FeedbackStore.open(tmp_path)

    saving = Saving(slow)
    saving.start()
    assert (saving.state, saving.problem) == ("opening", None)
    found: list[FeedbackStore] = []
    save = threading.Thread(target=lambda: found.append(saving.store()))
    save.start()
    go.set()
    save.join(20)
    assert found == [saving.store()]
    assert (saving.state, saving.problem) == ("open", None)
    saving.close()


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (StoreUnavailable("A restore is running; wait for it, then try again."), "A restore is running"),
        (OSError("/secret"), FAILED),
    ],
)
def test_a_store_that_cannot_open_is_named_and_tried_again_later(
    tmp_path: Path, error: Exception, problem: str
) -> None:
    clock, opener = Clock(), Opener(tmp_path, error, failures=1)
    saving = Saving(opener, clock)
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as refusal:
            saving.store()
        assert str(refusal.value) == OFF
    assert opener.tries == 1
    assert saving.state == "off"
    assert saving.problem is not None and problem in saving.problem and "secret" not in saving.problem
    clock.now = AGAIN_S
    assert saving.store().items() == []
    assert (saving.state, saving.problem, opener.tries) == ("open", None, 2)
    saving.close()


def test_a_closed_store_stays_closed(tmp_path: Path) -> None:
    clock, opener = Clock(), Opener(tmp_path, FakeShieldError(), failures=0)
    saving = Saving(opener, clock)
    saving.store()
    saving.close()
    clock.now = 10 * AGAIN_S
    with pytest.raises(StoreUnavailable):
        saving.store()
    assert (saving.state, opener.tries) == ("off", 1)


def test_closing_lets_a_restore_begin(tmp_path: Path) -> None:
    saving = Saving(lambda: FeedbackStore.open(tmp_path))
    saving.store()
    with pytest.raises(StoreUnavailable, match="stop the app first"):
        restore(tmp_path)
    saving.close()
    restore(tmp_path)
