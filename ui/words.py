"""Everything the page says, by key, in the language of now. About pixels, never about people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ui import words_chinese, words_correction
from ui.language import PLAIN, spoken
from ui.sentences import translated
from ui.stored import Example

SPACE: Final = "\N{NO-BREAK SPACE}"

KINDS: Final[Mapping[str, str]] = {  # by kind of finding; of a whole picture or unknown: nothing to say
    "kind_splice": "pasted from another picture",
    "kind_copy_move": "copied within this picture",
    "kind_removal": "filled in where something was removed",
    "kind_inpainting": "filled in by a program",
    "kind_face": "a changed face",
}

ENGLISH: Final[Mapping[str, str]] = {
    # head and first screen
    "skip": "Skip to the picture",
    "pages": "Pages",
    "analyse": "Analyse",
    "theme": "Light or dark",
    "title": "See whether a picture was altered, where, and why",
    "lead": "Drop a picture. You get a verdict with its uncertainty, a map of the area, and reasons you can "
    "check on the pixels.",
    "drop": "Drop a picture here",
    "formats": "or paste it. JPEG, PNG, WebP or TIFF, up to 25 MB and 40 megapixels",
    "formats_only": "We read JPEG, PNG, WebP and TIFF, up to 25 MB and 40 megapixels.",
    "choose": "Choose a picture",
    "examples": "Or open an example",
    "stored": "Stored results, shown at once",
    "privacy": "Your picture is analysed, then deleted within an hour. Nothing is kept unless you choose to "
    "contribute it.",
    # canvas
    "picture": "Picture",
    "cancel": "Cancel",
    "new": "New picture",
    "photo": "Photo",
    "map": "Map",
    "layer": "Layer",
    "opacity": "Opacity",
    "tools": "View",
    "tool_hide": "Show or hide the mask (hold H)",
    "tool_in": "Zoom in (+)",
    "tool_out": "Zoom out (−)",
    "tool_fit": "Fit (0)",
    "tool_full": "Full screen (F)",
    "keys": "Arrow keys move the picture, plus and minus zoom, 0 fits, V changes the layer, "
    "hold H to hide the mask.",
    "ramp": "Map colours from 0 to 1",
    "uploading": "Uploading",
    "step_facts": "File facts",
    "step_evidence": "Evidence",
    "step_verdict": "Verdict",
    "step_map": "Map",
    "step_reasons": "Reasons",
    "ahead_one": "1 picture is ahead of yours. Keep this page open.",
    "ahead_many": "{n} pictures are ahead of yours. Keep this page open.",
    "starting": "The engine is starting; your picture is next.",
    # verdict
    "waiting": "Looking",
    "found": "Tampering found",
    "synthetic": "Looks wholly generated",
    "none": "No tampering found",
    "none_by": "by this engine",
    "unsure": "Cannot tell",
    "not_given": "No verdict",
    "not_given_by": "this engine gives none",
    "found_nowhere": "No place on the map crosses {threshold}, so no area is marked.",
    "synthetic_where": "The traces lie all over the picture, so no area is marked.",
    "none_where": "The strongest spot on the map reaches {peak}.",
    "none_marked": "The map still marks {share} of the picture.",
    "none_no_map": "This engine draws no map.",
    "not_given_where": "Look at the map and the reasons.",
    "unsure_where": "The score band crosses the threshold.",
    "unsure_recompressed": "Compressed again, the result changes.",
    "unsure_half_size": "At half size, the result changes.",
    "score": "Score",
    "band": "band",
    "threshold": "threshold {t}",
    "end_low": "nothing found",
    "end_high": "tampering",
    "scale": "Score {v}, band {low} to {high}, threshold {t}",
    "scale_no_band": "Score {v}, threshold {t}",
    "no_score": "no score",
    "rate_found": "{n} in 100 unedited photos get this verdict.",
    "rate_none": "{n} in 100 edited pictures get this verdict.",
    "rate_unsure": "About {n} in 100 pictures end here.",
    "fewer": "fewer than 0.1",
    "limits": "How often is this wrong?",
    # kind and reasons
    "kind": "Likely kind of change",
    "kind_of_region": "Region {n}: {kind}",
    "confidence": "confidence {p}",
    "why": "Why",
    "measured": "Measured",
    "reading": "Model’s reading",
    "contradicts": "The map shows nothing here",
    "note": "Note",
    "why_none": "No measurement sets the marked area apart. The note tells what was looked at.",
    "why_unmarked": "The note tells what was looked at.",
    "cannot_see": "What this engine cannot see",
    "cannot_see_unknown": "This engine lists no limits.",
    "stable": "Same result recompressed and at half size",
    "checking": "To be read once more, recompressed and at half size",
    "three_ways": "Looked at three ways",
    "as_uploaded": "As uploaded",
    "recompressed": "Compressed again",
    "half_size": "At half size",
    "helps": "What would help",
    "helps_camera": "The file as it left the camera",
    "helps_larger": "A larger version: this one is {width} × {height}",
    "region_label": "Region {n}, {where}, {share} of the picture",
    # evidence
    "evidence": "Measured evidence",
    "evidence_hint": "Press one for what it can and cannot show",
    "points_to_region": "Differs in region {n}",
    "points_to_the_region": "Differs in the marked area",
    "no_difference": "No clear difference",
    "not_measured": "Could not be measured",
    "informs": "Of the whole picture",
    "informs_metadata": "Not proof by itself",
    "informs_jpeg_tables": "How it was saved last",
    "shows": "Shows",
    "cannot_show": "Cannot show",
    "again_other": "Another answer",
    "again_map": "Show a map all the same",
    # about
    "about": "About this result",
    "file": "File",
    "engine": "Engine",
    "adapter": "Adapter",
    "adapter_none": "none",
    "not_yet": "–",
    "time": "Time",
    "time_parts": "{total} ({parts})",
    "comma": ", ",
    "gap": " ",  # between sentences
    "seconds": "s",
    "time_evidence": "evidence",
    "time_engine": "engine",
    "time_explanation": "explanation",
    "time_compared": "comparison",
    "made": "Stored",
    "stored_note": "A stored result, made earlier by this engine.",
    "result_file": "Result",
    "mask_file": "Mask",
    "map_file": "Map",
    "save": "Save",
    # limits
    "limit_rates": "How often the verdict is wrong",
    "limit_false_alarm": "unedited photos in 100 are called tampered",
    "limit_missed": "edited pictures in 100 get “no tampering found”",
    "limit_inconclusive": "pictures in 100 end without a verdict",
    "limit_measured_on": "Measured on: {where}.",
    "limit_unmeasured": "No error rates were measured for these weights; take each result as a hint.",
    "limit_starting": "The engine is starting; its limits are shown with each result.",
    "no_proof": "Not proof",
    "no_proof_found": "A marked area means that its pixels differ in ways editing often leaves. "
    "It does not say who changed them, when or why.",
    "no_proof_none": "Nothing found means that this engine found nothing. "
    "It does not say that the picture is unchanged, or that its caption is true.",
    # spoken summaries
    "alt_working": "Picture, being analysed",
    "alt_none": "Picture without a marked area",
    "alt_found": "Picture with marks: {where}",
    # errors
    "error_head": "This picture could not be analysed",
    "error_unreadable": "This file could not be read as a picture",
    "error_large": "This file is too large",
    "error_gone": "This picture is no longer here",
    "why_gone": "It was kept for an hour; choose it again.",
    "error_busy": "Too many pictures are waiting",
    "error_lost": "The analysis was cut off",
    "why_large": "“{name}” has {size} MB; the limit is 25. Save a smaller copy, or crop it to the part "
    "you doubt.",
    "why_empty": "“{name}” is empty. Fetch or copy it again, or choose another file.",
    "why_upload": "“{name}” could not be uploaded. Check the connection and choose it again.",
    "why_full": "“{name}” was not taken: the disk of this server is nearly full. Try again later, or open an "
    "example.",
    "why_offline": "The connection to the server is lost. Check it, then choose the picture again.",
    "why_lost": "The server stopped answering. Choose the picture again, or open an example.",
    "why_unexpected": "Something unexpected happened on our side and was logged. Try again, or choose "
    "another file.",
    "why_busy": "{n} pictures are waiting already. Try again in a minute, or open an example.",
    "why_no_upload": "The file is no longer here. Choose the picture again.",
    "why_address": "Addresses are not fetched here. Download the picture and send the file itself.",
    "why_no_file": "No file was sent. Send one picture: JPEG, PNG, WebP or TIFF.",
    "why_no_example": "This example is not here. Choose another one.",
    "no_display": "Your browser cannot show this file. The results below stand.",
    **KINDS,
    **words_correction.RAIL,
    **words_correction.CANVAS,
}

CHINESE: Final[Mapping[str, str]] = {
    **words_chinese.PAGE,
    **words_chinese.KINDS,
    **words_chinese.RAIL,
    **words_chinese.CANVAS,
}
TABLES: Final[Mapping[str, Mapping[str, str]]] = {PLAIN: ENGLISH, "zh": CHINESE}

SHORT_LAYERS: Final[Mapping[str, Mapping[str, str]]] = {  # whose evidence has a name too long for the bar
    PLAIN: {
        "ghosts": "Ghosts",
        "grid": "Grid",
        "double_quantisation": "Double JPEG",
        "copy_move": "Copies",
    },
    "zh": words_chinese.SHORT_LAYERS,
}

FOR_THE_CANVAS: Final = (
    *("drop", "formats", "formats_only", "choose", "picture", "cancel", "new", "photo", "map", "layer"),
    *("opacity", "tools", "tool_hide", "tool_in", "tool_out", "tool_fit", "tool_full", "keys", "ramp"),
    *("uploading", "alt_working", "no_display", "error_head", "error_large", "error_lost", "why_large"),
    *("why_empty", "why_upload", "why_full", "why_offline", "why_lost", "why_gone", "comma"),
    "seconds",
    *words_correction.CANVAS,
)


def say(key: str, **values: object) -> str:
    """The words of that key with its places filled; plain text, to be escaped where it enters HTML."""
    words = TABLES[spoken()][key]
    return words.format(**values) if values else words


def sentence(text: str) -> str:
    """A sentence that came with an engine, a card, a file or an error, in the language of now where known."""
    return translated(text) if spoken() == "zh" else text


def example_words(example: Example) -> tuple[str, str]:
    """Title of an example, and what it shows."""
    card = example.card
    given = (card.title, card.alt)
    return words_chinese.EXAMPLES.get(card.id, given) if spoken() == "zh" else given


def part_words(name: str) -> str:
    """A part of the time that an answer took; one that is not known by its own name."""
    return TABLES[spoken()].get(f"time_{name}", name)


def short_layer(name: str, title: str) -> str:
    """The name of a layer in the bar."""
    return SHORT_LAYERS[spoken()].get(name, title)


def canvas_words() -> dict[str, str]:
    """What the canvas says by itself, handed to its template and scripts."""
    return {key: say(key) for key in FOR_THE_CANVAS}


def decimal_words(value: float) -> str:
    """A score: "0.91"."""
    return f"{value:.2f}"


def bytes_words(size: int) -> str:
    """A file size: "91 kB", "2.4 MB"."""
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024))} kB"
    return f"{size / (1024 * 1024):.1f} MB"


def seconds_words(seconds: float) -> str:
    """A duration: "0.42 s", "3.1 s"."""
    return f"{seconds:.{2 if seconds < 1 else 1}f}{SPACE}{say('seconds')}"


def rate_words(per_100: float) -> str:
    """How many in a hundred: "4", "0.4", "fewer than 0.1"."""
    if per_100 < 0.1:
        return say("fewer")
    return f"{per_100:.1f}" if per_100 < 1 else f"{per_100:.0f}"
