"""One pass instead of many: verdict from logits, foretold tokens, forced [SEG]; equal to the golden."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fakeshield_core.domain import RgbImage
from fakeshield_core.fakeshield import explaining, forcing, localising, opening
from fakeshield_core.fakeshield.decoding import Decoding, forked, read, token_embeddings
from fakeshield_core.fakeshield.explaining import DteFdmStage
from fakeshield_core.fakeshield.localising import MaskPrompt, MflmStage
from fakeshield_core.fakeshield.opening import Draft
from fakeshield_core.fakeshield.pixels import read_rgb
from fakeshield_core.fakeshield.prompts import ANSWER_OPENING
from fakeshield_core.networks.mflm import place_states
from tests.integration.fakeshield_toy import GOLDEN, document, files

RUNS = ("landscape.png", "portrait.png", "wide.jpg")
SAME = 1e-4  # of states and logits in float32; positions are read in another grouping


@pytest.fixture(scope="module")
def dte_fdm() -> DteFdmStage:
    return explaining.load_stage(files())


@pytest.fixture(scope="module")
def mflm() -> MflmStage:
    return localising.load_stage(files())


def rgb_of(name: str, upright: bool = False) -> RgbImage:
    return read_rgb(GOLDEN / "images" / name, upright)


def greedy(name: str) -> tuple[str, list[int]]:
    run = document("dte_fdm")["runs"][name]
    return run["prompt"], run["greedy_ids"][1:]


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("static", [False, True], ids=["growing cache", "fixed cache"])
def test_the_answer_after_an_opening_is_the_published_one(
    dte_fdm: DteFdmStage, name: str, static: bool
) -> None:
    prompt, wanted = greedy(name)
    found = dte_fdm.open(rgb_of(name), prompt)
    options = Decoding(dte_fdm.tokenizer.end_id, len(wanted), static=static)
    assert [step.token for step in dte_fdm.steps_after(found, options)] == wanted


@pytest.mark.parametrize("foretold", [0, 1, 5, 23, 24])
def test_any_length_of_a_right_guess_gives_the_same_steps(dte_fdm: DteFdmStage, foretold: int) -> None:
    prompt, wanted = greedy("portrait.png")
    options = Decoding(dte_fdm.tokenizer.end_id, len(wanted))
    plain = list(dte_fdm.steps(rgb_of("portrait.png"), prompt, options))
    wrong = 7 if foretold < len(wanted) and wanted[foretold] != 7 else 8
    draft = Draft((*wanted[:foretold], wrong), 3, 4)
    found = opening.opened(dte_fdm.network.language, embedded(dte_fdm, "portrait.png", prompt), draft)
    steps = list(dte_fdm.steps_after(found, options))
    assert [step.token for step in steps] == wanted
    for mine, other in zip(steps, plain, strict=True):
        assert torch.allclose(mine.logits, other.logits, atol=1e-3)
        assert torch.allclose(mine.states, other.states, atol=1e-3)


def test_what_was_foretold_needs_no_pass_of_its_own(
    dte_fdm: DteFdmStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt, wanted = greedy("portrait.png")
    passes: list[int] = []
    language = dte_fdm.network.language
    whole = embedded(dte_fdm, "portrait.png", prompt)
    handle = language.model.register_forward_hook(lambda *_: passes.append(1))
    found = opening.opened(language, whole, Draft(tuple(wanted[:10]), 3, 4))
    steps = list(dte_fdm.steps_after(found, Decoding(dte_fdm.tokenizer.end_id, len(wanted))))
    handle.remove()
    assert len(steps) == len(wanted)
    assert len(passes) == len(wanted) - 11  # the last token is never read, ten were foretold


def test_an_answer_that_ends_inside_the_guess_ends(dte_fdm: DteFdmStage) -> None:
    prompt, wanted = greedy("portrait.png")
    found = opening.opened(
        dte_fdm.network.language, embedded(dte_fdm, "portrait.png", prompt), Draft(tuple(wanted[:6]), 3, 4)
    )
    steps = list(dte_fdm.steps_after(found, Decoding(wanted[3], len(wanted))))
    assert [step.token for step in steps] == wanted[: wanted.index(wanted[3]) + 1]


def test_sampling_after_an_opening_draws_what_it_draws_without(dte_fdm: DteFdmStage) -> None:
    prompt, _ = greedy("wide.jpg")
    options = Decoding(dte_fdm.tokenizer.end_id, 8, temperature=1.5, top_p=0.9, seed=5)
    found = dte_fdm.open(rgb_of("wide.jpg"), prompt)
    plain = [step.token for step in dte_fdm.steps(rgb_of("wide.jpg"), prompt, options)]
    assert [step.token for step in dte_fdm.steps_after(found, options)] == plain


@pytest.mark.parametrize("name", RUNS)
def test_the_score_is_the_share_of_the_first_continuation(dte_fdm: DteFdmStage, name: str) -> None:
    """The slow twin reads the whole sequence without a cache."""
    prompt, _ = greedy(name)
    ids = dte_fdm.tokenizer.encode_with_image(f"{prompt} {ANSWER_OPENING}")
    with torch.inference_mode():
        rows = dte_fdm.network.vision_features(torch.from_numpy(dte_fdm.planes(rgb_of(name))))
        states = dte_fdm.network.states(dte_fdm.embeddings(ids, rows))
        logits = dte_fdm.network.language.lm_head(states[0, -1])
    draft = dte_fdm.draft(prompt)
    assert ids[-len(draft.ids) :] == list(draft.ids)
    share = logits[[draft.tampered_id, draft.untouched_id]].double().softmax(dim=0)[0]
    assert dte_fdm.open(rgb_of(name), prompt).score == pytest.approx(float(share), abs=1e-4)
    swapped = opening.opened(
        dte_fdm.network.language,
        embedded(dte_fdm, name, prompt),
        replace(draft, tampered_id=draft.untouched_id, untouched_id=draft.tampered_id),
    )
    assert swapped.score == pytest.approx(1 - float(share), abs=1e-4)


def test_a_prompt_without_room_for_the_opening_has_no_score_and_the_same_answer(dte_fdm: DteFdmStage) -> None:
    prompt, wanted = greedy("wide.jpg")
    whole = embedded(dte_fdm, "wide.jpg", prompt)
    found = opening.opened(dte_fdm.network.language, whole, dte_fdm.draft(prompt), whole.shape[1] + 3)
    assert (found.score, found.draft) == (None, ())
    steps = dte_fdm.steps_after(found, Decoding(dte_fdm.tokenizer.end_id, len(wanted)))
    assert [step.token for step in steps] == wanted


def test_a_fork_of_a_cache_leaves_the_first_as_it_was(dte_fdm: DteFdmStage) -> None:
    language = dte_fdm.network.language
    first = read(language, token_embeddings(language, [1, 2, 3, 4]))
    for room in (None, 9):
        copy = forked(language, first.cache, 2, room)
        read(language, token_embeddings(language, [7, 8]), copy)
        assert int(copy.get_seq_length()) == 4
    again = read(language, token_embeddings(language, [5]), first.cache)
    plain = read(language, token_embeddings(language, [1, 2, 3, 4, 5]))
    assert torch.allclose(again.states[-1], plain.states[-1], atol=SAME)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("neutralises", [True, False])
def test_one_forced_pass_gives_the_generated_states_and_masks(
    mflm: MflmStage, name: str, neutralises: bool
) -> None:
    """The golden has no, one and two [SEG]; its own answer is given, as the published sentence would be."""
    run, rgb = document("mflm")["runs"][name], rgb_of(name, upright=True)
    options = MaskPrompt(run["question_index"], neutralises=neutralises)
    ids = mflm.tokenizer.encode_with_image(mflm.prompt(run["answer"], options))
    generated = mflm.answer(rgb, ids, len(run["generated_ids"]))
    wanted = place_states(generated.states, list(generated.places))
    start = forcing.begin(mflm, rgb, options)
    found = forcing.states_before_seg(mflm, start, [*ids, *generated.ids])
    assert torch.allclose(found, wanted, atol=SAME)
    embedding = mflm.embed(rgb)
    masks = [mflm.locate(states, embedding, *rgb.shape[:2]).mask for states in (found, wanted)]
    assert (masks[0] != masks[1]).mean() < 1e-3


def test_a_start_is_used_for_every_text_of_its_picture(mflm: MflmStage) -> None:
    rgb = rgb_of("landscape.png")
    start = forcing.begin(mflm, rgb)
    assert len(start.ids) > 100
    for text in ("1. Whether it was", "A", "", "[SEG]"):
        alone = forcing.begin(mflm, rgb)
        once = forcing.forced_states(mflm, start, text)
        assert once.shape == (1, 64)
        assert torch.equal(once, forcing.forced_states(mflm, alone, text))
        assert torch.allclose(once, slow_twin(mflm, rgb, text), atol=SAME)


def test_a_text_without_seg_has_no_state(mflm: MflmStage) -> None:
    start = forcing.begin(mflm, rgb_of("wide.jpg"))
    assert forcing.states_before_seg(mflm, start, [*start.ids, 5, 6]).shape == (0, 64)


def test_a_start_of_another_prompt_is_refused(mflm: MflmStage) -> None:
    start = forcing.begin(mflm, rgb_of("wide.jpg"))
    with pytest.raises(ValueError, match="does not begin like"):
        forcing.states_before_seg(mflm, start, [9, 9, mflm.seg_id])


@pytest.mark.parametrize(
    ("one", "other", "count"), [([], [1], 0), ([1, 2], [1, 2], 2), ([1, 2, 3], [1, 5, 3], 1), ([4], [5], 0)]
)
def test_shared_ids_are_counted_from_the_front(one: list[int], other: list[int], count: int) -> None:
    assert forcing.shared(one, other) == forcing.shared(other, one) == count


def embedded(stage: DteFdmStage, name: str, prompt: str) -> torch.Tensor:
    with torch.inference_mode():
        features = stage.network.vision_features(torch.from_numpy(stage.planes(rgb_of(name))))
        return stage.embeddings(stage.tokenizer.encode_with_image(prompt), features)


def slow_twin(stage: MflmStage, rgb: RgbImage, text: str) -> torch.Tensor:
    """The state before [SEG] from one pass over everything, without a cache."""
    ids = stage.tokenizer.encode_with_image(f"{stage.prompt(text)} {forcing.FORCED}")
    ids = ids[: ids.index(stage.seg_id)]
    with torch.inference_mode():
        features = stage.network.vision_features(torch.from_numpy(stage.clip_planes(rgb)))
        return stage.network.states(stage.embeddings(ids, features))[0, -1:]
