"""The canvas: the one custom component, its template and scripts, and what it is told of a view."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr

from fakeshield_core.domain import Explanation, JsonValue
from fakeshield_core.imaging import MAX_BYTES
from ui.language import spoken, words
from ui.markup import facts_words, percent, unbroken
from ui.render_reasons import READING
from ui.state import Localised, PageView
from ui.words import canvas_words, say, sentence, short_layer

STATIC = Path(__file__).parent / "static"
ADDRESS = "ui"  # where the folder is served
EVENTS = ("began", "picked", "cancelled", "example", "resumed")  # what the canvas sends
UPDATE = "fs:update"  # window events that reach the canvas
FAILED = "fs:failed"

MOUNT = f"""
const events = {list(EVENTS)};
let early = null; // an example that was chosen before the scripts were there
const remember = (event) => {{ early = event.target.closest("[data-example]") ?? early; }};
document.addEventListener("click", remember);
import(new URL("{ADDRESS}/main.js", document.baseURI)).then((page) => {{
  document.removeEventListener("click", remember);
  page.mount({{ element, trigger, upload, props, server, events }});
  early?.click();
}});
"""
TELL = f"(update) => {{ window.dispatchEvent(new CustomEvent('{UPDATE}', {{ detail: update }})); }}"
TELL_FAILED = f"() => {{ window.dispatchEvent(new CustomEvent('{FAILED}')); }}"


def build_canvas(server_functions: Sequence[Callable[..., object]] = ()) -> gr.HTML:
    """The component. It is mounted once; its template is never rendered again.

    Args:
        server_functions: what its scripts may call as `server.<name>`.
    """
    return gr.HTML(
        html_template=(STATIC / "canvas.html").read_text(),
        js_on_load=MOUNT,
        apply_default_css=False,
        elem_classes=["o-canvas"],
        server_functions=list(server_functions),
        words=canvas_words(),
        language=spoken(),
        most_bytes=MAX_BYTES,
    )


def snapshot(view: PageView) -> dict[str, JsonValue]:
    """All the canvas needs to know; each snapshot stands for itself, so that none need arrive."""
    addresses, localised = view.addresses, view.localised
    return {
        "run": view.run,
        "phase": view.phase,
        "checking": view.is_checked_next,
        "case_id": view.case_id,
        "example": view.example,
        "sha256": view.facts.sha256 if view.facts else None,
        "claims": _claims(view.explanation) if view.explanation else [],
        "note": waiting_words(view),
        "verdict": view.verdict.verdict if view.verdict else None,
        "name": view.name,
        "facts": facts_words(view.facts) if view.facts else "",
        "width": view.facts.width if view.facts else None,
        "height": view.facts.height if view.facts else None,
        "picture": addresses.picture,
        "summary": summary(view),
        "alt": view.alt,
        "steps": steps(view),
        "map": addresses.map,
        "mask": addresses.mask,
        "threshold": localised.threshold if localised else None,
        "regions": _regions(localised) if localised else [],
        "layers": _layers(view),
        "seconds": view.outcome.timings_s.get("total") if view.outcome else None,
        "refusal": dataclasses.asdict(view.refusal) if view.refusal else None,
    }


def waiting_words(view: PageView) -> str:
    """What someone who waits is told; empty for all others."""
    if view.phase == "starting":
        return say("starting")
    if view.phase != "waiting" or not view.ahead:
        return ""
    return say("ahead_one") if view.ahead == 1 else say("ahead_many", n=view.ahead)


def steps(view: PageView) -> list[JsonValue]:
    """Names of the steps with "done", "now" or "wait"; what an engine does not give is left out."""
    gives = view.engine.gives if view.engine else frozenset({"verdict", "map"})
    has = {
        "step_facts": view.facts is not None,
        "step_evidence": view.evidence is not None,
        "step_verdict": view.verdict is not None,
        "step_map": view.localised is not None,
        "step_reasons": view.explanation is not None,
    }
    names = [name for name in has if name.removeprefix("step_") not in {"verdict", "map"} - set(gives)]
    open_names = [name for name in names if not has[name]]
    marks = {name: "done" if has[name] else "now" if name == open_names[0] else "wait" for name in names}
    return [{"name": say(name), "mark": mark} for name, mark in marks.items()]


def summary(view: PageView) -> str:
    """What the stage shows, for those who do not see it."""
    if view.localised is None:
        return say("alt_working")
    if not view.localised.regions:
        return say("alt_none")
    return say("alt_found", where=words().where(view.localised.regions))


def _claims(explanation: Explanation) -> list[JsonValue]:
    return [
        {
            "id": claim.id,
            "key": claim.text if claim.kind == READING else claim.id,  # the same: what was rated is the same
            "text": unbroken(claim.text),
            "region": claim.region_id,
        }
        for claim in explanation.claims
    ]


def _regions(localised: Localised) -> list[JsonValue]:
    return [
        {
            "id": region.id,
            "box": list(region.bbox_xyxy),
            "label": say(
                "region_label",
                n=region.id,
                where=words().place(region.where),
                share=percent(region.area_fraction),
            ),
        }
        for region in localised.regions
    ]


def _layers(view: PageView) -> list[JsonValue]:
    """The evidence layers there will be; those that have come with their address."""
    items = view.evidence.items if view.evidence else ()
    return [_layer(view, item.layer, words().title(item)) for item in items if item.layer]


def _layer(view: PageView, name: str, title: str) -> dict[str, JsonValue]:
    shown = view.addresses.layers.get(name)
    return {
        "name": name,
        "title": short_layer(name, title),
        "address": shown.address if shown else None,
        "legend": f"{shown.strongest:g} {sentence(shown.unit)}" if shown else "",
    }
