"""The store's promises, one by one, on SQLite and, where it can be had, on PostgreSQL."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core.errors import FeedbackInvalid, MaskShapeMismatch, ReleaseRefused, StoreUnavailable
from fakeshield_core.imaging import decode_mask_png
from feedback.backup import backup, restore
from feedback.content import content_to_json
from feedback.events import Event, EventKind, new_uuid, plain, utc_now
from feedback.intake import take_in
from feedback.records import AdapterMove, ClaimRating, Consent, JsonObject, Rating, ReleaseRules
from feedback.releases import release_uuid
from feedback.runs import RunReport
from feedback.store import FeedbackStore
from feedback.verify import verify
from tests.feedback_fakes import ALL, ENGINE, EVERYONE, accepted, correction, mask, picture
from tests.feedback_postgresql import postgresql

RUNNING = RunReport("running", 1, None, {"step": 1})


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest) -> Iterator[Callable[[], str | None]]:
    """URLs of fresh databases of each kind; None is SQLite in the store's folder."""
    if request.param == "sqlite":
        yield lambda: None
        return
    with postgresql() as new_database:
        yield new_database


@pytest.fixture
def url(new_url: Callable[[], str | None]) -> str | None:
    return new_url()


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[FeedbackStore]:
    with FeedbackStore.open(tmp_path / "store", url) as opened:
        yield opened


def test_a_correction_comes_back_as_it_was_sent(store: FeedbackStore) -> None:
    sent = correction()
    receipt = store.save_correction(sent)
    assert (receipt.uuid, receipt.state, receipt.repeated) == (sent.client_uuid, "quarantined", False)
    item = store.case(receipt.code).item
    content, kept = item.content, item.content and item.content.kept
    assert content is not None and kept is not None
    assert (content.verdict, content.claim_ratings, content.overall_rating) == (
        "tampered",
        sent.claim_ratings,
        4,
    )
    assert (kept.prompts, kept.finding_kinds, kept.domain_tag) == (sent.prompts, ("splice",), "phone")
    assert (kept.rewritten_explanation, kept.seconds_spent) == (sent.rewritten_explanation, 31.5)
    assert (kept.contributor, kept.how_do_you_know) == ("heron-17", "made_the_edit")
    assert store.blob(str(item.picture_sha256)) == sent.picture.data
    assert np.array_equal(decode_mask_png(store.blob(str(item.mask_sha256))), mask())
    assert store.blob(str(item.analysis_sha256)) == b'{"id":"analysis-0","schema_version":1}'


def test_each_request_sent_three_times_is_one_row(store: FeedbackStore) -> None:
    sent = correction()
    receipts = [store.save_correction(sent) for _ in range(3)]
    assert len({receipt.code for receipt in receipts}) == 1
    assert [receipt.repeated for receipt in receipts] == [False, True, True]
    code = receipts[0].code
    rating = Rating(ENGINE, (ClaimRating("c1", "right"),), 5)
    move = AdapterMove("promotion", "abc", None, "ines", "better", "")
    uuids = [new_uuid() for _ in range(6)]
    for _ in range(3):
        store.rate(rating, uuids[0])
        store.review(code, "accept", "ines", "", uuids[1])
        store.change_consent(code, Consent(store=True), uuids[2])
        store.set_role("ines", "reviewer", "operator", uuids[3])
        store.record_move(move, uuids[4])
        store.decide_run(uuids[0], "accept", "ines", uuids[5])
    assert store.stats().events == 7
    assert (len(store.moves()), len(store.run_decisions()), len(store.items())) == (1, 1, 1)


def test_a_changed_retry_gets_the_first_receipt_and_changes_nothing(store: FeedbackStore) -> None:
    sent = correction()
    first = store.save_correction(sent)
    again = store.save_correction(dataclasses.replace(sent, verdict="inconclusive", mask=None))
    content = store.case(first.code).item.content
    assert (again.code, again.repeated) == (first.code, True)
    assert content is not None and content.verdict == "tampered"


def test_a_retry_that_has_only_its_uuid_left_finds_the_first_receipt(store: FeedbackStore) -> None:
    sent = correction()
    assert store.saved(sent.client_uuid) is None
    first = store.save_correction(sent)
    assert store.saved(sent.client_uuid.upper()) == dataclasses.replace(first, repeated=True)
    store.withdraw(first.code)
    found = store.saved(sent.client_uuid)
    assert found is not None and (found.code, found.state) == (first.code, "withdrawn")
    with pytest.raises(FeedbackInvalid, match="random UUID"):
        store.saved("../../etc/passwd")


def test_a_save_cut_off_before_its_rows_is_finished_by_its_uuid(store: FeedbackStore) -> None:
    sent = correction()
    event = Event(sent.client_uuid, "submission", utc_now(), content_to_json(take_in(sent).content))
    event = dataclasses.replace(event, item=sent.client_uuid, receipt="K7QF-2M9D-XR")
    store.journal.events.write_new(event)
    assert store.items() == []
    found = store.saved(sent.client_uuid)
    assert found is not None and (found.code, found.state) == ("K7QF-2M9D-XR", "quarantined")
    assert [item.uuid for item in store.items()] == [sent.client_uuid]


def test_a_request_id_used_for_something_else_is_refused(store: FeedbackStore) -> None:
    sent = correction()
    code = store.save_correction(sent).code
    with pytest.raises(FeedbackInvalid, match="used for something else"):
        store.review(code, "accept", "ines", "", sent.client_uuid)
    uuid = new_uuid()
    store.review(code, "reject", "ines", "", uuid)
    with pytest.raises(FeedbackInvalid, match="used for something else"):
        store.saved(uuid)
    with pytest.raises(FeedbackInvalid, match="used for something else"):
        store.save_correction(correction(client_uuid=uuid))
    assert store.case(code).item.state == "rejected"


def test_a_new_correction_supersedes_and_the_old_one_is_not_released(store: FeedbackStore) -> None:
    old, other = accepted(store, 2)
    new = store.save_correction(correction(0, supersedes=old.receipt, mask=mask(30)))
    assert store.case(old.receipt).item.state == "superseded"
    assert store.review(new.code, "accept", "ines").supersedes == old.uuid
    store.review(old.receipt, "accept", "ines")
    assert {line.uuid for line in store.create_release(EVERYONE).items} == {new.uuid, other.uuid}


def test_the_last_review_counts(store: FeedbackStore) -> None:
    code = store.save_correction(correction()).code
    assert store.review(code, "accept", "ines").state == "accepted"
    rejected = store.review(code, "reject", "omar", "the mask misses the shadow")
    assert rejected.state == "rejected"
    assert rejected.review is not None
    assert (rejected.review.reviewer, rejected.review.reason) == ("omar", "the mask misses the shadow")
    assert [item.receipt for item in store.items("rejected")] == [code]
    assert store.items("quarantined", "accepted") == []


def said_ahead(store: FeedbackStore, kind: EventKind, payload: JsonObject, item: str | None = None) -> None:
    """As it was recorded while the clock was 400 years ahead."""
    now = utc_now()
    ahead = f"{int(now[:4]) + 400}{now[4:]}"
    store.journal.record(Event(new_uuid(), kind, ahead, payload, item))


def test_consent_taken_back_stays_so_after_the_clock_went_back(store: FeedbackStore) -> None:
    receipt = store.save_correction(correction())
    said_ahead(store, "consent", plain(ALL), receipt.uuid)
    assert store.change_consent(receipt.code, Consent(store=True)).consent == Consent(store=True)
    assert store.change_consent(receipt.code, ALL).consent == ALL
    assert store.change_consent(receipt.code, Consent(store=True)).consent == Consent(store=True)


def test_the_last_review_counts_after_the_clock_went_back(store: FeedbackStore) -> None:
    receipt = store.save_correction(correction())
    said_ahead(store, "review", {"decision": "accept", "reviewer": "ines", "reason": ""}, receipt.uuid)
    assert store.case(receipt.code).item.state == "accepted"
    assert store.review(receipt.code, "reject", "omar").state == "rejected"
    assert store.review(receipt.code, "accept", "ines").state == "accepted"
    other = store.save_correction(correction(1))
    mark = store.review(other.code, "accept", "ines").review
    assert mark is not None and mark.created_at < utc_now()  # dates of other items stay true


def test_the_last_move_role_and_decision_count_after_the_clock_went_back(store: FeedbackStore) -> None:
    run = new_uuid()
    said_ahead(store, "role", {"person": "ines", "role": "operator", "by": "operator"})
    said_ahead(store, "decision", {"run": run, "decision": "accept", "by": "ines"})
    said_ahead(store, "promotion", {"adapter": "adapter-1", "release": 1, "by": "ines", "reason": ""})
    store.set_role("ines", "visitor", "operator")
    store.decide_run(run, "reject", "omar")
    store.record_move(AdapterMove("rollback", None, None, "omar", "false alarms", ""))
    assert store.role_of("ines") == "visitor"
    assert [decision.by for decision in store.run_decisions()] == ["ines", "omar"]
    assert [move.kind for move in store.moves()] == ["promotion", "rollback"]
    assert store.stats().champion is None


def test_roles_are_visitor_until_said_otherwise(store: FeedbackStore) -> None:
    assert store.role_of("ines") == "visitor"
    store.set_role("ines", "reviewer", "operator")
    store.set_role("ines", "operator", "operator")
    assert store.role_of("ines") == "operator"
    with pytest.raises(FeedbackInvalid):
        store.set_role("ines", "emperor", "operator")  # type: ignore[arg-type]


def test_a_mask_of_another_size_is_refused_and_nothing_is_kept(store: FeedbackStore) -> None:
    with pytest.raises(MaskShapeMismatch):
        store.save_correction(correction(mask=np.ones((3, 3), bool)))
    assert (store.items(), list(store.journal.blobs.digests())) == ([], [])


def test_releases_are_numbered_frozen_and_remember_their_splits(store: FeedbackStore) -> None:
    accepted(store, 10, people=10)
    first = store.create_release(ReleaseRules())
    assert (first.number, len(first.items), first.set_aside) == (1, 10, ())
    assert sum(line.split == "holdout" for line in first.items) == 3
    accepted(store, 20, people=10, first_seed=50)
    second = store.create_release(ReleaseRules())
    assert second.number == 2
    spots = {line.uuid: (line.group, line.split) for line in second.items}
    assert {line.uuid: (line.group, line.split) for line in first.items}.items() <= spots.items()
    assert sum(line.split == "holdout" for line in second.items) == 9
    assert store.releases() == [first, second]
    assert store.release(1) == first
    with pytest.raises(ReleaseRefused, match="no release 7"):
        store.release(7)


def test_a_release_without_enough_contributors_is_refused(store: FeedbackStore) -> None:
    with pytest.raises(ReleaseRefused, match="review the queue"):
        store.create_release(ReleaseRules())
    accepted(store, 6, people=3)
    with pytest.raises(ReleaseRefused, match=r"3 contributors.*needs 10"):
        store.create_release(ReleaseRules())
    assert store.releases() == []


def test_two_releases_at_once_get_two_numbers(store: FeedbackStore) -> None:
    accepted(store, 3)
    threads = [threading.Thread(target=store.create_release, args=(EVERYONE,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [release.number for release in store.releases()] == [1, 2, 3]


def test_nobody_takes_the_uuid_of_a_release(store: FeedbackStore) -> None:
    accepted(store, 1)
    for number in (1, 2):
        with pytest.raises(FeedbackInvalid, match="random UUID"):
            store.save_correction(correction(client_uuid=release_uuid(number)))
        with pytest.raises(FeedbackInvalid, match="random UUID"):
            store.saved(release_uuid(number))
    assert store.create_release(EVERYONE).number == 1


def test_a_release_passes_over_a_number_whose_uuid_was_taken_before(store: FeedbackStore) -> None:
    accepted(store, 1)
    for number in (1, 3):  # as a version before could be made to do
        store.review(store.items()[0].receipt, "accept", "ines", "", release_uuid(number))
    assert store.preview_release(EVERYONE).number == 2
    assert [store.create_release(EVERYONE).number for _ in range(2)] == [2, 4]
    assert [release.number for release in store.releases()] == [2, 4]


def test_a_lease_has_one_holder_and_fences_off_the_one_before(store: FeedbackStore) -> None:
    lease = store.take_lease("finetune", "first", 60)
    assert lease is not None
    assert store.take_lease("finetune", "second", 60) is None
    run = store.start_run(store.extend_lease(lease, 60), RUNNING)
    store.extend_lease(lease, 0)
    taken = store.take_lease("finetune", "second", 60)
    assert taken is not None and taken.fence == lease.fence + 1
    for late in (
        lambda: store.extend_lease(lease, 60),
        lambda: store.start_run(lease, RUNNING),
        lambda: store.update_run(lease, run.id, RUNNING),
    ):
        with pytest.raises(StoreUnavailable, match="taken over"):
            late()
    refused = RunReport("refused", 1, "adapter-9", {"why": "no gain"})
    assert store.update_run(taken, run.id, refused).state == "refused"
    assert [(r.state, r.adapter, r.detail) for r in store.runs()] == [
        ("refused", "adapter-9", {"why": "no gain"})
    ]
    with pytest.raises(StoreUnavailable, match="no run"):
        store.update_run(taken, new_uuid(), RUNNING)


def test_an_adapter_that_was_trained_but_not_promoted_saw_the_item_too(store: FeedbackStore) -> None:
    items = accepted(store, 3)
    store.create_release(EVERYONE)
    lease = store.take_lease("finetune", "a", 60)
    assert lease is not None
    store.start_run(lease, RunReport("refused", 1, "adapter-2", {}))
    assert store.case(items[0].receipt).adapters == ("adapter-2",)


def test_the_last_move_names_the_champion(store: FeedbackStore) -> None:
    assert store.stats().champion is None
    store.record_move(AdapterMove("promotion", "adapter-1", 1, "ines", "+4 points", ""))
    assert store.stats().champion == "adapter-1"
    store.record_move(AdapterMove("rollback", None, None, "omar", "false alarms", ""))
    assert store.stats().champion is None
    assert [(move.kind, move.by) for move in store.moves()] == [("promotion", "ines"), ("rollback", "omar")]


def test_stats_count_what_was_said(store: FeedbackStore) -> None:
    accepted(store, 3, people=2)
    store.save_correction(correction(9, consent=Consent(), overall_rating=2, verdict="no_tampering_found"))
    store.rate(Rating(ENGINE, (ClaimRating("c1", "wrong_place"),), 1))
    stats = store.stats()
    assert stats.items == {"accepted": 3, "ratings_only": 1}
    assert stats.verdicts == {"no_tampering_found": 1, "tampered": 3}
    assert stats.claim_ratings == {"not_there": 4, "right": 4, "wrong_place": 1}
    assert (stats.trainable, stats.contributors, stats.ratings, stats.mean_rating) == (3, 2, 5, 3.0)


def test_stats_pass_over_a_file_that_goes_while_they_count(store: FeedbackStore) -> None:
    store.save_correction(correction())
    before = store.stats()
    gone = store.journal.blobs.path("ab" * 32)
    gone.parent.mkdir(exist_ok=True)
    gone.symlink_to("nowhere")  # listed, but no longer there
    assert store.stats() == before


def test_restore_gives_the_same_store_from_events_and_blobs(tmp_path: Path, url: str | None) -> None:
    folder = tmp_path / "store"
    with FeedbackStore.open(folder, url) as store:
        items = accepted(store, 4)
        store.create_release(EVERYONE)
        store.set_role("ines", "reviewer", "operator")
        store.record_move(AdapterMove("promotion", "adapter-1", 1, "ines", "", ""))
        store.withdraw(items[0].receipt)
        before = (store.items(), store.releases(), store.moves(), store.stats())
    restore(folder, url)
    with FeedbackStore.open(folder, url) as store:
        assert (store.items(), store.releases(), store.moves(), store.stats()) == before
        assert store.role_of("ines") == "reviewer"
        assert verify(store).problems == ()


def test_restore_spares_a_database_that_alone_knows_an_event(tmp_path: Path, url: str | None) -> None:
    folder = tmp_path / "store"
    with FeedbackStore.open(folder, url) as store:
        code = store.save_correction(correction()).code
        uuid = next(store.journal.events.uuids())
        store.journal.events.path(uuid).unlink()
    if url is None:
        assert restore(folder).missing == (uuid,)
        return
    with pytest.raises(StoreUnavailable, match=r"\(1\) are in the database alone"):
        restore(folder, url)
    with FeedbackStore.open(folder, url) as store:
        assert store.case(code).item.state == "quarantined"


def test_a_backup_restores_on_an_empty_machine(tmp_path: Path, new_url: Callable[[], str | None]) -> None:
    with FeedbackStore.open(tmp_path / "here", new_url()) as store:
        accepted(store, 3)
        backup(store, tmp_path / "copy")
        before = (store.items(), store.stats())
    url = new_url()
    assert restore(tmp_path / "there", url, tmp_path / "copy").events == 6
    with FeedbackStore.open(tmp_path / "there", url) as store:
        assert (store.items(), store.stats()) == before
        assert store.blob(str(store.items()[0].picture_sha256)) == picture(0).data
        assert verify(store).problems == ()
