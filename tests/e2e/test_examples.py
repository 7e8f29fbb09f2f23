"""The shipped examples: shown at once from their stored answers, each over its own picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import Route, expect
from scipy import ndimage

from fakeshield_core.domain import BoolMask
from fakeshield_core.imaging import decode_mask_png
from fakeshield_core.schema import analysis_from_json
from fakeshield_core.synthesis.examples import ExampleCard, load_cards
from tests.e2e.driver import Visitor
from ui.stored import FOLDER

CARDS = load_cards(FOLDER)
LINE_PX = 6  # by which the outline's casing reaches beyond the mask on the screen


def stored_mask(card: ExampleCard) -> BoolMask:
    """The mask of the stored answer; skips where the example has none."""
    answer = FOLDER / f"{card.id}.json"
    if not answer.is_file():
        pytest.skip("no stored answers beside the examples; python -m fakeshield_core.synthesis.examples")
    analysis = analysis_from_json(json.loads(answer.read_bytes()))
    assert analysis.mask is not None
    return analysis.mask


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_example_shows_its_stored_mask_over_its_picture(visitor: Visitor, card: ExampleCard) -> None:
    mask = stored_mask(card)
    visitor.page.get_by_role("button", name=card.title, exact=False).first.click()
    visitor.see_result()
    expect(visitor.page.locator(".opt .name")).to_have_text(card.file)
    expect(visitor.page.locator(".about")).to_contain_text("A stored result")
    visitor.layer("Photo").click()
    drawn, seen = visitor.drawn(), visitor.on_screen(mask)
    near = ndimage.binary_dilation(seen, iterations=LINE_PX) if seen.any() else seen
    assert (drawn & ~near).mean() < 0.005  # lines to the tags
    assert not seen.any() or drawn[seen].mean() > 0.9
    assert not [url for url in visitor.requested if "upload" in url]


def test_an_example_chosen_before_the_scripts_are_there_opens_when_they_are(visitor: Visitor) -> None:
    page, held = visitor.page, list[Route]()
    page.route("**/ui/main.js", lambda route: held.append(route))
    page.reload()
    while not held:
        page.wait_for_timeout(20)
    page.locator("[data-example]").first.click()
    held[0].continue_()
    visitor.see_result()


def test_example_that_is_called_tampered_is_marked_where_it_was_edited() -> None:
    for card in CARDS:
        mask = stored_mask(card)
        if json.loads((FOLDER / f"{card.id}.json").read_bytes())["verdict"] != "tampered":
            continue
        assert card.mask is not None, f"{card.id} is untouched"
        truth = decode_mask_png((FOLDER / card.mask).read_bytes())
        assert np.logical_and(mask, truth).any(), card.id
