"""The functions of `api` as Gradio endpoints for programs, and as server functions of the canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from fakeshield_core.domain import JsonValue
from ui.answers import Answer, answered
from ui.api import Api
from ui.intake import refuse_files
from ui.language import in_language

AT_ONCE = 8  # calls of one endpoint that run together; each is short
ServerFunction = Callable[[Any], Answer]


def add_endpoints(api: Api) -> None:
    """`/segment`, `/explain`, `/feedback` and `/case`, inside the page that is being built."""

    def segment(case_id: str, prompts: JsonValue, prior_rle: JsonValue = None) -> Answer:
        """Clicks and a box to areas that can be added to the mask, or taken from it.

        `prompts` is {clicks: [{x, y, positive}], box_xyxy: [x0, y0, x1, y1] or null}, newest click last;
        `prior_rle` is the current mask as COCO run lengths, null where nothing is marked. Returns
        {candidates: [{rle, score, adds, area_fraction}], ms}, or {error}.
        """
        return api.segment(case_id, prompts, prior_rle)

    def explain(case_id: str, mask_rle: JsonValue) -> Answer:
        """What the measurements say about a mask, given as COCO run lengths.

        Returns {claims, text, html, regions}, or {error}.
        """
        return api.explain(case_id, mask_rle)

    def feedback(case_id: str, correction: JsonValue) -> Answer:
        """Saves a correction; sent again with the same client_uuid it gives the first receipt.

        `client_uuid` is a random UUID (version 4) that the client makes for each correction.
        Returns {receipt, state, created_at} when it is on the disk, or {error}.
        """
        return api.feedback(case_id, correction)

    def case(receipt: str) -> Answer:
        """What became of a correction, by the code of its receipt.

        Returns {receipt, state, created_at, verdict, consent, kept, review, releases, adapters}, or {error}.
        """
        return api.case(receipt)

    with gr.Column(visible=False):
        case_id = _text("case_id")
        _endpoint(segment, [case_id, _json("prompts"), _json("prior_rle")])
        _endpoint(explain, [case_id, _json("mask_rle")])
        _endpoint(feedback, [case_id, _json("correction")])
        _endpoint(case, [_text("receipt")])


def server_functions(api: Api | None) -> list[ServerFunction]:
    """What the canvas calls as `server.segment(case_id, prompts, prior_rle)` and so on; none without `api`.

    Gradio hands over the only argument as it is, and several as a list.
    """
    if api is None:
        return []

    @answered
    def segment(sent: Any) -> Answer:
        return api.segment(*_arguments(sent, 3))

    @answered
    def explain(sent: Any) -> Answer:
        return api.explain(*_arguments(sent, 2))

    @answered
    def save(sent: Any) -> Answer:
        return api.feedback(*_arguments(sent, 2))

    @answered
    def fate(sent: Any) -> Answer:
        return api.case(*_arguments(sent, 1))

    @answered
    def withdraw(sent: Any) -> Answer:
        return api.withdraw(*_arguments(sent, 1))

    return [in_language(function) for function in (segment, explain, save, fate, withdraw)]


def _arguments(sent: Any, number: int) -> list[Any]:
    """Exactly so many arguments: those that were not sent are None, those too many are dropped."""
    given = sent if isinstance(sent, list) else [sent]
    return (given + [None] * number)[:number]


def _endpoint(function: Callable[..., Answer], inputs: list[gr.components.Component]) -> None:
    gr.Button().click(
        in_language(function),
        inputs,
        gr.JSON(label="answer"),
        api_name=function.__name__,
        concurrency_limit=AT_ONCE,
        show_progress="hidden",
    )


def _text(label: str) -> gr.Textbox:
    return refuse_files(gr.Textbox(label=label))


def _json(label: str) -> gr.JSON:
    return refuse_files(gr.JSON(label=label))
