"""`stats`, `verify` and `migrate`: what is in the store, and whether it is sound."""

from __future__ import annotations

import argparse

from fakeshield_core.commands.outcome import Outcome
from feedback.events import plain
from feedback.migrations import REVISIONS
from feedback.store import FeedbackStore
from feedback.verify import verify


def stats(_args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """The store in numbers."""
    numbers = store.stats()
    states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in numbers.items.items())
    mean = "" if numbers.mean_rating is None else f", {numbers.mean_rating:.1f} on average"
    lines = [
        f"corrections: {sum(numbers.items.values())} ({states or 'none yet'})",
        f"may train: {numbers.trainable}",
        f"contributors: {numbers.contributors}",
        f"ratings of explanations: {numbers.ratings}{mean}",
        f"releases: {numbers.releases}",
        f"champion: {numbers.champion or 'the base alone'}",
        f"events: {numbers.events}, last {numbers.last_event_at or 'never'}",
        f"files: {numbers.blobs}, {numbers.blob_bytes / 1e6:.1f} MB",
    ]
    return Outcome("\n".join(lines), plain(numbers))


def check(_args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """Every row against its file, every file against its digest; a problem is a complaint."""
    report = verify(store)
    text = (
        f"{report.events} events, {report.items} corrections and {report.blobs} files read: "
        f"{len(report.problems) or 'no'} problems"
    )
    return Outcome(text, plain(report), report.problems)


def migrate(_args: argparse.Namespace, _store: FeedbackStore) -> Outcome:
    """Opening the store has brought the schema up to date; says which one it is."""
    return Outcome(f"The schema is {REVISIONS[-1]}, up to date.", {"schema": REVISIONS[-1]})
