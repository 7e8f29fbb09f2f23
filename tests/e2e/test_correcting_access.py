"""Correcting on a small screen and for everybody: names, sizes, no sideways scrolling."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from tests.e2e.correcting import Corrector
from tests.e2e.driver import Visitor, rectangle

WIDE = (320, 480)  # (height, width)
ONE = rectangle(WIDE, (60, 80, 200, 240))
FINE = {"nameless": [], "twice": [], "alone": []}
LEAST_PX = 28  # of a target
NAMELESS = """() => {
    const names = (node) => node.getAttribute("aria-label") || node.textContent.trim() || node.title
        || [...(node.labels ?? [])].map((label) => label.textContent.trim()).join("");
    const shown = [...document.querySelectorAll("button, a, input, textarea, summary, [role=radiogroup]")]
        .filter((node) => node.checkVisibility() && node.type !== "file");
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id).filter(Boolean);
    return {
        nameless: shown.filter((node) => !names(node)).map((node) => node.outerHTML.slice(0, 120)),
        twice: ids.filter((id, i) => ids.indexOf(id) !== i),
        alone: shown.filter((node) => node.type === "radio" && !node.closest("fieldset, [role=radiogroup]"))
            .map((node) => node.name),
    };
}"""


def test_every_control_of_a_correction_has_a_name(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    corrector.say_how()
    corrector.allow("Keep the picture and my correction")
    found = corrector.page.evaluate(NAMELESS)
    assert found == FINE
    corrector.save()
    corrector.see_receipt()
    assert corrector.page.evaluate(NAMELESS) == FINE


def test_phone_corrects_with_one_finger_and_saves_at_the_thumb(phone: Visitor) -> None:
    page = phone.page
    corrector = Corrector(phone).open(ONE, seed=41)
    thumb = page.locator(".thumb")
    thumb.get_by_role("button", name="Fix this").click()
    corrector.see_correction()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    page.touchscreen.tap(*corrector.at(350, 160))
    expect(corrector.offer).to_contain_text("Adds")
    thumb.get_by_role("button", name="Keep").click()
    expect(corrector.offer).to_be_hidden()
    assert (corrector.mask() & ~ONE).any()
    for box in (
        node.bounding_box()
        for node in page.locator("button:not(.tag, .layer-choice *):visible, summary:visible").all()
    ):
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert min(box["width"], box["height"]) >= LEAST_PX
    thumb.get_by_role("button", name="Save ratings only").click()
    corrector.see_receipt()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


def test_labels_of_the_scale_do_not_touch_on_a_phone(phone: Visitor) -> None:
    Corrector(phone).open(ONE, seed=42)
    for threshold in np.linspace(0.05, 0.95, 7):
        edges = phone.page.evaluate(
            """(t) => {
                const ends = document.querySelector(".verdict .ends");
                ends.style.setProperty("--t", t);
                return [...ends.children].flatMap((node) => {
                    const { left, right } = node.getBoundingClientRect();
                    return [left, right];
                });
            }""",
            float(threshold),
        )
        assert edges[1] + 4 < edges[2] and edges[3] + 4 < edges[4], threshold
