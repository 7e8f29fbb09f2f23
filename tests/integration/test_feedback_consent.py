"""What Save keeps and what deletion leaves, judged by every byte on the disk."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fakeshield_core.errors import FeedbackInvalid, UnknownReceipt
from fakeshield_core.imaging import encode_mask_png
from fakeshield_core.similarity import perceptual_hash
from feedback.blobs import digest_of
from feedback.events import Event, EventFiles
from feedback.records import Consent, Correction
from feedback.store import FeedbackStore
from feedback.verify import verify
from tests.feedback_fakes import ALL, EVERYONE, NOTHING, accepted, correction, mask, picture


def everything_on(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def traces(sent: Correction) -> dict[str, bytes]:
    """What could give away the picture, the mask or the person's words."""
    marked = mask() if sent.mask is None else sent.mask
    hashed = perceptual_hash(sent.picture.rgb)
    return {
        "picture": sent.picture.data[60:120],
        "picture digest": sent.picture.facts.sha256[:16].encode(),
        "perceptual hash": f"{hashed:016x}".encode(),
        "perceptual hash as a number": str(hashed).encode(),
        "mask": encode_mask_png(marked)[30:60],
        "mask digest": digest_of(encode_mask_png(marked))[:16].encode(),
        "free text": b"heron was pasted",
        "contributor": b"heron-17",
        "analysis": sent.analysis_id.encode(),
        "clicks": b'"clicks"',
        "box": b"box_xyxy",
        "kind of forgery": b"splice",
        "domain": b"phone",
        "how known": b"made_the_edit",
    }


def found(folder: Path, sent: Correction) -> set[str]:
    content = everything_on(folder)
    return {name for name, trace in traces(sent).items() if trace in content}


def test_the_search_finds_every_trace_of_a_stored_correction(tmp_path: Path) -> None:
    sent = correction()
    with FeedbackStore.open(tmp_path) as store:
        store.save_correction(sent)
        assert found(tmp_path, sent) == set(traces(sent)) - {"perceptual hash as a number"}


def test_without_store_only_verdict_ratings_claim_ids_and_engine_are_on_disk(tmp_path: Path) -> None:
    sent = correction(consent=NOTHING)
    with FeedbackStore.open(tmp_path) as store:
        code = store.save_correction(sent).code
        item = store.case(code).item
        assert found(tmp_path, sent) == set()
        assert list(store.journal.blobs.digests()) == []
    assert found(tmp_path, sent) == set()
    assert item.state == "ratings_only"
    assert item.content is not None
    assert (item.content.verdict, item.content.overall_rating) == ("tampered", 4)
    assert item.content.claim_ratings == sent.claim_ratings
    assert item.content.engine == sent.engine
    assert item.content.kept is None


@pytest.mark.parametrize("consent", [Consent(train=True), Consent(publish=True), Consent(False, True, True)])
def test_training_and_publishing_need_the_stored_picture(tmp_path: Path, consent: Consent) -> None:
    with FeedbackStore.open(tmp_path) as store, pytest.raises(FeedbackInvalid, match="keeping the picture"):
        store.save_correction(correction(consent=consent))


def test_an_item_without_store_is_never_reviewed_or_released(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        code = store.save_correction(correction(consent=NOTHING)).code
        with pytest.raises(FeedbackInvalid, match="nothing to review"):
            store.review(code, "accept", "operator")
        with pytest.raises(FeedbackInvalid, match="stored picture"):
            store.change_consent(code, ALL)


def test_only_items_that_may_train_are_released(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        free = accepted(store, 3)
        kept = accepted(store, 2, first_seed=10, consent=Consent(store=True, publish=True))
        taken_back = store.change_consent(free[0].receipt, Consent(store=True))
        assert (taken_back.consent, taken_back.state) == (Consent(store=True), "accepted")
        store.change_consent(kept[0].receipt, ALL)
        released = {line.uuid for line in store.create_release(EVERYONE).items}
    assert released == {free[1].uuid, free[2].uuid, kept[0].uuid}


def test_deletion_leaves_ids_and_dates_and_nothing_else(tmp_path: Path) -> None:
    sent = correction()
    with FeedbackStore.open(tmp_path) as store:
        receipt = store.save_correction(sent)
        store.review(receipt.code, "reject", "ines", "the heron was pasted elsewhere")
        done = store.withdraw(receipt.code.lower().replace("-", " "))
        assert (done.receipt, done.releases) == (receipt.code, ())
        assert found(tmp_path, sent) == set()
        assert b"ines" not in everything_on(tmp_path)
        item = store.case(receipt.code).item
        assert (item.uuid, item.state, item.created_at) == (receipt.uuid, "withdrawn", receipt.created_at)
        assert (item.content, item.review, item.picture_sha256, item.consent) == (None, None, None, NOTHING)
        assert verify(store).problems == ()
        assert store.withdraw(receipt.code) == done
        again = store.save_correction(sent)
        assert (again.code, again.state) == (receipt.code, "withdrawn")
        assert found(tmp_path, sent) == set()
    with FeedbackStore.open(tmp_path) as store:
        assert store.case(receipt.code).item == item


def test_deletion_keeps_a_picture_that_another_item_uses(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        mine, theirs = store.save_correction(correction()), store.save_correction(correction())
        store.withdraw(mine.code)
        other = store.case(theirs.code).item
        assert store.blob(str(other.picture_sha256)) == picture().data
        store.withdraw(theirs.code)
        assert list(store.journal.blobs.digests()) == []


def test_a_picture_stays_that_another_saves_while_its_item_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion comes between the look whether the picture is there and the event that needs it."""
    with FeedbackStore.open(tmp_path) as mine, FeedbackStore.open(tmp_path) as other:
        first = other.save_correction(correction()).code
        write_new, deleting = EventFiles.write_new, list[threading.Thread]()

        def late(self: EventFiles, event: Event) -> Event:
            if event.kind == "submission" and not deleting:
                deleting.append(threading.Thread(target=other.withdraw, args=(first,)))
                deleting[0].start()
                deleting[0].join(0.5)
            return write_new(self, event)

        monkeypatch.setattr(EventFiles, "write_new", late)
        second = mine.save_correction(correction()).code
        deleting[0].join(60)
        assert verify(mine).problems == ()
        assert mine.case(first).item.state == "withdrawn"
        picture = mine.case(second).item.picture_sha256
        assert picture is not None and mine.blob(picture)


def test_deletion_that_was_cut_off_is_finished_on_opening(tmp_path: Path) -> None:
    sent = correction()
    with FeedbackStore.open(tmp_path) as store:
        receipt = store.save_correction(sent)
        store._say("withdrawal", {}, None, receipt.uuid)  # killed right after the tombstone
        assert "picture" in found(tmp_path, sent)
        assert store.case(receipt.code).item.content is None  # hidden at once all the same
    FeedbackStore.open(tmp_path).close()
    assert found(tmp_path, sent) == set()


def test_deletion_reaches_a_damaged_event_file_too(tmp_path: Path) -> None:
    sent = correction()
    with FeedbackStore.open(tmp_path) as store:
        receipt = store.save_correction(sent)
        path = store.journal.events.path(receipt.uuid)
        path.write_bytes(path.read_bytes()[:-10])
        store.withdraw(receipt.code)
        assert found(tmp_path, sent) == set()
        assert verify(store).problems == ()


def test_purge_removes_old_files_of_dead_writers_only(tmp_path: Path) -> None:
    import os
    import time

    with FeedbackStore.open(tmp_path) as store:
        kept = store.save_correction(correction(1))
        orphan = store.journal.blobs.path(store.journal.blobs.put(b"picture whose event never came"))
        torn = orphan.with_name(".x.123.tmp")
        torn.write_bytes(b"half a pic")
        assert store.purge() == (0, 0)
        for path in tmp_path.rglob("*"):
            if path.is_file() and path.parent.parent.name == "blobs":
                os.utime(path, (time.time() - 4000,) * 2)
        assert store.purge() == (1, 1)
        assert not orphan.exists() and not torn.exists()
        assert store.blob(str(store.case(kept.code).item.picture_sha256)) == picture(1).data


def test_deletion_names_the_releases_and_adapters_that_saw_the_item(tmp_path: Path) -> None:
    from feedback.records import AdapterMove

    with FeedbackStore.open(tmp_path) as store:
        items = accepted(store, 4)
        store.create_release(EVERYONE)
        store.record_move(AdapterMove("promotion", "adapter-1", 1, "ines", "better", ""))
        store.record_move(AdapterMove("promotion", "adapter-0", None, "ines", "elsewhere", ""))
        done = store.withdraw(items[0].receipt)
        assert (done.releases, done.adapters) == ((1,), ("adapter-1",))
        assert items[0].uuid not in {line.uuid for line in store.create_release(EVERYONE).items}


@pytest.mark.parametrize("code", ["K7QF-2M9D-XR", "", "K7QF", "../../etc/passwd", "K7QF-2M9D-X!"])
def test_unknown_receipts_are_refused(tmp_path: Path, code: str) -> None:
    with FeedbackStore.open(tmp_path) as store, pytest.raises(UnknownReceipt, match="receipt"):
        store.withdraw(code)
