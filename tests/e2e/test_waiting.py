"""While an analysis runs: steps, cancelling, others who wait. The test holds the engine back."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, expect

from tests.e2e.conftest import HeldEngine
from tests.e2e.driver import Visitor, as_file, forged, rectangle, untouched
from ui import canvas

PARTS = (".stage", ".verdict", ".why", ".layers:visible")


def _boxes(visitor: Visitor) -> dict[str, Any]:
    return {part: visitor.page.locator(part).first.bounding_box() for part in PARTS}


def test_nothing_moves_from_analysing_to_result(held: tuple[HeldEngine, Visitor]) -> None:
    engine, visitor = held
    visitor.choose(as_file(forged(rectangle((300, 400), (40, 40, 160, 200)))))
    expect(visitor.page.locator(".steps .now")).to_have_text("Verdict")
    expect(visitor.page.locator(".tile b")).to_have_count(8)
    expect(visitor.page.get_by_role("button", name="Cancel")).to_be_visible()
    before = _boxes(visitor)
    engine.go.set()
    visitor.see_result()
    assert _boxes(visitor) == before


def test_a_result_can_be_used_while_its_verdict_is_checked(held: tuple[HeldEngine, Visitor]) -> None:
    engine, visitor = held
    engine.checks = True
    engine.go.set()
    visitor.choose(as_file(forged(rectangle((300, 400), (40, 40, 160, 200)))))
    visitor.see_result()
    verdict, reasons = visitor.page.locator(".verdict h1"), visitor.page.locator(".why")
    expect(verdict).to_have_text("Tampering found")
    expect(reasons).to_contain_text("To be read once more, recompressed and at half size")
    visitor.page.get_by_role("button", name="Fix this").click()
    expect(visitor.canvas).to_have_attribute("data-phase", "fixing")
    engine.checked.set()
    expect(verdict).to_have_text("Cannot tell")
    expect(reasons).to_contain_text("0.20")
    expect(visitor.canvas).to_have_attribute("data-phase", "fixing")


def test_an_answer_stands_where_the_connection_breaks_during_its_check(
    held: tuple[HeldEngine, Visitor],
) -> None:
    engine, visitor = held
    engine.checks = True
    engine.go.set()
    visitor.choose(as_file(forged(rectangle((300, 400), (40, 40, 160, 200)))))
    visitor.see_result()
    expect(visitor.page.locator(".why .checking")).to_be_visible()
    visitor.page.evaluate(canvas.TELL_FAILED)  # as Gradio does when the stream of answers ends too early
    expect(visitor.page.locator(".why .checking")).to_have_count(0)
    expect(visitor.page.locator(".verdict h1")).to_have_text("Tampering found")
    expect(visitor.canvas).to_have_attribute("data-phase", "done")


def test_the_next_picture_does_not_wait_for_a_check_and_is_not_overwritten_by_it(
    held: tuple[HeldEngine, Visitor],
) -> None:
    engine, visitor = held
    engine.checks = True
    engine.go.set()
    visitor.choose(as_file(forged(rectangle((300, 400), (40, 40, 160, 200))), "first.png"))
    visitor.see_result()
    expect(visitor.page.locator(".why")).to_contain_text("To be read once more")
    engine.checks = False
    visitor.choose(as_file(untouched(100, 120, seed=5), "second.png"))
    engine.checked.set()
    visitor.see_result()
    expect(visitor.page.locator(".verdict h1")).to_contain_text("No tampering found")
    expect(visitor.page.locator(".opt .name")).to_have_text("second.png")


def test_cancel_gives_the_engine_to_the_next_picture(held: tuple[HeldEngine, Visitor]) -> None:
    engine, visitor = held
    visitor.choose(as_file(untouched(100, 120), "first.png"))
    expect(visitor.page.locator(".steps .now")).to_have_text("Verdict")
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.get_by_role("button", name="Choose a picture")).to_be_focused()
    engine.go.set()
    visitor.choose(as_file(untouched(100, 120, seed=5), "second.png"))
    visitor.see_result()
    expect(visitor.page.locator(".opt .name")).to_have_text("second.png")


def test_those_who_wait_are_told_and_those_too_many_are_sent_away(
    held: tuple[HeldEngine, Visitor], browser: Browser
) -> None:
    engine, first = held
    contexts = [browser.new_context() for _ in range(2)]
    second, third = (Visitor(context.new_page(), first.address).arrive() for context in contexts)
    first.choose(as_file(untouched(80, 100), "first.png"))
    expect(first.page.locator(".steps .now")).to_have_text("Verdict")
    second.choose(as_file(untouched(80, 100, seed=2), "second.png"))
    expect(second.stage.get_by_role("status")).to_contain_text("1 picture is ahead of yours")
    third.choose(as_file(untouched(80, 100, seed=3), "third.png"))
    expect(third.page.get_by_role("alert")).to_contain_text("Too many pictures are waiting")
    engine.go.set()
    for visitor, name in ((first, "first.png"), (second, "second.png")):
        visitor.see_result()
        expect(visitor.page.locator(".opt .name")).to_have_text(name)
    for context in contexts:
        context.close()
