"""What the newest click may change, and where the simulated annotator clicks next: tiny masks, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core.clicks import (
    Change,
    Simulation,
    applied,
    drive,
    guarded,
    next_click,
    noc,
    prior_of,
)
from fakeshield_core.domain import BoolMask, Click, Prompts
from fakeshield_core.errors import InputError, MaskShapeMismatch


def drawn(*rows: str) -> BoolMask:
    """A mask from rows of `#` (marked) and `.`."""
    return np.array([[letter == "#" for letter in row] for row in rows])


def at(x: int, y: int, positive: bool = True) -> Prompts:
    return Prompts((Click(x, y, positive),))


TWO_AREAS = drawn("##....#", "##....#", ".......")
NOTHING = drawn(".......", ".......", ".......")


@pytest.mark.parametrize(
    ("current", "proposal", "prompts", "area", "adds"),
    [
        (NOTHING, TWO_AREAS, at(0, 0), drawn("##.....", "##.....", "......."), True),
        (NOTHING, TWO_AREAS, at(6, 1), drawn("......#", "......#", "......."), True),
        (TWO_AREAS, NOTHING, at(0, 0, False), drawn("##.....", "##.....", "......."), False),
        (TWO_AREAS, NOTHING, at(6, 0, False), drawn("......#", "......#", "......."), False),
        (TWO_AREAS, TWO_AREAS, at(0, 0), NOTHING, True),
        (NOTHING, NOTHING, at(3, 2, False), NOTHING, False),
    ],
    ids=[
        "adds here",
        "adds there",
        "removes here",
        "removes there",
        "all marked already",
        "all clear already",
    ],
)
def test_only_the_area_at_the_newest_click_changes(
    current: BoolMask, proposal: BoolMask, prompts: Prompts, area: BoolMask, adds: bool
) -> None:
    change = guarded(current, proposal, prompts)
    assert change.adds is adds
    np.testing.assert_array_equal(change.area, area)


def test_a_positive_click_never_removes_and_a_negative_one_never_adds() -> None:
    current, proposal = drawn("##..", "##.."), drawn(".##.", ".##.")
    assert applied(current, guarded(current, proposal, at(2, 0))).tolist() == drawn("###.", "###.").tolist()
    assert (
        applied(current, guarded(current, proposal, at(0, 0, False))).tolist()
        == drawn(".#..", ".#..").tolist()
    )


def test_the_newest_click_decides_not_the_older_ones() -> None:
    prompts = Prompts((Click(0, 0, True), Click(6, 0, False)))
    change = guarded(TWO_AREAS, NOTHING, prompts)
    assert not change.adds
    np.testing.assert_array_equal(change.area, drawn("......#", "......#", "......."))


def test_a_click_in_what_is_marked_reaches_a_change_beside_it() -> None:
    current, proposal = drawn("##....", "##...."), drawn("###..#", "###..#")
    change = guarded(current, proposal, at(0, 0))
    np.testing.assert_array_equal(change.area, drawn("..#...", "..#..."))


def test_a_change_out_of_reach_is_left_alone() -> None:
    proposal = np.zeros((20, 400), np.bool_)
    proposal[:, 20:30] = True
    current = np.zeros_like(proposal)
    assert not guarded(current, proposal, at(5, 5)).area.any()  # 15 pixels away, reach is 2 % of 400
    assert guarded(current, proposal, at(12, 5)).area.sum() == 200


def test_touching_corners_are_one_area() -> None:
    proposal = drawn("#...", ".#..", "...#")
    np.testing.assert_array_equal(
        guarded(np.zeros_like(proposal), proposal, at(0, 0)).area, drawn("#...", ".#..", "....")
    )


def test_a_box_alone_adds_every_area_that_reaches_into_it() -> None:
    proposal = drawn("##.#.#", "##.#.#")
    change = guarded(np.zeros_like(proposal), proposal, Prompts(box_xyxy=(1, 0, 4, 2)))
    assert change.adds
    np.testing.assert_array_equal(change.area, drawn("##.#..", "##.#.."))


def test_a_click_made_after_a_box_decides() -> None:
    change = guarded(TWO_AREAS, NOTHING, Prompts((Click(6, 0, False),), (0, 0, 2, 2)))
    np.testing.assert_array_equal(change.area, drawn("......#", "......#", "......."))


def test_nothing_pointed_at_is_refused() -> None:
    with pytest.raises(InputError, match="click on the picture"):
        guarded(NOTHING, TWO_AREAS, Prompts())


def test_masks_of_two_pictures_are_refused() -> None:
    small = np.zeros((2, 2), np.bool_)
    with pytest.raises(MaskShapeMismatch):
        guarded(NOTHING, small, at(0, 0))
    with pytest.raises(MaskShapeMismatch):
        applied(NOTHING, Change(small, True))
    with pytest.raises(MaskShapeMismatch):
        next_click(NOTHING, small)


def test_inputs_stay_as_they_were() -> None:
    current, proposal = TWO_AREAS.copy(), NOTHING.copy()
    applied(current, guarded(current, proposal, at(0, 0, False)))
    np.testing.assert_array_equal(current, TWO_AREAS)
    np.testing.assert_array_equal(proposal, NOTHING)


BLOB = drawn(".......", ".#####.", ".#####.", ".#####.", ".......")
EMPTY = np.zeros_like(BLOB)


@pytest.mark.parametrize(
    ("pred", "truth", "click"),
    [
        (EMPTY, BLOB, Click(2, 2, True)),
        (BLOB, EMPTY, Click(2, 2, False)),
        (BLOB, BLOB, None),
        (drawn("#...", "...."), drawn("...#", "...."), Click(0, 0, False)),
    ],
    ids=["missed", "false alarm", "no error", "equal depth: negative"],
)
def test_next_click_is_deepest_in_the_largest_error(
    pred: BoolMask, truth: BoolMask, click: Click | None
) -> None:
    assert next_click(pred, truth) == click


def test_the_picture_edge_counts_as_a_border() -> None:
    assert next_click(np.zeros((5, 5), np.bool_), np.ones((5, 5), np.bool_)) == Click(2, 2, True)


def test_a_thick_error_comes_before_a_long_thin_one() -> None:
    truth = drawn("##########", "..........", "###.......", "###.......", "###.......")
    assert next_click(np.zeros_like(truth), truth) == Click(1, 3, True)


def test_a_pixel_is_not_clicked_twice() -> None:
    truth = drawn("##.")
    first = next_click(np.zeros_like(truth), truth)
    assert first == Click(0, 0, True)
    second = next_click(np.zeros_like(truth), truth, taken=[first])
    assert second == Click(1, 0, True)
    assert next_click(np.zeros_like(truth), truth, taken=[first, second]) is None


def test_jittered_clicks_stay_deep_in_the_same_error_and_differ() -> None:
    truth = np.zeros((40, 60), np.bool_)
    truth[5:35, 5:35] = True  # depth 15
    truth[10:20, 45:55] = True  # depth 5: another error
    rng = np.random.default_rng(0)
    clicks = [next_click(np.zeros_like(truth), truth, rng) for _ in range(30)]
    places = {(click.x, click.y) for click in clicks if click is not None}
    assert len(places) > 10
    assert all(12 <= x < 28 and 12 <= y < 28 for x, y in places)


def test_the_same_seed_gives_the_same_clicks() -> None:
    pairs = [next_click(EMPTY, BLOB, np.random.default_rng(7)) for _ in range(2)]
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize(
    ("ious", "clicks"),
    [([0.9], 0), ([0.0, 0.5, 0.85], 2), ([0.0, 0.9, 0.1], 1), ([0.0, 0.1], 20), ([0.0], 20)],
)
def test_noc_counts_clicks_until_the_target_is_first_reached(ious: list[float], clicks: int) -> None:
    assert noc(ious, 0.85) == clicks


def test_clicks_beyond_the_limit_do_not_count() -> None:
    assert noc([0.0, 0.0, 0.0, 0.9], 0.85, limit=2) == 2


def test_drops_are_what_each_click_lost() -> None:
    simulation = Simulation((), (0.5, 0.4, 0.7, 0.69), EMPTY)
    assert simulation.drops == pytest.approx((0.1, 0.0, 0.01))


def test_the_annotator_stops_at_the_target() -> None:
    result = drive(lambda prompts, current: BLOB, BLOB, EMPTY)
    assert (result.clicks, result.ious[0]) == ((Click(2, 2, True),), 0.0)
    assert result.noc(0.85) == result.noc(0.90) == 1


def test_the_annotator_gives_up_at_the_limit_on_a_method_that_does_nothing() -> None:
    truth = np.ones((10, 10), np.bool_)
    result = drive(lambda prompts, current: current, truth, ~truth, limit=3)
    assert len(result.clicks) == len(set(result.clicks)) == 3
    assert result.noc(0.85, limit=3) == 3


def test_the_annotator_passes_all_clicks_so_far() -> None:
    seen: list[int] = []

    def step(prompts: Prompts, current: BoolMask) -> BoolMask:
        seen.append(len(prompts.clicks))
        return current

    drive(step, BLOB, EMPTY, limit=3)
    assert seen == [1, 2, 3]


def test_a_good_start_needs_no_click() -> None:
    result = drive(lambda prompts, current: current, BLOB, BLOB)
    assert result.clicks == () and result.noc(0.90) == 0


def test_a_prior_keeps_the_place_and_share_of_the_mask() -> None:
    mask = np.zeros((256, 512), np.bool_)
    mask[:, 256:] = True
    mask[:2, :4] = True  # half of the first cell's 4 x 4 pixels
    prior = prior_of(mask)
    assert prior.shape == (64, 128) and prior.dtype == np.float32
    assert prior[0, 0] == pytest.approx(0.0)
    assert (prior[:, 64:] == 6).all() and (prior[1:, :64] == -6).all()


def test_a_small_mask_is_its_own_prior() -> None:
    np.testing.assert_array_equal(prior_of(drawn("#.")), [[6, -6]])
