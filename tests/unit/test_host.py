"""The host follows the champion pointer: a swap drops no request, and a broken adapter changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fakeshield_core.adapters import POINTER, WEIGHTS, move_champion, read_adapter
from fakeshield_core.checkpoints.compact import adapted
from fakeshield_core.domain import Analysis, Engine, EngineInfo, Update
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.picture import Picture
from fakeshield_core.pipeline import analyze_to_end
from tests.adapter_folders import checkpoint, for_network
from tests.fakes import pictured, textured
from ui.host import EngineHost

DEADLINE_S = 60.0
PICTURE = pictured(textured(96, 96))
BASE = checkpoint()
torch.set_num_threads(1)  # as the real build does: the default spins on a busy machine


def build(adapter: Path | None = None) -> Engine:
    return CompactEngine(BASE if adapter is None else adapted(BASE, read_adapter(adapter)))


def until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.01)


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Callable[..., EngineHost]]:
    hosts: list[EngineHost] = []

    def make(made: Callable[..., Engine] = build) -> EngineHost:
        hosts.append(EngineHost(made, tmp_path, poll_s=0.01))
        hosts[-1].start()
        assert hosts[-1].wait(DEADLINE_S)
        return hosts[-1]

    yield make
    for host in hosts:
        host.stop()


def adapter_of(host: EngineHost) -> str | None:
    return host.engine().info.adapter


def test_the_champion_is_served_from_the_start(tmp_path: Path, hosted: Callable[..., EngineHost]) -> None:
    digest = for_network(tmp_path, BASE)
    move_champion(tmp_path, digest)
    assert adapter_of(hosted()) == digest


def test_a_moved_pointer_is_followed_there_and_back(
    tmp_path: Path, hosted: Callable[..., EngineHost]
) -> None:
    digest, host = for_network(tmp_path, BASE), hosted()
    assert adapter_of(host) is None
    move_champion(tmp_path, digest)
    until(lambda: adapter_of(host) == digest)
    move_champion(tmp_path, None)
    until(lambda: adapter_of(host) is None)
    assert host.problem is None


class Slow:
    """An engine whose answers wait until they may go on."""

    def __init__(self, inner: Engine, go: threading.Event, begun: threading.Event) -> None:
        self._inner, self._go, self._begun = inner, go, begun

    @property
    def info(self) -> EngineInfo:
        return self._inner.info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        for update in self._inner.analyze(picture):
            self._begun.set()
            assert self._go.wait(DEADLINE_S)
            yield update


def test_a_request_during_the_swap_finishes_on_the_engine_it_began_with(
    tmp_path: Path, hosted: Callable[..., EngineHost]
) -> None:
    go, begun = threading.Event(), threading.Event()
    go.set()
    digest = for_network(tmp_path, BASE)

    def made(adapter: Path | None = None) -> Engine:
        return Slow(build(), go, begun) if adapter is None else build(adapter)

    host = hosted(made)
    go.clear()
    begun.clear()
    answers: list[Analysis] = []
    request = threading.Thread(target=lambda: answers.append(analyze_to_end(host.engine(), PICTURE)))
    request.start()
    assert begun.wait(DEADLINE_S)
    move_champion(tmp_path, digest)
    until(lambda: adapter_of(host) == digest)
    after = analyze_to_end(host.engine(), PICTURE)
    go.set()
    request.join(DEADLINE_S)
    assert [answer.engine.adapter for answer in answers] == [None]
    assert after.engine.adapter == digest
    for analysis, folder in ((answers[0], None), (after, tmp_path / digest)):
        again = analyze_to_end(build(folder), PICTURE)
        assert analysis.soft_map is not None and again.soft_map is not None
        np.testing.assert_array_equal(analysis.soft_map, again.soft_map)
    assert answers[0].soft_map is not None and after.soft_map is not None
    assert not np.array_equal(answers[0].soft_map, after.soft_map)


def test_a_broken_adapter_keeps_the_engine_and_says_why(
    tmp_path: Path, hosted: Callable[..., EngineHost]
) -> None:
    good, bad = for_network(tmp_path, BASE), for_network(tmp_path, BASE, seed=1)
    move_champion(tmp_path, good)
    host = hosted()
    (tmp_path / bad / WEIGHTS).write_bytes(b"torn")
    draft = tmp_path / "draft"
    draft.write_text(f'{{"adapter": "{bad}"}}')  # as `move_champion` would refuse to
    draft.replace(tmp_path / POINTER)
    until(lambda: host.problem is not None)
    assert adapter_of(host) == good and f"{WEIGHTS} of {bad} was changed" in str(host.problem)
    move_champion(tmp_path, None)
    until(lambda: adapter_of(host) is None)
    assert host.problem is None


def test_a_broken_adapter_at_the_start_gives_the_base_and_says_why(
    tmp_path: Path, hosted: Callable[..., EngineHost]
) -> None:
    digest = for_network(tmp_path, replace(BASE, digest="f" * 12))
    move_champion(tmp_path, digest)
    host = hosted()
    assert adapter_of(host) is None
    assert "train again" in str(host.problem)


def test_a_torn_pointer_keeps_the_engine_until_it_is_mended(
    tmp_path: Path, hosted: Callable[..., EngineHost]
) -> None:
    digest = for_network(tmp_path, BASE)
    move_champion(tmp_path, digest)
    host = hosted()
    (tmp_path / POINTER).write_text("{")
    until(lambda: host.problem is not None)
    assert adapter_of(host) == digest and POINTER in str(host.problem)
    move_champion(tmp_path, digest)
    until(lambda: host.problem is None)
    assert adapter_of(host) == digest
