"""The operator's view of `/review` as HTML: lamps, the newest comparison, runs, champions. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Final

from fakeshield_core.domain import JsonValue
from feedback.records import AdapterMove, Run, Stats
from ui.words_operating import told

VIEW: Final = "operate"
GOAL_DAYS = 3  # in which a correction should be decided
LEAST_FREE = 5 * 1024**3  # bytes; below, the disk's lamp is late
SHOWN_RUNS = 20
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Operating:
    """What the page tells of."""

    stats: Stats
    waits_since: str | None  # ISO date of the oldest correction without a decision
    runs: Sequence[Run]  # newest first
    moves: Sequence[AdapterMove]  # oldest first
    engine: str | None  # that answers now; None: none is ready
    adapter: str | None  # it answers with
    problem: str | None  # why no engine is ready, or the one that answers lacks the champion
    free_bytes: int  # on the disk of the data folder
    now: datetime


def operate(found: Operating) -> str:
    """The whole view."""
    judged = next((run for run in found.runs if isinstance(run.detail.get("gate"), dict)), None)
    return "".join(
        (
            f'<div class="lamps">{"".join(_lamps(found))}</div>',
            "" if judged is None else _comparison(judged),
            _runs(found.runs),
            _champions(found.moves),
        )
    )


def _lamps(found: Operating) -> Iterable[str]:
    stats = found.stats
    size, free = (f"{each / 2**30:.1f}" for each in (stats.blob_bytes, found.free_bytes))
    yield _lamp(
        "lamp_store",
        told("store_events", n=f"{stats.events:,}"),
        told("store_room", size=size, free=free),
        is_late=found.free_bytes < LEAST_FREE,
    )
    waiting, days = stats.items.get("quarantined", 0), _days(found.waits_since, found.now)
    yield _lamp(
        "lamp_review",
        told("review_none") if days is None else told("review_days", days=f"{days:.1f}"),
        told("review_goal", goal=GOAL_DAYS, n=waiting),
        is_late=days is not None and days > GOAL_DAYS,
    )
    last = next(iter(found.runs), None)
    yield _lamp(
        "lamp_run",
        told("run_never") if last is None else told(f"run_is_{last.state}"),
        told("run_material", n=stats.trainable) if last is None else _day(last.updated_at),
        is_late=last is not None and last.state == "failed",
    )
    why = "" if found.problem is None else f". {found.problem}"
    is_other = found.engine is not None and found.adapter != stats.champion
    yield _lamp(
        "lamp_champion",
        stats.champion or told("base_alone"),
        told("engine_none") + why
        if found.engine is None
        else told("champion_not_in_use", used=found.adapter or told("base_alone")) + why
        if is_other
        else told("champion_in_use", engine=found.engine),
        is_late=is_other or found.engine is None,
    )


def _lamp(name: str, value: str, about: str, is_late: bool) -> str:
    state = "late" if is_late else "fine"
    words = f'<span class="lamp {state}">{escape(told(name))}<i> {escape(told(f"lamp_{state}"))}</i></span>'
    return f'<section class="lampbox card">{words}<b>{escape(value)}</b><p>{escape(about)}</p></section>'


def _comparison(run: Run) -> str:
    gate = run.detail["gate"]
    rows = list(_gate_rows(gate)) if isinstance(gate, dict) else []
    head = tuple(told(f"gate_{name}") for name in ("set", "size", "champion", "challenger", "change"))
    parent = run.detail.get("parent")
    title = told(
        "gate_title",
        adapter=run.adapter or run.id,
        champion=parent if isinstance(parent, str) else told("base_alone"),
    )
    sentence = str(run.detail.get("sentence") or "")
    return _card(title, f"<p>{escape(sentence)}</p>{_table(head, rows, numbers=(1, 2, 3))}")


def _gate_rows(gate: Mapping[str, JsonValue]) -> Iterable[Row]:
    target, base, domains = (_part(gate, name) for name in ("target", "base", "domains"))
    yield (
        told("gate_target"),
        _count(target, "groups"),
        _points(target),
        _points(target, "challenger"),
        _gain(target),
    )
    for name in sorted(domains):
        part = _part(domains, name)
        few = "" if part.get("gated") else " " + told("gate_few")
        yield name, _count(part, "groups"), "–", "–", _gain(part) + few
    yield told("gate_base"), _count(base, "pictures"), "–", "–", _gain(base)
    alarms, calibration = _part(gate, "alarms"), _part(gate, "calibration")
    yield (
        told("gate_alarms"),
        _count(alarms, "crops"),
        _share(alarms, "champion"),
        _share(alarms, "challenger"),
        "",
    )
    yield (
        told("gate_calibration"),
        "–",
        _share(calibration, "champion"),
        _share(calibration, "challenger"),
        "",
    )


def _part(of: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    part = of.get(name)
    return part if isinstance(part, dict) else {}


def _number(part: Mapping[str, JsonValue], name: str) -> float | None:
    value = part.get(name)
    return float(value) if isinstance(value, int | float) else None


def _count(part: Mapping[str, JsonValue], name: str) -> str:
    value = _number(part, name)
    return "–" if value is None else f"{value:.0f}"


def _points(part: Mapping[str, JsonValue], name: str = "champion") -> str:
    value = _number(part, name)
    return "–" if value is None else f"{value:.1f}"


def _share(part: Mapping[str, JsonValue], name: str) -> str:
    value = _number(part, name)
    return "–" if value is None else f"{100 * value:.1f} %"


def _gain(part: Mapping[str, JsonValue]) -> str:
    """Points gained with their 95 % interval."""
    mean, interval = _number(part, "mean"), part.get("interval")
    bounds = (
        [each for each in interval if isinstance(each, int | float)] if isinstance(interval, list) else []
    )
    return "–" if mean is None or len(bounds) != 2 else f"{mean:+.1f} [{bounds[0]:+.1f} … {bounds[1]:+.1f}]"


def _runs(runs: Sequence[Run]) -> str:
    if not runs:
        return _card(told("runs_heading"), f"<p>{escape(told('runs_empty'))}</p>")
    head = tuple(told(f"runs_{name}") for name in ("began", "took", "state", "release", "adapter", "outcome"))
    rows = [_run_row(run) for run in runs[:SHOWN_RUNS]]
    return _card(told("runs_heading"), _table(head, rows, numbers=(1, 3)))


def _run_row(run: Run) -> Row:
    state, release = told(f"run_is_{run.state}"), str(run.release or "–")
    return _day(run.created_at), _took(run), state, release, run.adapter or "–", _outcome(run)


def _outcome(run: Run) -> str:
    said = run.detail
    if run.state == "running":
        return told(
            "run_step", phase=said.get("phase"), step=said.get("step", "–"), steps=said.get("steps", "–")
        )
    return str(said.get("sentence") or "–")


def _took(run: Run) -> str:
    spent = datetime.fromisoformat(run.updated_at) - datetime.fromisoformat(run.created_at)
    return told("minutes", n=max(1, round(spent / timedelta(minutes=1))))


def _champions(moves: Sequence[AdapterMove]) -> str:
    how = f"<p>{escape(told('roll_back'))} <code>python -m finetune rollback</code></p>" if moves else ""
    if not moves:
        return _card(told("moves_heading"), f"<p>{escape(told('moves_empty'))}</p>")
    head = tuple(told(f"moves_{name}") for name in ("when", "adapter", "kind", "by", "reason"))
    rows = [
        (
            _day(move.created_at),
            move.adapter or told("base_alone"),
            told(f"move_{move.kind}"),
            move.by,
            move.reason,
        )
        for move in reversed(moves[-SHOWN_RUNS:])
    ]
    return _card(told("moves_heading"), _table(head, rows) + how)


def _card(title: str, body: str) -> str:
    return f'<section class="card told"><h2>{escape(title)}</h2>{body}</section>'


def _table(head: Row, rows: Sequence[Row], numbers: Sequence[int] = ()) -> str:
    """A table that scrolls within its card; the columns of `numbers` end at the right."""
    kinds = [' class="n"' if at in numbers else "" for at in range(len(head))]
    heads = "".join(f"<th{kind}>{escape(word)}</th>" for kind, word in zip(kinds, head, strict=True))
    lines = "".join(
        f"<tr>{''.join(f'<td{kind}>{escape(word)}</td>' for kind, word in zip(kinds, row, strict=True))}</tr>"
        for row in rows
    )
    return (
        f'<div class="scrolls" tabindex="0" role="region" aria-label="{escape(", ".join(head))}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _days(since: str | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - datetime.fromisoformat(since)) / timedelta(days=1))


def _day(date: str) -> str:
    return date[:16].replace("T", " ") + " UTC"
