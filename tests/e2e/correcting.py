"""What a visitor does to correct a result, in words; points are pixels of the picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from fakeshield_core.domain import BoolMask
from fakeshield_core.masks import decode_rle
from tests.e2e.driver import Visitor, as_file, forged

Modifier = Literal["Alt", "Shift"]
SAVE = '"fn_name":"save"'
DRAFT = """() => {
    window.dispatchEvent(new Event("pagehide"));
    const name = Object.keys(localStorage).find((key) => key.startsWith("fakeshield-draft:"));
    return name ? localStorage.getItem(name) : null;
}"""
WHERE = """([x, y, width, height]) => {
    const box = document.querySelector(".stage").getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    return [box.left + (box.width - width * scale) / 2 + (x + 0.5) * scale,
            box.top + (box.height - height * scale) / 2 + (y + 0.5) * scale];
}"""


@dataclass
class Corrector:
    """One person who corrects."""

    visitor: Visitor
    shape: tuple[int, int] = (0, 0)  # of the picture, rows first

    @property
    def page(self) -> Page:
        return self.visitor.page

    @property
    def panel(self) -> Locator:
        return self.page.locator("form.fix")

    @property
    def offer(self) -> Locator:
        return self.visitor.stage.locator(".offer")

    def open(self, mask: BoolMask, name: str = "picture.png", seed: int = 1) -> Corrector:
        """Analyses a picture in which the engine sees that mask."""
        self.shape = mask.shape[0], mask.shape[1]
        self.visitor.choose(as_file(forged(mask, seed=seed), name))
        self.visitor.see_result()
        return self

    def begin(self, action: str = "Fix this") -> Corrector:
        self.page.locator(".turn").get_by_role("button", name=action).click()
        self.see_correction()
        return self

    def see_correction(self) -> None:
        expect(self.visitor.canvas).to_have_attribute("data-phase", "fixing")

    def see_receipt(self) -> str:
        """The code, once it is shown."""
        expect(self.visitor.canvas).to_have_attribute("data-phase", "saved")
        return self.page.locator(".receipt .code b").inner_text()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the fitted picture is on the screen."""
        left, top = self.page.evaluate(WHERE, [x, y, self.shape[1], self.shape[0]])
        return left, top

    def click(self, x: float, y: float, held: Modifier | None = None, right: bool = False) -> None:
        if held:
            self.page.keyboard.down(held)
        self.page.mouse.click(*self.at(x, y), button="right" if right else "left")
        if held:
            self.page.keyboard.up(held)

    def drag(self, *points: tuple[float, float], held: Modifier | None = None) -> None:
        if held:
            self.page.keyboard.down(held)
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=4)
        self.page.mouse.up()
        if held:
            self.page.keyboard.up(held)

    def keep(self) -> None:
        self.visitor.stage.focus()
        self.page.keyboard.press("Enter")
        expect(self.offer).to_be_hidden()

    def tool(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def draft(self) -> dict[str, Any] | None:
        """The draft this browser keeps."""
        text = self.page.evaluate(DRAFT)
        return None if text is None else json.loads(text)

    def mask(self) -> BoolMask:
        """The mask as drawn so far, (H, W)."""
        draft = self.draft()
        assert draft is not None
        return decode_rle(draft["session"]["mask"])

    def say_how(self, words: str = "I see traces in the picture") -> None:
        self.panel.locator("details.how summary").click()
        self.panel.get_by_label(words).check()

    def allow(self, *ticks: str) -> None:
        self.panel.locator("details.consent summary").click()
        for words in ticks:
            self.panel.get_by_label(words).check()

    def save(self) -> None:
        self.panel.locator("button.save").click()


@dataclass
class Saves:
    """Watches, and disturbs, what is sent when a correction is saved."""

    page: Page
    lost: int = 0  # answers that are still to be lost
    refused: int = 0  # requests that still do not arrive
    held: list[tuple[Route, APIResponse]] | None = None  # answers that wait for `let_go`; None: they do not

    def __post_init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.page.route("**/component_server/**", self._handle)

    @property
    def uuids(self) -> list[str]:
        return [body["data"][1]["client_uuid"] for body in self.bodies]

    def _handle(self, route: Route) -> None:
        text = route.request.post_data or ""
        if SAVE not in text:
            return route.fallback()
        self.bodies.append(json.loads(text))
        if self.refused:
            self.refused -= 1
            return route.abort("connectionfailed")
        if self.lost:
            self.lost -= 1
            route.fetch()
            return route.abort("connectionreset")
        if self.held is not None:
            return self.held.append((route, route.fetch()))
        return route.fallback()

    def see_held(self) -> None:
        """Waits until an answer is held."""
        for _ in range(500):
            if self.held:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError("no answer came")

    def let_go(self) -> None:
        """Held answers arrive now; later ones at once."""
        held, self.held = self.held or [], None
        for route, response in held:
            route.fulfill(response=response)
