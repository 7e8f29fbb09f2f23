"""FakeShield's texts, tokens, verdicts, labels and token choice, on tables of tiny inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fakeshield_core.errors import EngineUnavailable, InputError
from fakeshield_core.fakeshield import prompts
from fakeshield_core.fakeshield.decoding import Decoding, warped
from fakeshield_core.fakeshield.labels import labelled, record_conversation
from fakeshield_core.fakeshield.tokenizer import Era, PiecesTokenizer, TokenizerRules, read_tokenizer
from fakeshield_core.fakeshield.verdicts import says_tampered

GOLDEN = Path(__file__).parents[1] / "golden" / "fakeshield" / "weight" / "fakeshield-v1-22b"
MODEL = (GOLDEN / "MFLM" / "tokenizer.model").read_bytes()
HEADING = "1. Whether the picture has been tampered with / Description of the tampered area: "


def _tokenizer(era: Era = "4.28", legacy: bool = True) -> PiecesTokenizer:
    return PiecesTokenizer(
        MODEL, {"[SEG]": 516, "<im_start>": 512, "<im_end>": 513}, TokenizerRules(era, legacy)
    )


@pytest.mark.parametrize(
    ("answer", "published", "robust"),
    [
        (
            HEADING + "The picture has been tampered with, at the left.\n\n2. Judgment basis: edges.",
            True,
            True,
        ),
        (HEADING + "The picture has not been tampered with. It appears natural.", False, False),
        (HEADING + "The picture Has Not Been Tampered With.", True, False),
        (HEADING + "There are no signs of tampering.", True, False),
        (HEADING + "The photo appears authentic.", True, False),
        ("It appears to be a photograph taken directly by a camera.", True, False),
        ("The picture hasn't been tampered with.", True, False),
        (HEADING + "The picture has been tampered with. The sky has not been tampered with.", False, True),
        (HEADING + "The picture has been tampered with.\n2. Judgment basis: not tampered edges.", True, True),
        ("1. Whether the picture has been tampered with: no evidence of tampering.", True, False),
        ("", True, True),
    ],
)
def test_the_verdict_follows_its_rule(answer: str, published: bool, robust: bool) -> None:
    assert says_tampered(answer) is published
    assert says_tampered(answer, "robust") is robust


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a [SEG] b", "a [ SEG] b"),
        ("<image></s>", "< image>< /s>"),
        ("plain & simple [seg]", "plain & simple [seg]"),
        ("<<image>image>", "<< image>image>"),
    ],
)
def test_control_tokens_are_broken_and_all_else_is_kept(text: str, expected: str) -> None:
    assert prompts.neutral(text, ["[SEG]"]) == expected


def test_html_signs_are_resolved_before_control_tokens_are_broken() -> None:
    assert prompts.neutral(prompts.resolved("&lt;image&gt;"), []) == "< image>"


def test_the_command_line_of_the_published_code_sends_the_answer_alone() -> None:
    assert prompts.mask_text("words", None) == "words"
    assert prompts.mask_text("words", 1).startswith(prompts.MASK_FRAME + "words\n ")


@pytest.mark.parametrize("spaces", ["", " ", "  "])
def test_blanks_around_added_tokens_are_stripped_as_in_4_28(spaces: str) -> None:
    tokenizer = _tokenizer()
    assert tokenizer.encode(f"the{spaces}[SEG]{spaces}the") == tokenizer.encode("the[SEG]the")


def test_blanks_around_added_tokens_are_kept_as_in_4_37() -> None:
    tokenizer = _tokenizer("4.37")
    assert tokenizer.encode("the [SEG]") != tokenizer.encode("the[SEG]")


def test_the_end_token_keeps_its_blanks_in_both() -> None:
    for tokenizer in (_tokenizer(), _tokenizer("4.37")):
        assert tokenizer.encode("the </s>") != tokenizer.encode("the</s>")


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("text", ["The picture", "\nThe", " The", "the </s>the", "▁The", ""])
def test_decoding_gives_the_text_back(text: str, legacy: bool) -> None:
    tokenizer = _tokenizer("4.37", legacy)
    ids = tokenizer.encode(text)
    assert ids[0] == tokenizer.start_id
    back = tokenizer.decode(ids[1:]).replace("</s>", "").split()
    assert back == text.replace("▁", " ").replace("</s>", " ").split() or "</s>" in text


def test_later_pieces_have_a_dummy_prefix_only_in_legacy_mode() -> None:
    with_prefix, without = (_tokenizer("4.37", legacy).encode("a</s>the") for legacy in (True, False))
    assert len(with_prefix) != len(without) or with_prefix != without


def test_the_picture_is_one_sentinel_between_chunks() -> None:
    tokenizer = _tokenizer()
    ids = tokenizer.encode_with_image("the <image>the")
    first, second = tokenizer.encode("the "), tokenizer.encode("the")
    assert ids == [*first, -200, *second[1:]]


def test_a_tokenizer_without_seg_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match=r"\[SEG\]"):
        PiecesTokenizer(MODEL, {}, TokenizerRules("4.28", True)).single_id("[SEG]")


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"nothing")
    with pytest.raises(EngineUnavailable, match="download the folder again"):
        read_tokenizer(tmp_path, "4.28")


def test_later_rounds_without_dummy_prefix_count_one_less_as_published() -> None:
    # right for LLaMA's vocabulary, where "USER" is one piece and " USER" two; not here, so all is masked
    text = prompts.conversation([("the edges", "the light"), ("the area", "the picture")], "vicuna_v1")
    assert set(labelled(_tokenizer("4.37", False), text, 2048).labels) == {-100}


@pytest.mark.parametrize("era", ["4.28", "4.37"])
def test_only_answers_are_learnt_in_every_round(era: Era) -> None:
    tokenizer = _tokenizer(era)
    text = prompts.conversation([("the edges", "the light"), ("the area", "the picture")], "vicuna_v1")
    found = labelled(tokenizer, text, 2048)
    runs: list[list[int]] = []
    for before, label in zip((-100, *found.labels), found.labels, strict=False):
        if label != -100:
            runs = [*runs, []] if before == -100 else runs
            runs[-1].append(label)
    assert [tokenizer.decode(run, keep_special=True).replace("</s>", "").strip() for run in runs] == [
        "the light",
        "the picture",
    ]
    assert [run[-1] for run in runs] == [tokenizer.end_id] * 2


def test_a_text_whose_rounds_do_not_add_up_is_not_learnt() -> None:
    tokenizer = _tokenizer()
    text = prompts.conversation([("the", "the ASSISTANT: the")], "vicuna_v1")
    assert set(labelled(tokenizer, text, 2048).labels) == {-100}


def test_a_long_text_is_cut_with_room_for_the_picture() -> None:
    found = labelled(_tokenizer(), prompts.conversation([("the " * 50, "the")], "llava_v1"), 60, reserved=20)
    assert len(found.ids) == len(found.labels) == 40


def test_the_picture_moves_to_the_front_of_its_turn() -> None:
    turns = [{"from": "human", "value": "look <image>"}, {"from": "gpt", "value": "yes"}]
    text = record_conversation({"conversations": turns}, "vicuna_v1")
    assert "USER: <image>\nlook ASSISTANT: yes</s>" in text
    assert "<im_start><image><im_end>\nlook" in record_conversation(
        {"conversations": turns}, "vicuna_v1", True
    )


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [{"from": "human", "value": "a"}],
        [{"from": "human", "value": "a"}, {"from": "human", "value": "b"}],
        [{"from": "gpt", "value": "a"}],
    ],
)
def test_turns_that_do_not_alternate_are_refused(turns: list[dict[str, str]]) -> None:
    with pytest.raises(InputError, match=r"must go human, gpt"):
        record_conversation({"image": "a.png", "conversations": turns}, "vicuna_v1")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [(0, None, [0, 1, 2, 3]), (2, None, [2, 3]), (0, 0.5, [3]), (0, 0.7, [2, 3]), (3, 0.999, [1, 2, 3])],
)
def test_top_k_and_top_p_cut_as_transformers_does(top_k: int, top_p: float | None, kept: list[int]) -> None:
    logits = torch.log(torch.tensor([0.1, 0.15, 0.2, 0.55]))
    options = Decoding(end_id=2, temperature=1.0, top_k=top_k, top_p=top_p)
    assert torch.isfinite(warped(logits, options)).nonzero().flatten().tolist() == kept
