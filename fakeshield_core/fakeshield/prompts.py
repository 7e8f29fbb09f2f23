"""The literal texts of the published code and the two ways it puts them together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from fakeshield_core.fakeshield.tokenizer import END, IMAGE_TOKEN

System = Literal["llava_v1", "vicuna_v1"]
SYSTEMS: dict[System, str] = {  # inference uses the first, the published training script the second
    "llava_v1": "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    "vicuna_v1": "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions.",
}
TEMPLATES: dict[str, System] = {"v1": "vicuna_v1", "vicuna_v1": "vicuna_v1", "llava_v1": "llava_v1"}
TAG_LABELS = ("AIGC inpainting", "DeepFake", "Photoshop")  # classes 0, 1, 2 of the DTG
TAG_KEYS = ("aigc_editing", "deepfake", "photoshop")
QUESTION = (
    "Was this photo taken directly from the camera without any processing? Has it been tampered with by any "
    "artificial photo modification techniques such as ps? Please zoom in on any details in the image, paying "
    "special attention to the edges of the objects, capturing some unnatural edges and perspective "
    "relationships, some incorrect semantics, unnatural lighting and darkness etc."
)
MASK_QUESTIONS = (
    "Based on the description of the tampered area, please give the mask of the tampered area.",
    "Please provide a mask of the tampered region based on the description of the tampered region given "
    "above.",
    "Please give the mask of the tampered area based on the description of the tampered area given above.",
)
PLAIN_MASK_QUESTIONS = tuple(  # training, where a picture has no description
    f"\nThis is a tampered image, point out the areas you believe have been tampered with. Please {verb} "
    "segmentation mask."
    for verb in ("respond with", "output")
)
MASK_ANSWERS = (
    "It is [SEG].",
    "Sure, [SEG].",
    "Sure, it is [SEG].",
    "Sure, the segmentation result is [SEG].",
    "[SEG].",
)
MASK_FRAME = (
    "This photo has been tampered. The following is a description of the tampering area and the basis for "
    "judgment: \n"
)
ANSWER_OPENING = (  # of every answer of the DTE-FDM, up to the word that decides
    "1. Whether the picture has been tampered with / Description of the tampered area: The picture has"
)
CONTINUATIONS = ("been tampered with", "not been tampered with")
USER, ASSISTANT = " USER: ", " ASSISTANT:"
FRAMED_IMAGE = f"<im_start>{IMAGE_TOKEN}<im_end>"
OVERVIEW = f"The {FRAMED_IMAGE} provides an overview of the picture.\n"


def tag_sentence(label: int) -> str:
    """What the DTG's class adds before the question, with its trailing space."""
    return f"This is a picture that is suspected to have been tampered with by {TAG_LABELS[label]}. "


def neutral(text: str, controls: Iterable[str]) -> str:
    """The text with every control token broken by a space after its first character: `[SEG]` -> `[ SEG]`.

    A text without one comes back as it is.
    """
    for token in sorted({IMAGE_TOKEN, END, *controls}, key=len, reverse=True):
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def resolved(text: str) -> str:
    """The text with `&lt;` and `&gt;` as signs, as in the published mask prompt; comes before `neutral`."""
    return text.replace("&lt;", "<").replace("&gt;", ">")


def detection_message(question: str, label: int | None, framed: bool = False) -> str:
    """What the user says to the DTE-FDM: picture, tag sentence (left out for label None), question."""
    tag = "" if label is None else tag_sentence(label)
    return f"{FRAMED_IMAGE if framed else IMAGE_TOKEN}\n{tag}{question}"


def mask_text(answer: str, question_index: int | None = 0) -> str:
    """The description in the frame of the published batch test; None: the answer alone, as its CLI does."""
    if question_index is None:
        return answer
    return f"{MASK_FRAME}{answer}\n {MASK_QUESTIONS[question_index]}"


def mask_message(text: str) -> str:
    """What the user says to the MFLM."""
    return OVERVIEW + text


def full_prompt(message: str, system: System = "llava_v1") -> str:
    """System text, message, and the turn of the assistant."""
    return f"{SYSTEMS[system]}{USER}{message}{ASSISTANT}"


def conversation(turns: Iterable[tuple[str, str]], system: System) -> str:
    """A training text: (message, answer) after (message, answer), each answer closed by `</s>`."""
    rounds = [f"USER: {message}{ASSISTANT} {answer}{END}" for message, answer in turns]
    return f"{SYSTEMS[system]} " + "".join(rounds)
