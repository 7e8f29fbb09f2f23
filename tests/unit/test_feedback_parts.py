"""The small parts of the store: receipts, files, events, what is taken in."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakeshield_core.domain import Click, Prompts
from fakeshield_core.errors import (
    FeedbackError,
    FeedbackInvalid,
    MaskShapeMismatch,
    SchemaTooNew,
    StorageFull,
    StoreUnavailable,
    UnknownReceipt,
)
from feedback.blobs import BlobFolder, digest_of
from feedback.durable import replace, write_new
from feedback.events import (
    Event,
    EventFiles,
    canonical,
    date_after,
    event_from_bytes,
    event_to_bytes,
    new_uuid,
    read_random_uuid,
    read_uuid,
    utc_now,
)
from feedback.intake import take_in
from feedback.receipts import ALPHABET, new_receipt, read_receipt
from feedback.records import ClaimRating
from feedback.releases import release_uuid
from tests.feedback_fakes import NOTHING, correction

EVENT = Event(
    "5c52a7a8-3ec5-4a44-8c26-5f41d1f8a001",
    "submission",
    "2026-11-25T10:00:00.000000Z",
    {"verdict": "tampered", "text": "überall"},
    item="5c52a7a8-3ec5-4a44-8c26-5f41d1f8a001",
    receipt="K7QF-2M9D-XR",
    blobs={"picture": "ab" * 32},
)


def test_receipts_are_readable_and_all_different() -> None:
    codes = {new_receipt() for _ in range(2000)}
    assert len(codes) == 2000
    assert all([len(part) for part in code.split("-")] == [4, 4, 2] for code in codes)
    assert set("".join(codes)) - {"-"} == set(ALPHABET)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("K7QF-2M9D-XR", "K7QF-2M9D-XR"),
        (" k7qf 2m9d xr ", "K7QF-2M9D-XR"),
        ("K7QF2M9DXR", "K7QF-2M9D-XR"),
        ("oilo-0000-00", "0110-0000-00"),
    ],
)
def test_a_typed_receipt_is_forgiven(typed: str, meant: str) -> None:
    assert read_receipt(typed) == meant


@pytest.mark.parametrize("typed", ["", "K7QF-2M9D-X", "K7QF-2M9D-XRR", "K7QF-2M9D-XU", "ТЕСТ-2M9D-XR"])
def test_what_is_no_receipt_is_refused(typed: str) -> None:
    with pytest.raises(UnknownReceipt, match="K7QF-2M9D-XR"):
        read_receipt(typed)


def trace_disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """What reaches the disk, in order: "fsync file", "link", "replace", "fsync folder"."""
    steps: list[str] = []
    fsync, link, rename = os.fsync, os.link, os.replace

    def record_fsync(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{descriptor}")
        steps.append("fsync folder" if is_folder else "fsync file")
        fsync(descriptor)

    def record(name: str, call: Any) -> Any:
        return lambda *paths: (steps.append(name), call(*paths))[1]

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "link", record("link", link))
    monkeypatch.setattr(os, "replace", record("replace", rename))
    return steps


def test_content_is_synced_before_its_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = trace_disk(monkeypatch, tmp_path)
    assert write_new(tmp_path / "a", b"1")
    assert steps == ["fsync file", "link", "fsync folder"]
    steps.clear()
    replace(tmp_path / "a", b"2")
    assert steps == ["fsync file", "replace", "fsync folder"]
    steps.clear()
    assert not write_new(tmp_path / "a", b"3")
    assert steps == ["fsync folder"]  # whoever wrote it may have died before doing so
    steps.clear()
    write_new(tmp_path / "new" / "b", b"4")
    assert steps == ["fsync folder", "fsync file", "link", "fsync folder"]
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["a", "new", "b"]
    assert (tmp_path / "a").read_bytes() == b"2"


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, StoreUnavailable)],
)
def test_a_disk_that_refuses_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[FeedbackError]
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(error, match="save again"):
        write_new(tmp_path / "a", b"1")
    assert list(tmp_path.iterdir()) == []


def test_the_first_writer_of_a_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _path: False)  # both looked before either wrote
    assert [write_new(tmp_path / "a", data) for data in (b"1", b"2")] == [True, False]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"1"]


def test_blobs_are_named_by_digest_and_checked_on_reading(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    digest = blobs.put(b"picture")
    assert (digest, blobs.put(b"picture"), list(blobs.digests())) == (digest_of(b"picture"), digest, [digest])
    assert blobs.read(digest) == b"picture"
    blobs.path(digest).write_bytes(b"Picture")
    with pytest.raises(StoreUnavailable, match="damaged"):
        blobs.read(digest)
    for name in ("", "../../../etc/passwd", digest.upper()):
        with pytest.raises(StoreUnavailable, match="not a digest"):
            blobs.read(name)


def test_an_event_comes_back_from_its_file(tmp_path: Path) -> None:
    events = EventFiles(tmp_path)
    assert events.read(EVENT.uuid) is None
    assert events.write_new(EVENT) == EVENT
    assert events.write_new(dataclasses.replace(EVENT, receipt="0000-0000-00")) == EVENT
    assert events.read(EVENT.uuid) == EVENT
    assert list(events.uuids()) == [EVENT.uuid]
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")] == [
        f"5c/{EVENT.uuid}.json"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:50],
        lambda data: b"",
        lambda data: b"[]",
        lambda data: data.replace(b"tampered", b"synthetic"),
        lambda data: data.replace(b"K7QF", b"K7QG"),
        lambda data: data.replace(b'"digest":"', b'"digest":"0'),
    ],
)
def test_a_torn_or_changed_event_file_is_damaged(change: Any) -> None:
    with pytest.raises(StoreUnavailable, match="damaged"):
        event_from_bytes(change(event_to_bytes(EVENT)))


def test_an_event_of_a_later_version_is_refused_and_unknown_fields_are_passed_over() -> None:
    def rewritten(**changes: Any) -> bytes:
        import json

        document = json.loads(event_to_bytes(EVENT)) | changes
        del document["digest"]
        return canonical(document | {"digest": digest_of(canonical(document))})

    assert event_from_bytes(rewritten(mood="good")) == EVENT
    with pytest.raises(SchemaTooNew):
        event_from_bytes(rewritten(schema=2))


@pytest.mark.parametrize("text", ["", "x", "../../etc/passwd", "5c52a7a8-3ec5-4a44-8c26", None, 7])
def test_what_is_no_uuid_is_refused(text: Any) -> None:
    with pytest.raises(FeedbackInvalid, match="UUID"):
        read_uuid(text)


@pytest.mark.parametrize(
    "named", ["00000000-0000-0000-0000-000000000000", "c2ef63f2-eb0e-11f1-943b-02fc00000001", release_uuid(1)]
)
def test_a_client_sends_random_uuids_only(named: str) -> None:
    assert read_uuid(named) == named
    with pytest.raises(FeedbackInvalid, match=r"send a random UUID \(version 4\)"):
        read_random_uuid(named)
    made = new_uuid()
    assert read_random_uuid(made.upper()) == made


def test_a_uuid_has_one_spelling() -> None:
    made = new_uuid()
    assert read_uuid(made.upper()) == read_uuid("{" + made + "}") == made


def test_dates_sort_as_time() -> None:
    dates = [utc_now() for _ in range(50)]
    assert dates == sorted(dates)
    assert {len(date) for date in dates} == {27}


def test_a_date_is_after_the_newest_one_even_where_the_clock_is_not() -> None:
    assert date_after("2126-12-31T23:59:59.999999Z") == "2127-01-01T00:00:00.000000Z"
    before = utc_now()
    assert before <= date_after(None) <= date_after(before) <= utc_now()


REFUSED: list[dict[str, Any]] = [
    {"verdict": "fake"},
    {"overall_rating": 0},
    {"overall_rating": 6},
    {"overall_rating": 2.5},
    {"overall_rating": True},
    {"claim_ratings": (ClaimRating("c1", "wrong"),)},  # type: ignore[arg-type]
    {"claim_ratings": (ClaimRating("c1", "right"), ClaimRating("c1", "not_there"))},
    {"claim_ratings": (ClaimRating("c" * 21, "right"),)},
    {"how_do_you_know": "heard it"},
    {"finding_kinds": ("magic",)},
    {"rewritten_explanation": "x" * 5001},
    {"rewritten_explanation": "a\0b"},
    {"rewritten_explanation": "\ud800"},
    {"contributor": "x" * 201},
    {"seconds_spent": float("nan")},
    {"seconds_spent": -1.0},
    {"prompts": Prompts(tuple(Click(0, 0, True) for _ in range(1001)))},
    {"analysis": {"score": float("nan")}},
]


@pytest.mark.parametrize("changes", REFUSED, ids=lambda changes: next(iter(changes)))
def test_what_cannot_be_kept_is_refused_by_name(changes: dict[str, Any]) -> None:
    with pytest.raises(FeedbackInvalid, match=r"[.]$"):
        take_in(correction(**changes))


@pytest.mark.parametrize("shape", [(48, 63), (64, 48), (1, 1)])
def test_a_mask_must_be_the_size_of_its_picture(shape: tuple[int, int]) -> None:
    with pytest.raises(MaskShapeMismatch):
        take_in(correction(mask=np.zeros(shape, bool)))


def test_without_store_nothing_but_ratings_is_taken_in() -> None:
    intake = take_in(correction(consent=NOTHING))
    assert (intake.content.kept, intake.blobs) == (None, {})
    assert {f.name for f in dataclasses.fields(intake.content)} == {
        "verdict", "engine", "claim_ratings", "overall_rating", "consent", "kept",
    }  # fmt: skip
