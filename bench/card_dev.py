"""Accuracy on the development pictures: a block of docs/MODEL_CARD.md, written from a committed results file.

Files of report version 1 name a JPEG quality in the place of a change and pool no counts; they get the same
tables, without the sentences that need the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bench.baselines import FIRM, QUALITY, UNTOUCHED
from bench.card import NONE, Part, change_of, figure, source, table
from fakeshield_core.domain import JsonValue
from fakeshield_core.evaluate_figures import Bootstrap

DEV_MARKS = (
    "<!-- dev results: written by `python -m bench.readme`, checked by a test -->",
    "<!-- /dev results -->",
)
CENTRE_BLOB = "centre_blob"
WHERE = {"F1": "f1", "IoU": "iou", "AUC": "auc"}
BEST = {
    "best single threshold": "best_single_threshold_f1",
    "best of each picture": "best_f1",
    "permute F1": "permute_f1",
}
WHETHER = {
    "AUC": "auc",
    "accuracy": "accuracy_at_half",
    "F1": "f1_at_half",
    "found at 5 % false alarms": "detection_at_5_percent",
    "calibration error": "calibration_error",
}
ALARMS = {"found": "detection_rate", "false alarms": "false_alarm_rate", "area": "false_alarm_area"}


def dev_block(document: Part, name: str) -> str:
    """Where, whether, beside simple methods, false alarms: one table each, a sentence before it.

    Args:
        document: of `bench.baselines` with an engine, report version 1 or 2.
        name: of its file.
    """
    parts = _in_order(document["engine"]["slices"])
    masked = [part for part in parts if part["pictures"]["with_mask"]]
    scored = [part for part in parts if part["image"].get("auc") is not None]
    sections = (
        _lead(document, name),
        "**Where.** How well the map at threshold 0.5 meets the true mask, mean over forgeries with a mask.",
        _figures(masked, "pixel", WHERE, _masks),
        "Never to be reached without the truth in hand: pixel F1 at the one threshold that is best for the "
        "set, at the best one of each picture, and for the better of the mask and its inverse (permute F1).",
        _figures(masked, "oracle", BEST, _masks),
        "**Beside simple methods.** Pixels of the files as they are: the engine, a blob in the middle of the "
        "picture, and the best other simple method; the last column is F1 of the engine at 0.5 less that of "
        "the method at its best threshold.",
        table(
            ("data set", "method", "F1 at 0.5", "F1 at best threshold", "AUC", "engine ahead by"),
            _beside(document, parts),
        ),
        "**Whether.** Forged and authentic pictures told apart by the score; accuracy and F1 at score 0.5.",
        _figures(scored, "image", WHETHER, _classes),
        "**False alarms.** Shares of 1: forgeries found and authentic pictures flagged at the engine's own "
        "threshold, area of authentic pictures where the map is above 0.5; and how many of both get no firm "
        "verdict.",
        _alarms_table(document, parts),
        "\n".join(_counts(document)),
    )
    return "\n\n".join(section for section in sections if section)


def _lead(document: Part, name: str) -> str:
    engine, failures = document["engine"]["engine"], document["engine"]["failures"]
    lead = (
        f"`python -m bench.baselines`, `bench/results/{name}`, weights `{engine['weights']}`, "
        f"{source(document)}. In brackets 95 % intervals by scene; *file*: the pictures as they are, "
        "*JPEG 85*: all of them, forged or not, saved again at that quality."
    )
    return f"{lead} Not measured: {len(failures)} pictures." if failures else lead


def _in_order(parts: Sequence[Part]) -> Sequence[Part]:
    """Data sets as they come, in each the whole set before its kinds, in each the file before its changes."""
    sets = list(dict.fromkeys(part["dataset"] for part in parts))
    kinds = list(dict.fromkeys(part["tampering"] for part in parts))
    return sorted(parts, key=lambda part: (sets.index(part["dataset"]), kinds.index(part["tampering"])))


def _figures(
    parts: Sequence[Part], group: str, columns: Mapping[str, str], pictures: Callable[[Part], str]
) -> str:
    return table(
        ("data set", "as", "pictures", *columns),
        [(_set(part), _as(change_of(part)), pictures(part), *_cells(part[group], columns)) for part in parts],
    )


def _masks(part: Part) -> str:
    return str(part["pictures"]["with_mask"])


def _classes(part: Part) -> str:
    return f"{part['pictures']['tampered']} + {part['pictures']['authentic']}"


def _set(part: Part) -> str:
    return part["dataset"] if part["tampering"] is None else f"{part['dataset']}, {part['tampering']}"


def _as(change: str | None) -> str:
    return "file" if change is None else change.replace("jpeg", "JPEG ")


def _cells(figures: Part, columns: Mapping[str, str]) -> Sequence[str]:
    return [figure(figures.get(name)) for name in columns.values()]


def _beside(document: Part, parts: Sequence[Part]) -> Iterator[Sequence[str]]:
    for part in parts:
        methods = [b for b in document["baselines"] if b["dataset"] == part["dataset"]]
        if change_of(part) is not None or part["tampering"] is not None or not methods:
            continue
        best = part["oracle"].get("best_single_threshold_f1")
        pixel = part["pixel"]
        yield part["dataset"], "**engine**", figure(pixel["f1"]), figure(best), figure(pixel["auc"]), ""
        others = [b for b in methods if b["name"] != CENTRE_BLOB]
        blobs = [b for b in methods if b["name"] == CENTRE_BLOB]
        for b in (*blobs, max(others, key=lambda b: b["f1_at_best_single_threshold"]["value"])):
            names = ("f1_at_half", "f1_at_best_single_threshold", "auc", "engine_minus_baseline")
            yield part["dataset"], b["name"].replace("_", " "), *(figure(b[name]) for name in names)


def _alarms_table(document: Part, parts: Sequence[Part]) -> str:
    """One row for each set and kind; a column of each figure for the file and for each change."""
    changes = list(dict.fromkeys(change_of(part) for part in parts))
    named = {(_set(part), change_of(part)): part for part in parts} | {
        (dataset, change): _unvouched(document, dataset, change)
        for dataset in _outside(document, parts)
        for change in changes
    }
    rows = []
    for name in dict.fromkeys(name for name, _ in named):
        found = [named.get((name, change)) for change in changes]
        alarms = [figure(p["alarms"].get(key)) if p else NONE for key in ALARMS.values() for p in found]
        rows.append((name, *alarms, *map(_unsure, found)))
    titles = [title if change is None else _as(change) for title in ALARMS for change in changes]
    unsure = ["no firm verdict" if change is None else _as(change) for change in changes]
    return table(("data set", *titles, *unsure), rows)


def _unsure(part: Part | None) -> str:
    if part is None:
        return NONE
    verdicts = part["verdicts"].values()
    unsure = sum(counts.get("inconclusive", 0) for counts in verdicts)
    return f"{unsure} of {sum(sum(counts.values()) for counts in verdicts)}"


def _outside(document: Part, parts: Sequence[Part]) -> Sequence[str]:
    """Sets that no slice holds, of pictures that enter the pooled count all the same."""
    inside = {part["dataset"] for part in parts}
    sets = (_dataset(picture) for picture in document["engine"]["images"] if _untouched(picture))
    return [name for name in dict.fromkeys(sets) if name not in inside]


def _unvouched(document: Part, dataset: str, change: str | None) -> Part:
    """Like a slice, as far as the table of false alarms reads one, from the pictures in the file."""
    shown = [
        (picture, measured)
        for picture, measured in _measured(document, change)
        if _dataset(picture) == dataset and _untouched(picture)
    ]
    verdicts = [measured["verdict"] for _, measured in shown]
    return {
        "alarms": {
            "false_alarm_rate": _mean(document, shown, _flagged),
            "false_alarm_area": _mean(document, shown, lambda measured: measured["marked_fraction"]),
        },
        "verdicts": {"authentic": {verdict: verdicts.count(verdict) for verdict in verdicts}},
    }


def _counts(document: Part) -> Iterator[str]:
    summary = document["summary"]
    alarms, firm = summary.get("false_alarms"), summary.get(f"firm_verdicts_jpeg_{QUALITY}")
    if alarms is not None and alarms["pictures"]:
        yield _alarms_line(document, alarms)
    auc, sets = summary.get(f"mean_image_auc_jpeg_{QUALITY}"), " and ".join(summary["auc_sets"])
    if auc is not None:
        yield f"- Mean image AUC of {sets}, both classes at JPEG {QUALITY}: {auc:.2f}."
    if firm is not None and firm["pictures"]:
        yield f"- Firm verdicts on {sets} at JPEG {QUALITY}: {_firm(document, firm)}."


def _alarms_line(document: Part, alarms: Part) -> str:
    shown = [(p, m) for p, m in _measured(document, None) if _untouched(p)]
    above, pictures = alarms["above_threshold"], alarms["pictures"]
    return (
        f"- All {pictures} authentic and segmentation pictures as files: {above} score above the threshold "
        f"({_percent(above, pictures, _mean(document, shown, _flagged))}; at most "
        f"{100 * alarms['most_in_a_set']:.0f} % of a data set), {alarms['called_tampered']} get the verdict "
        "*tampering found*."
    )


def _firm(document: Part, firm: Part) -> str:
    sets = document["summary"]["auc_sets"]
    shown = [
        (p, m | {"right": (m["verdict"] == "tampered") == _tampered(p)})
        for p, m in _measured(document, f"jpeg{QUALITY}")
        if _dataset(p) in sets and _used(p)
    ]
    share = _mean(document, shown, lambda m: m["verdict"] in FIRM)
    right = _mean(document, [(p, m) for p, m in shown if m["verdict"] in FIRM], lambda m: m["right"])
    return (
        f"{firm['firm']} of {firm['pictures']} pictures ({_percent(firm['firm'], firm['pictures'], share)}), "
        f"{firm['right']} of these right ({_percent(firm['right'], firm['firm'], right)})"
    )


def measured_rates(document: Part) -> dict[str, JsonValue]:
    """How often the verdict is wrong, for the card of the weights: pictures of a hundred, compressed alike.

    Training writes rates of the few held-out pictures that the band was fitted on; these are of others.
    """
    sets = document["summary"]["auc_sets"]
    shown = [
        (_tampered(p), m["verdict"])
        for p, m in _measured(document, f"jpeg{QUALITY}")
        if _dataset(p) in sets and _used(p)
    ]
    forged, untouched = ([v for tampered, v in shown if tampered == wanted] for wanted in (True, False))
    return {
        "false_alarm_per_100": _per_100(untouched, ("tampered",)),
        "missed_per_100": _per_100(forged, ("no_tampering_found",)),
        "inconclusive_per_100": _per_100([*forged, *untouched], ("inconclusive",)),
        "readings": len(shown),
        "measured_on": f"development pictures of {' and '.join(sets)}, all saved again at JPEG {QUALITY}",
    }


def _per_100(verdicts: Sequence[str], counted: Sequence[str]) -> float:
    return round(100 * sum(v in counted for v in verdicts) / len(verdicts), 1)


def _measured(document: Part, change: str | None) -> Iterator[tuple[Part, dict[str, Any]]]:
    """Every picture with what was measured on it under one condition."""
    for picture in document["engine"]["images"]:
        for measured in picture["measured"]:
            if change_of(measured) == change:
                yield picture, measured


def _mean(
    document: Part, shown: Sequence[tuple[Part, Part]], value: Callable[[Part], float | bool | None]
) -> Part | None:
    """A share of pictures with the interval that the document's own figures have."""
    values, groups = [], []
    for picture, measured in shown:
        if (number := value(measured)) is not None:
            values.append(float(number))
            groups.append(f"{_dataset(picture)}/{picture['columns'].get('group') or picture['path']}")
    found = Bootstrap(**document["engine"]["bootstrap"]).mean(values, groups)
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _percent(count: int, total: int, estimate: Part | None) -> str:
    """The share that was counted, with the interval of the estimate."""
    if not total:
        return NONE
    share = f"{100 * count / total:.1f} %"
    if estimate is None or estimate["low"] is None:
        return share
    return f"{share} [{100 * estimate['low']:.1f}–{100 * estimate['high']:.1f}]"


def _flagged(measured: Part) -> bool | None:
    return None if measured["score"] is None else bool(measured["score"] > measured["threshold"])


def _dataset(picture: Part) -> str:
    return str(picture["columns"].get("dataset", ""))


def _untouched(picture: Part) -> bool:
    return picture["columns"]["kind"] in UNTOUCHED


def _tampered(picture: Part) -> bool:
    return bool(picture["columns"]["kind"] == "tampered")


def _used(picture: Part) -> bool:
    columns = picture["columns"]
    return columns["kind"] in ("tampered", "authentic") or columns.get("authentic_use") == "yes"
