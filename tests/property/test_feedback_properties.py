"""What holds for any feedback: it reads back as stored, and rows do not depend on the order of events."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fakeshield_core.domain import Click, Prompts
from feedback.content import content_from_json, content_to_json
from feedback.database import Database, open_url
from feedback.events import Event, canonical, event_from_bytes, event_to_bytes, utc_now
from feedback.journal import Journal
from feedback.migrations import migrate
from feedback.receipts import new_receipt, read_receipt
from feedback.records import (
    AdapterMove,
    ClaimRating,
    Consent,
    Content,
    EngineDigests,
    Item,
    Kept,
    ReleaseRules,
)
from feedback.store import FeedbackStore
from tests.feedback_fakes import accepted, correction

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
PIXEL = st.integers(0, 12_000)
CLAIMS = st.lists(
    st.builds(ClaimRating, TEXT, st.sampled_from(["right", "wrong_place", "not_there", "cannot_tell"])),
    max_size=4,
).map(tuple)
PROMPTS = st.builds(
    Prompts,
    st.lists(st.builds(Click, PIXEL, PIXEL, st.booleans()), max_size=5).map(tuple),
    st.none() | st.tuples(PIXEL, PIXEL, PIXEL, PIXEL),
)
KEPT = st.builds(
    Kept,
    analysis_id=TEXT,
    width=PIXEL,
    height=PIXEL,
    format=st.sampled_from(["JPEG", "PNG"]),
    perceptual_hash=st.integers(0, 2**64 - 1),
    mask_area=st.none() | st.floats(0, 1),
    how_do_you_know=st.sampled_from(["made_the_edit", "guess"]),
    finding_kinds=st.lists(st.sampled_from(["splice", "removal"]), max_size=3).map(tuple),
    domain_tag=st.none() | TEXT,
    prompts=PROMPTS,
    rewritten_explanation=st.none() | TEXT,
    seconds_spent=st.floats(0, 1e6),
    contributor=st.none() | TEXT,
)
CONTENT = st.builds(
    Content,
    verdict=st.sampled_from(["tampered", "no_tampering_found"]),
    engine=st.builds(EngineDigests, TEXT, TEXT, TEXT, st.none() | TEXT),
    claim_ratings=CLAIMS,
    overall_rating=st.none() | st.integers(1, 5),
    consent=st.builds(Consent, st.booleans(), st.booleans(), st.booleans()),
    kept=st.none() | KEPT,
)


@given(CONTENT)
def test_content_reads_back_as_it_was_stored(content: Content) -> None:
    document = content_to_json(content)
    assert content_from_json(document) == content
    assert content_from_json(json.loads(canonical(document))) == content


@given(CONTENT, TEXT)
def test_an_event_file_reads_back_as_it_was_written(content: Content, text: str) -> None:
    event = Event(
        "5c52a7a8-3ec5-4a44-8c26-5f41d1f8a001",
        "review",
        utc_now(),
        {"c": content_to_json(content), "t": text},
    )
    assert event_from_bytes(event_to_bytes(event)) == event


@given(st.text("-_ \t", max_size=3), st.booleans())
def test_a_receipt_is_read_however_it_is_spaced(between: str, lower: bool) -> None:
    code = new_receipt()
    typed = between.replace("_", " ").join(code.replace("-", ""))
    assert read_receipt(typed.lower() if lower else typed) == code


@cache
def history() -> tuple[tuple[Event, ...], tuple[Item, ...]]:
    """Events of every kind as a store wrote them, and its items in the end."""
    with tempfile.TemporaryDirectory() as folder, FeedbackStore.open(Path(folder)) as store:
        items = accepted(store, 3)
        store.review(items[0].receipt, "reject", "ines", "blurred")
        store.change_consent(items[1].receipt, Consent(store=True))
        newer = store.save_correction(correction(1, supersedes=items[1].receipt))
        store.save_correction(correction(4, consent=Consent()))
        store.set_role("ines", "reviewer", "operator")
        store.set_role("ines", "visitor", "operator")
        store.create_release(ReleaseRules(max_share=1.0))
        store.record_move(AdapterMove("promotion", "a", 1, "ines", "", ""))
        store.review(newer.code, "accept", "ines")
        store.withdraw(items[2].receipt)
        events = [store.journal.events.read(uuid) for uuid in store.journal.events.uuids()]
        return tuple(event for event in events if event is not None), tuple(store.items())


@settings(max_examples=12, deadline=None)
@given(st.permutations(range(16)), st.integers(1, 16))
def test_rows_are_the_same_in_whatever_order_events_arrive(order: list[int], first_batch: int) -> None:
    events, items = history()
    assert len(events) == 16
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(open_url(None, folder))
        migrate(database)
        journal = Journal(folder, database)
        for index in order[:first_batch]:
            journal.record(events[index])
        for index in order[first_batch:]:
            journal.events.write_new(events[index])
        journal.record(events[order[0]])
        database.close()
        with FeedbackStore.open(folder) as store:
            assert tuple(without_blobs(item) for item in store.items()) == tuple(map(without_blobs, items))
            assert (store.role_of("ines"), len(store.releases()), len(store.moves())) == ("visitor", 1, 1)


def without_blobs(item: Item) -> tuple[object, ...]:
    return (item.uuid, item.receipt, item.state, item.consent, item.content, item.review, item.supersedes)
