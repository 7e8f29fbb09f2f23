"""Parts of the serving engine alone: text stream, turns, cache, the door to the card, precision."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fakeshield_core.checkpoints import placement
from fakeshield_core.checkpoints.cards import Card
from fakeshield_core.checkpoints.placement import FULL
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import gpu, precision
from fakeshield_core.fakeshield.caches import Lru
from fakeshield_core.fakeshield.decoding import Step
from fakeshield_core.fakeshield.gpu import gpu_call, seconds_for
from fakeshield_core.fakeshield.streaming import Pace, TextStream
from fakeshield_core.fakeshield.tokenizer import read_tokenizer
from fakeshield_core.fakeshield.turns import Turns
from fakeshield_core.imaging import decode
from tests.fakes import encoded, textured

GOLDEN = Path(__file__).parents[1] / "golden" / "fakeshield"
DTE_FDM = GOLDEN / "weight" / "fakeshield-v1-22b" / "DTE-FDM"
TOKENIZER = read_tokenizer(DTE_FDM, "4.37")
TEXT = "The picture has been tampered with. Löwe 猫.\n\n2. Edges"
SLOW, AT_ONCE = 1.0, 0.0


def steps(text: str, ends: bool = True) -> Iterator[Step]:
    ids = [*TOKENIZER.encode(text)[1:], *([TOKENIZER.end_id] if ends else [])]
    return (Step(token, torch.zeros(1), torch.zeros(1, 1)) for token in ids)


def clock_of(step_s: float) -> Callable[[], float]:
    """A clock on which each look takes as long."""
    now = iter(range(10**9))
    return lambda: next(now) * step_s


@pytest.mark.parametrize("tokens", [1, 3, 4, 1000])
@pytest.mark.parametrize("step_s", [AT_ONCE, SLOW])
def test_pieces_make_up_the_text_whatever_their_length(tokens: int, step_s: float) -> None:
    stream = TextStream(TOKENIZER, steps(f"  {TEXT} \n"), Pace(tokens), clock_of(step_s))
    pieces = list(stream)
    assert "".join(pieces) == stream.text == TEXT
    assert "�" not in "".join(pieces)
    assert stream.cut == ""


def test_a_piece_is_a_few_tokens_or_a_moment() -> None:
    count = len(list(steps(TEXT)))
    fast = list(TextStream(TOKENIZER, steps(TEXT), Pace(tokens=4), clock_of(AT_ONCE)))
    slow = list(TextStream(TOKENIZER, steps(TEXT), Pace(tokens=4), clock_of(SLOW)))
    assert count / 6 < len(fast) <= count / 4 + 2
    assert len(slow) > 2 * len(fast)


def test_the_first_piece_does_not_wait_for_others() -> None:
    taken: list[int] = []

    def watched() -> Iterator[Step]:
        for step in steps(TEXT):
            taken.append(step.token)
            yield step

    next(iter(TextStream(TOKENIZER, watched(), Pace(tokens=50), clock_of(AT_ONCE))))
    assert len(taken) == 1


def test_how_the_text_ended_is_told() -> None:
    whole = TextStream(TOKENIZER, steps(TEXT))
    long = TextStream(TOKENIZER, steps(TEXT, ends=False))
    late = TextStream(TOKENIZER, steps(TEXT), Pace(limit_s=5.0), clock_of(SLOW))
    texts = ["".join(stream) for stream in (whole, long, late)]
    assert [stream.cut for stream in (whole, long, late)] == ["", "tokens", "time"]
    assert texts[0] == texts[1] == TEXT
    assert TEXT.startswith(texts[2]) and texts[2] != TEXT


def test_turns_are_given_in_the_order_they_were_asked_for() -> None:
    turns, order = Turns(), list[str]()
    lines = {name: turns.each(iter(range(3))) for name in "abc"}
    for _ in range(3):
        for name, line in lines.items():
            next(line)
            order.append(name)
    assert "".join(order) == "abcabcabc"
    assert list(lines["a"]) == []


def test_one_turn_at_a_time_and_nobody_is_passed_over() -> None:
    turns, inside, most, served = Turns(), list[int](), list[int](), list[int]()
    start = threading.Barrier(4)

    def person(number: int) -> None:
        start.wait(30)
        for _ in range(25):
            with turns.turn():
                inside.append(number)
                most.append(len(inside))
                served.append(number)
                inside.remove(number)

    people = [threading.Thread(target=person, args=(number,)) for number in range(4)]
    for one in people:
        one.start()
    for one in people:
        one.join(30)
    assert max(most) == 1
    assert sorted(served) == sorted(list(range(4)) * 25)


def test_a_turn_that_failed_is_given_up() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns.turn():
        raise KeyError
    assert list(turns.each(iter([1]))) == [1]


def test_the_value_used_longest_ago_goes_first() -> None:
    cache = Lru[int](2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]
    assert len(cache) == 2


def test_what_was_kept_an_hour_ago_is_gone_however_often_it_was_used() -> None:
    now = [0.0]
    cache = Lru[int](9, clock=lambda: now[0])
    cache.put("a", 1)
    now[0] = 3599.0
    assert cache.get("a") == 1
    cache.put("b", 2)
    now[0] = 3600.0
    assert cache.get("b") == 2
    assert len(cache) == 1 and cache.get("a") is None


def test_a_cache_of_none_keeps_nothing() -> None:
    cache = Lru[int](0)
    cache.put("a", 1)
    assert cache.get("a") is None


def count_to(picture: Any) -> Iterator[int]:
    yield from range(picture.facts.width)


def test_elsewhere_the_call_is_the_function_itself() -> None:
    assert gpu_call(count_to, {}) is count_to
    assert gpu_call(count_to, {gpu.ON_ZERO_GPU: ""}) is count_to


def test_on_zero_gpu_the_call_borrows_a_card_for_as_long_as_the_picture_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []

    def borrow(duration: Callable[[Any], float]) -> Callable[[Any], Any]:
        def wrap(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def call(picture: Any) -> Any:
                asked.append(duration(picture))
                return run(picture)

            return call

        return wrap

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=borrow))
    small, large = (decode(encoded(textured(side, side, seed=0))) for side in (20, 400))
    call = gpu_call(count_to, {gpu.ON_ZERO_GPU: "true"})
    assert list(call(small)) == list(range(20))
    assert len(list(call(large))) == 400
    assert asked == [seconds_for(small), seconds_for(large)]
    assert gpu.BASE_S < asked[0] < asked[1] <= gpu.MOST_S


def test_zero_gpu_without_its_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(EngineUnavailable, match=r"requirements\.txt"):
        gpu_call(count_to, {gpu.ON_ZERO_GPU: "true"})


@pytest.mark.parametrize(
    ("wanted", "memory_gb", "types"),
    [
        ("auto", 80, ("fp16", "bf16")),
        ("auto", 40, ("fp16", "nf4")),
        ("auto", 24, ("nf4", "nf4")),
        ("nf4", 80, ("nf4", "nf4")),
        ("int8", 48, ("int8", "int8")),
        ("bf16", 48, ("bf16", "bf16")),
        ("fp16", 48, ("fp16", "bf16")),
    ],
)
def test_the_plan_is_what_was_asked_for_or_the_best_that_fits(
    wanted: precision.Precision, memory_gb: float, types: tuple[str, str]
) -> None:
    found = precision.plan(wanted, FULL, Card("x", memory_gb, None, None), 16)
    assert (found.device, found.dte_fdm, found.mflm) == ("cuda", *types)


@pytest.mark.parametrize(
    ("wanted", "card_gb", "said"),
    [
        ("auto", 12, r"12 GB.*needs 17 GB in nf4.*24 GB \(nf4\).*compact engine"),
        ("int8", 24, r"24 GB.*in int8"),
        ("bf16", 24, r"24 GB.*needs 45 GB in bf16"),
        ("auto", None, r"no card.*16 GB.*needs 8\d GB in fp32"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(
    wanted: precision.Precision, card_gb: float | None, said: str
) -> None:
    card = None if card_gb is None else Card("A card", card_gb, None, None)
    with pytest.raises(EngineUnavailable, match=said):
        precision.plan(wanted, FULL, card, 16)


def test_packed_weights_without_bitsandbytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="bitsandbytes"):
        precision.plan("nf4", FULL, Card("x", 24, None, None), 16)


def test_parts_are_placed_in_their_types() -> None:
    packed = precision.Plan("cuda", "nf4", "nf4")
    assert packed.placing("dte_fdm").dtype is torch.float16
    assert packed.placing("mflm").dtype is torch.bfloat16  # SAM overflows in float16
    assert packed.placing("mflm").quantised == "nf4"
    plain = precision.Plan("cpu", "fp32", "fp32")
    assert (plain.placing("mflm").dtype, plain.placing("mflm").quantised) == (torch.float32, "none")
    assert (str(packed), str(plain)) == ("cuda (nf4)", "cpu (fp32)")


def test_int8_does_not_leave_room_on_24_gb() -> None:
    assert not placement.place(Card("x", 24, None, None), (("int8", "int8"),)).resident
