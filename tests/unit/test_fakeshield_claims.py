"""Answers of a language model, odd ones above all, as claims on a mask."""

from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core.domain import SoftMap
from fakeshield_core.fakeshield.claims import claims_of
from fakeshield_core.fakeshield.places import places
from fakeshield_core.fakeshield.reasons import MOST_REASONS, TOPICS, parse, region_paragraph, topic_of

HEADING = "1. Whether the picture has been tampered with / Description of the tampered area: "
BASIS = "\n\n2. Judgment basis: "
DOG = "The picture has been tampered with. A dog was added."
# answer, description, topics of the reasons
CORPUS: dict[str, tuple[str, str, list[str]]] = {
    "usual": (
        f"{HEADING}{DOG}{BASIS}\n- Edges: The outline is jagged.\n- Lighting: The dog is too bright.",
        DOG,
        ["edges", "lighting"],
    ),
    "untouched": (
        f"{HEADING}The picture has not been tampered with. It appears to be taken directly by a camera.",
        "The picture has not been tampered with. It appears to be taken directly by a camera.",
        [],
    ),
    "list of words": (
        f"{HEADING}{DOG}{BASIS}Lighting, Edges, Shadows.",
        DOG,
        ["lighting", "edges", "shadows"],
    ),
    "list with and": (f"{HEADING}{DOG}{BASIS}edges and perspective", DOG, ["edges", "perspective"]),
    "one word": (f"{HEADING}{DOG}{BASIS}Edges.", DOG, ["edges"]),
    "no basis": (f"{HEADING}{DOG}", DOG, []),
    "empty basis": (f"{HEADING}{DOG}{BASIS}", DOG, []),
    "no headings": (f"{DOG}\n\nThe edges are odd.\n\nThe light is wrong.", DOG, ["edges", "lighting"]),
    "judgement with e": (f"{DOG}\n\n2. Judgement basis: The texture repeats.", DOG, ["texture"]),
    "basis for judgment": (f"{DOG}\nBasis for judgment: Its colours are pale.", DOG, ["colour"]),
    "reasons for judgment": (f"{DOG} Reasons for the judgment: The shadow is missing.", DOG, ["shadows"]),
    "basis on the same line": (f"{HEADING}{DOG} 2. Judgment basis: The shadow is missing.", DOG, ["shadows"]),
    "numbered lines": (f"{DOG}{BASIS}\n1. Edges are sharp.\n2. Colors differ.", DOG, ["edges", "colour"]),
    "numbers in brackets": (f"{DOG}{BASIS}\n(1) Edges are sharp.\n(2) Hair is odd.", DOG, ["edges", "face"]),
    "half brackets": (f"{DOG}{BASIS}\n1) Edges are sharp.\n2) It floats.", DOG, ["edges", "physics"]),
    "letters": (f"{DOG}{BASIS}\na) Edges are sharp.\nb) The text is mirrored.", DOG, ["edges", "writing"]),
    "roman": (f"{DOG}{BASIS}\ni. Edges are sharp.\nii. Its size is wrong.", DOG, ["edges", "perspective"]),
    "bullets of another kind": (
        f"{DOG}{BASIS}\n• Edges are sharp.\n• Noise differs.",
        DOG,
        ["edges", "resolution"],
    ),
    "inline numbers": (
        f"{DOG}{BASIS}1. The edges are sharp. 2. The light is odd. 3. The shadow falls wrongly.",
        DOG,
        ["edges", "lighting", "shadows"],
    ),
    "labels in a row": (
        f"{DOG}{BASIS}Edges: They are sharp. Lighting: It is odd. Perspective: It is wrong.",
        DOG,
        ["edges", "lighting", "perspective"],
    ),
    "bold labels": (f"{DOG}{BASIS}\n**Edges**: sharp.\n**Texture**: flat.", DOG, ["edges", "texture"]),
    "markdown headings": (f"## {DOG}\n### Judgment basis:\n#### Edges: sharp.", DOG, ["edges"]),
    "firstly": (
        f"{DOG}{BASIS}Firstly, the edges are sharp. Secondly, the light is odd. Finally, the size is wrong.",
        DOG,
        ["edges", "lighting", "perspective"],
    ),
    "plain sentences": (
        f"{DOG}{BASIS}The edges are sharp. They do not blend in. The shadow is missing.",
        DOG,
        ["edges", "shadows"],
    ),
    "label with two sentences": (
        f"{DOG}{BASIS}\n- Lighting: The dog is bright. The shadow is missing.",
        DOG,
        ["lighting"],
    ),
    "one paragraph": (f"{DOG} Its outline is jagged. Its shadow is missing.", DOG, ["edges", "shadows"]),
    "wrapped bullet": (
        f"{DOG}{BASIS}\n- The edges are\nvery sharp.\n- Colours differ.",
        DOG,
        ["edges", "colour"],
    ),
    "blank lines between": (f"{DOG}{BASIS}\n\nEdges: sharp.\n\n\nColor: pale.", DOG, ["edges", "colour"]),
    "carriage returns": (f"{HEADING}{DOG}\r\n\r\n2. Judgment basis:\r\n- Edges: sharp.", DOG, ["edges"]),
    "full-width signs": (
        f"{DOG}\n\n2. Judgment basis：Edges：sharp。 Lighting：odd。",
        DOG,
        ["edges", "lighting"],
    ),
    "said twice": (f"{DOG}{BASIS}\n- Edges: sharp.\n- edges: SHARP!\n- Edges: sharp.", DOG, ["edges"]),
    "cut off": (f"{DOG}{BASIS}\n- Edges: sharp.\n- Lighting: the dog is", DOG, ["edges", "lighting"]),
    "cut off in the heading": (HEADING.rstrip(), "", []),
    "cut off in the bullet": (f"{DOG}{BASIS}\n- Edges: sharp.\n-", DOG, ["edges"]),
    "end token left in": (f"<s>{DOG}{BASIS}Edges: sharp.</s>", DOG, ["edges"]),
    "lower-case heading": (f"{HEADING.lower()}{DOG}\n\n2. judgment basis: edges: sharp.", DOG, ["edges"]),
    "heading without slash": (
        f"1. Whether the picture has been tampered with: {DOG}{BASIS}Edges: sharp.",
        DOG,
        ["edges"],
    ),
    "only the second heading": (
        f"Description of the tampered area: {DOG}{BASIS}Edges: sharp.",
        DOG,
        ["edges"],
    ),
    "basis first": ("2. Judgment basis: Edges: sharp.", "", ["edges"]),
    "reasons without heading": (
        f"{DOG}\n- The edges are sharp.\n- Colours differ.",
        DOG,
        ["edges", "colour"],
    ),
    "second part without heading": (f"{HEADING}{DOG}\n2. The edges are sharp.", DOG, ["edges"]),
    "no known topic": (f"{DOG}{BASIS}It just looks wrong to me.", DOG, ["other"]),
    "number inside a sentence": (f"{DOG}{BASIS}The 2 dogs have 3.5 shadows.", DOG, ["shadows"]),
    "question": (
        f"{DOG}{BASIS}Why is the shadow missing? The light is from the left.",
        DOG,
        ["shadows", "lighting"],
    ),
    "empty": ("", "", []),
    "blank": (" \n\n \t", "", []),
    "signs alone": ("-- :: **", "", []),
    "another language": ("图片被篡改了。 左下角有一只狗。", "图片被篡改了. 左下角有一只狗.", []),
}


@pytest.mark.parametrize("name", CORPUS)
def test_odd_answers_are_taken_apart(name: str) -> None:
    text, description, topics = CORPUS[name]
    found = parse(text)
    assert found.description == description
    assert [reason.topic for reason in found.reasons] == topics
    assert all(
        reason.text == reason.text.strip() != "" and "\n" not in reason.text for reason in found.reasons
    )


def test_the_corpus_is_large_and_has_every_topic() -> None:
    assert len(CORPUS) >= 40
    assert {topic for *_, topics in CORPUS.values() for topic in topics} >= set(TOPICS) - {"place", "meaning"}


def test_words_are_kept_but_for_marks_in_front() -> None:
    found = parse(f"{HEADING}{DOG}{BASIS}\n 1) **Edges**:  The outline\n is jagged.")
    assert [reason.text for reason in found.reasons] == ["Edges: The outline is jagged."]


def test_a_model_caught_in_a_loop_is_cut_short() -> None:
    lines = "".join(f"\n- Edges: line {number} is sharp." for number in range(400))
    assert len(parse(f"{DOG}{BASIS}{lines}").reasons) == MOST_REASONS


@pytest.mark.parametrize(
    "text", ["(" * 3000, "1. " * 3000, "- " * 3000, "Edges: " * 3000, "\n" * 6000, ": ." * 3000]
)
def test_long_nonsense_is_read_in_bounded_time(text: str) -> None:
    assert len(parse(text).reasons) <= MOST_REASONS
    region_paragraph(text)
    places(text)


@pytest.mark.parametrize(
    ("item", "topic"),
    [
        ("Edges: the light is odd", "edges"),
        ("The light on its edges", "lighting"),
        ("Common sense: a dog cannot fly", "meaning"),
        ("Nothing in particular", "other"),
        ("The tampered area is here", "place"),
    ],
)
def test_a_label_decides_the_topic_before_the_first_word_does(item: str, topic: str) -> None:
    assert topic_of(item) == topic


@pytest.mark.parametrize(
    ("text", "paragraph"),
    [
        (f"{HEADING}{DOG}", None),
        (f"{HEADING}{DOG}\n", None),
        (f"{HEADING}{DOG}\n\n", f"{HEADING}{DOG}"),
        (f"{HEADING}{DOG}\n2.", f"{HEADING}{DOG}"),
        (f"{DOG} Judgment basis: Ed", DOG),
        (HEADING, None),
        (f"{HEADING}\n\n", None),
        ("\n\n", None),
    ],
)
def test_the_region_paragraph_is_known_as_soon_as_it_has_ended(text: str, paragraph: str | None) -> None:
    assert region_paragraph(text) == paragraph


LEFT, RIGHT, TOP, BOTTOM, MIDDLE, ALL = (0, 0.5), (0.5, 1), (0, 0.5), (0.5, 1), (0.25, 0.75), (0, 1)


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("located in the lower left part.", [(LEFT, BOTTOM)]),
        ("in the central region", [(MIDDLE, MIDDLE)]),
        ("in the middle of the image", [(MIDDLE, MIDDLE)]),
        ("in the lower middle part of the picture", [(MIDDLE, BOTTOM)]),
        ("the bottom-right corner", [(RIGHT, BOTTOM)]),
        ("on the right, near the tree", [(RIGHT, ALL)]),
        ("at the top of the photograph", [(ALL, TOP)]),
        ("the right side is blurred", [(RIGHT, ALL)]),
        ("In the lower left and in the upper right", [(LEFT, BOTTOM), (RIGHT, TOP)]),
        ("covers the entire picture", [(ALL, ALL)]),
        ("the man's left hand", []),
        ("to the left of the man", []),
        ("on the left side of the man", []),
        ("light comes from the upper left", []),
        ("right next to the dog", []),
        ("in the middle of the road", []),
        ("the top edge of the table", []),
        ("center", []),
        ("", []),
    ],
)
def test_places_of_the_picture_are_told_from_those_of_things(
    text: str, boxes: list[tuple[tuple[float, float], tuple[float, float]]]
) -> None:
    assert [(place.x, place.y) for place in places(text)] == boxes


def marked(*boxes: tuple[int, int, int, int]) -> SoftMap:
    """A map of 80 x 100 with full marks inside the boxes (x0, y0, x1, y1)."""
    soft = np.zeros((80, 100), np.float32)
    for x0, y0, x1, y1 in boxes:
        soft[y0:y1, x0:x1] = 1
    return soft


def test_claims_point_at_the_region_their_words_mean() -> None:
    soft = marked((5, 50, 35, 75), (70, 5, 90, 20))  # region 1: lower left, 2: upper right
    text = (
        f"{HEADING}The picture has been tampered with in the lower left part.{BASIS}"
        "\n- Edges: In the upper right corner they are sharp.\n- Lighting: odd."
    )
    found = claims_of(text, soft, 0.5)
    assert [claim.region_id for claim in found.claims] == [1, 2, None]
    assert [claim.evidence["topic"] for claim in found.claims] == ["place", "edges", "lighting"]
    assert found.claims[1].evidence["place"] == "upper right corner"
    assert [claim.id for claim in found.claims] == ["c1", "c2", "c3"]
    assert {claim.kind for claim in found.claims} == {"reading"}
    assert found.warnings == ()


def test_words_that_point_where_nothing_is_marked_are_flagged() -> None:
    found = claims_of("It was tampered with in the upper right corner.", marked((5, 50, 35, 75)), 0.5)
    assert found.claims[0].region_id == 2  # the mask has one region
    assert len(found.warnings) == 1 and "upper right corner" in found.warnings[0]


def test_a_region_across_the_middle_is_neither_meant_nor_contradicted() -> None:
    found = claims_of("It was tampered with in the left half.", marked((30, 20, 80, 60)), 0.5)
    assert (found.claims[0].region_id, found.warnings) == (None, ())


@pytest.mark.parametrize("text", ["In the lower left part.", "Edges: sharp.", ""])
def test_without_a_mask_nothing_is_linked_or_contradicted(text: str) -> None:
    found = claims_of(text, marked(), 0.5)
    assert all(claim.region_id is None for claim in found.claims)
    assert found.warnings == ()


def test_areas_too_many_to_be_regions_count_as_marked() -> None:
    boxes = [(x, y, x + 5, y + 5) for x in range(0, 100, 8) for y in range(0, 36, 8)]
    found = claims_of("In the upper left part.", marked(*boxes), 0.5)
    assert found.claims[0].region_id in range(1, 9)
    assert claims_of("At the bottom.", marked(*boxes), 0.5).claims[0].region_id == 9


def test_the_larger_of_two_meant_regions_is_chosen_whatever_their_order_in_the_words() -> None:
    found = claims_of("Both are on the left side.", marked((2, 2, 12, 12), (2, 40, 40, 70)), 0.5)
    assert found.claims[0].region_id == 1
