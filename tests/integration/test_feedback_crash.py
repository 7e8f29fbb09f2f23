"""Writers killed at random moments, requests sent again, full disks: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import wait
from pathlib import Path

import pytest
import sqlalchemy

from fakeshield_core.errors import StorageFull, StoreUnavailable
from feedback.blobs import BlobFolder
from feedback.events import Event, EventFiles, new_uuid, utc_now
from feedback.store import FeedbackStore, lock_folder
from feedback.verify import verify
from tests.feedback_drill import WRITERS, acknowledged, drill
from tests.feedback_fakes import correction

ROOT = Path(__file__).resolve().parents[2]


def test_killed_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    report = drill(tmp_path, kills=42, seed=1)
    assert report.kills >= 40
    assert min(report.acknowledged.values()) > 0
    assert (report.lost, report.duplicates, report.changed_receipts) == ([], [], [])
    assert report.verification.problems == ()


def test_page_finetune_and_command_line_write_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.feedback_drill"])
    logs = {(kind, copy): tmp_path / f"{kind}-{copy}.log" for kind in WRITERS for copy in range(2)}
    processes = [
        context.Process(target=WRITERS[kind], args=(tmp_path, log), daemon=True)
        for (kind, _), log in logs.items()
    ]
    for process in processes:
        process.start()
    until = time.monotonic() + 60
    while not all(len(acknowledged(log)) >= 3 for log in logs.values()) and time.monotonic() < until:
        assert not wait([process.sentinel for process in processes], timeout=0.05), "a writer ended by itself"
    for process in processes:
        process.kill()
        process.join()
    assert all(len(acknowledged(log)) >= 3 for log in logs.values())
    with FeedbackStore.open(tmp_path / "feedback") as store:
        assert verify(store).problems == ()
        items = {item.receipt: item.uuid for item in store.items()}
    acks = acknowledged(logs["page", 0]) + acknowledged(logs["page", 1])
    assert all(items[code] == uuid for uuid, code, _ in acks)
    with contextlib.closing(sqlite3.connect(tmp_path / "feedback/feedback.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_two_people_at_once_both_get_their_own_receipt(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        sent = [correction(seed) for seed in range(8)]
        with ThreadPoolExecutor(8) as people:
            answers = list(people.map(store.save_correction, sent))
        assert len({answer.code for answer in answers}) == 8
        assert {item.uuid for item in store.items()} == {one.client_uuid for one in sent}


def test_one_request_from_two_connections_at_once_is_one_item(tmp_path: Path) -> None:
    sent = correction()
    with FeedbackStore.open(tmp_path) as first, FeedbackStore.open(tmp_path) as second:
        with ThreadPoolExecutor(8) as people:
            answers = list(people.map(lambda store: store.save_correction(sent), [first, second] * 4))
        assert len({answer.code for answer in answers}) == 1
        assert sorted(answer.repeated for answer in answers) == [False] + [True] * 7
        assert len(first.items()) == 1


def test_event_without_a_row_gets_it_on_opening(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        item = store.save_correction(correction())
        lost = Event(
            new_uuid(), "review", utc_now(), {"decision": "accept", "reviewer": "a", "reason": ""}, item.uuid
        )
        store.journal.events.write_new(lost)
        assert store.case(item.code).item.state == "quarantined"
        assert verify(store).problems == (f"Event {lost.uuid}: has a file, but no row.",)
    with FeedbackStore.open(tmp_path) as store:
        assert store.case(item.code).item.state == "accepted"
        assert verify(store).problems == ()


def test_retry_after_a_crash_before_the_row_gives_the_first_receipt(tmp_path: Path) -> None:
    sent = correction()
    with FeedbackStore.open(tmp_path / "whole") as whole:
        first = whole.save_correction(sent)
        event = whole.journal.events.read(sent.client_uuid)
    assert event is not None
    with FeedbackStore.open(tmp_path / "cut") as cut:
        cut.journal.events.write_new(event)  # its blobs are not there either
        again = cut.save_correction(sent)
        assert (again.code, again.repeated) == (first.code, True)
        assert cut.blob(event.blobs["picture"]) == sent.picture.data
        assert verify(cut).problems == ()


def test_full_disk_is_said_and_keeps_what_was_there(tmp_path: Path) -> None:
    code = f"""
import resource, sys
from pathlib import Path
from feedback.store import FeedbackStore
from fakeshield_core.errors import StorageFull
from tests.feedback_fakes import correction
store = FeedbackStore.open(Path({str(tmp_path)!r}))
kept = store.save_correction(correction(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
try:
    store.save_correction(correction(2, client_uuid="5c52a7a8-3ec5-4a44-8c26-5f41d1f8a001"))
except StorageFull as error:
    print(kept.code, error)
"""
    for limit in (1000, 60_000):  # no room for the picture; room for files, none in the database
        said = subprocess.run(
            [sys.executable, "-c", code, str(limit)], capture_output=True, text=True, cwd=ROOT, check=True
        ).stdout
        assert "has no room" in said
        with FeedbackStore.open(tmp_path) as store:
            assert store.case(said.split()[0]).item.state == "quarantined"
            report = verify(store)
            assert (report.problems, report.leftovers) == ((), 0)


def test_full_database_is_said_and_the_same_request_succeeds_later(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        kept = store.save_correction(correction(1))
        sent = correction(2, rewritten_explanation="x" * 5000, prompts=correction().prompts)
        with store.journal.database.write_connection() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        _limit_pages(store, pages or 0)
        with pytest.raises(StorageFull, match="no room"):
            store.save_correction(sent)
        assert [item.receipt for item in store.items()] == [kept.code]
        _limit_pages(store, 1_000_000)
        assert store.save_correction(sent).repeated
        assert verify(store).problems == ()


def test_restore_and_app_rule_each_other_out(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path), pytest.raises(StoreUnavailable, match="in use"):
        lock_folder(tmp_path, exclusive=True)
    with lock_folder(tmp_path, exclusive=True), pytest.raises(StoreUnavailable, match="restore is running"):
        FeedbackStore.open(tmp_path)


def _limit_pages(store: FeedbackStore, pages: int) -> None:
    """SQLite answers "database or disk is full" beyond; the limit belongs to the one write connection."""
    with store.journal.database.write_connection() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_save_reaches_the_disk_as_blobs_then_event_then_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    link, fsync = os.link, os.fsync

    def record_link(source: Path, target: Path) -> None:
        steps.append(Path(target).parent.parent.name)
        link(source, target)

    def record_fsync(descriptor: int) -> None:
        steps.append("fsync")
        fsync(descriptor)

    def record_sql(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        steps.extend(word for word in ("BEGIN IMMEDIATE", "INSERT INTO event ") if statement.startswith(word))

    with FeedbackStore.open(tmp_path) as store:
        monkeypatch.setattr(os, "link", record_link)
        monkeypatch.setattr(os, "fsync", record_fsync)
        sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", record_sql)
        try:
            store.save_correction(correction())
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", record_sql)
    named = [step for step in steps if step != "fsync"]
    assert named == ["blobs", "blobs", "blobs", "BEGIN IMMEDIATE", "events", "INSERT INTO event "]
    locked = steps[steps.index("BEGIN IMMEDIATE") :]
    # of the small event file and its folder, which may be new; blobs are synced before the lock
    assert locked.count("fsync") <= 4
    assert steps.count("fsync") - locked.count("fsync") >= 6


def test_a_picture_deleted_while_it_is_saved_again_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FeedbackStore.open(tmp_path) as mine, FeedbackStore.open(tmp_path) as other:
        waiting = deletes_after_put(monkeypatch, other)
        receipt = mine.save_correction(correction(0))
        assert mine.blob(str(mine.case(receipt.code).item.picture_sha256)) == correction(0).picture.data
        assert (verify(mine).problems, waiting) == ((), [])


def test_a_save_killed_after_its_event_leaves_all_files_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_new = EventFiles.write_new

    def killed_after(events: EventFiles, event: Event) -> Event:
        kept = write_new(events, event)
        if event.kind == "submission":
            raise KeyboardInterrupt
        return kept

    with FeedbackStore.open(tmp_path) as mine, FeedbackStore.open(tmp_path) as other:
        waiting = deletes_after_put(monkeypatch, other)
        with monkeypatch.context() as killing, pytest.raises(KeyboardInterrupt):
            killing.setattr(EventFiles, "write_new", killed_after)
            mine.save_correction(correction(0))
        assert waiting == []
    with FeedbackStore.open(tmp_path) as again:
        assert [item.state for item in again.items()] == ["withdrawn", "quarantined"]
        assert verify(again).problems == ()


def deletes_after_put(monkeypatch: pytest.MonkeyPatch, other: FeedbackStore) -> list[str]:
    """The other store deletes its item of the same picture when that is put and not yet in use."""
    put, sent = BlobFolder.put, correction(0)
    waiting = [other.save_correction(sent).code]

    def then_deleted(blobs: BlobFolder, data: bytes) -> str:
        digest = put(blobs, data)
        if data == sent.picture.data and waiting:
            other.withdraw(waiting.pop())
            assert not blobs.has(digest)
        return digest

    monkeypatch.setattr(BlobFolder, "put", then_deleted)
    return waiting


def test_a_deletion_spares_files_of_an_event_that_has_come_to_the_disk_meanwhile(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "whole") as whole:
        sent = whole.save_correction(correction(0, client_uuid="5c52a7a8-3ec5-4a44-8c26-5f41d1f8a001"))
        late = whole.journal.events.read(sent.uuid)
    assert late is not None
    with FeedbackStore.open(tmp_path / "cut") as cut:
        first = cut.save_correction(correction(0))
        replay = cut.journal.replay

        def then_late() -> int:
            done = replay()
            cut.journal.events.write_new(late)  # its writer is killed before it comes to the rows
            return done

        cut.journal.replay = then_late  # type: ignore[method-assign]
        cut.withdraw(first.code)
    with FeedbackStore.open(tmp_path / "cut") as again:
        assert verify(again).problems == ()
        assert again.blob(late.blobs["picture"]) == correction(0).picture.data
