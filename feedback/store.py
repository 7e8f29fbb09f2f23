"""FeedbackStore: the only door to what people said. One method is one transaction; rows do not leave it."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self, cast, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from fakeshield_core.errors import FeedbackInvalid, ReleaseRefused, StoreUnavailable
from feedback import runs, views
from feedback.content import content_to_json
from feedback.database import Database, open_url
from feedback.durable import ensure_folder, translated
from feedback.events import (
    Event,
    EventKind,
    date_after,
    new_uuid,
    plain,
    read_random_uuid,
    read_uuid,
    utc_now,
)
from feedback.intake import check_consent, check_ratings, check_text, take_in
from feedback.journal import Journal
from feedback.migrations import migrate
from feedback.projection import newest_date
from feedback.receipts import new_receipt, read_receipt
from feedback.records import (
    AdapterMove,
    Case,
    Consent,
    Correction,
    Decision,
    Item,
    ItemState,
    JsonObject,
    Lease,
    Rating,
    Receipt,
    Release,
    ReleaseRules,
    Role,
    Run,
    RunDecision,
    Stats,
    Withdrawal,
)
from feedback.releases import draw_release, release_from_json, release_to_json, release_uuid
from feedback.runs import RunReport
from feedback.tables import ItemRow, RoleRow

FOLDER = "feedback"  # inside data_dir
LOCK = "store.lock"
ANSWERED = "This request id was used for something else; send a new random UUID."


class FeedbackStore:
    """What people said, in a folder of event files and blobs, with a database beside them.

    Safe for several threads and several processes at once. After `os.fork`, open a new one.

    Every method that saves takes `request_uuid`: a retry with the same one saves nothing twice. What a method
    has returned from is on the disk: blobs, event file and rows.
    """

    def __init__(self, folder: Path, journal: Journal, lock: BinaryIO) -> None:
        self.folder = folder
        self._journal = journal
        self._database = journal.database
        self._lock = lock

    @classmethod
    def open(cls, folder: Path, database_url: str | None = None) -> Self:
        """Opens the store, making it where it is not there, and finishes what dead processes left undone.

        Args:
            folder: on a local disk.
            database_url: an SQLAlchemy URL; None is SQLite inside the folder.

        Raises:
            SchemaTooNew: a later version wrote it.
            StorageFull, StoreUnavailable: the disk, or a restore that is running.
        """
        ensure_folder(folder)
        database = Database(open_url(database_url, folder))
        lock = lock_folder(folder, exclusive=False)
        try:
            migrate(database)
            journal = Journal(folder, database)
            journal.replay()
            journal.finish_erasures()
        except BaseException:
            database.close()
            lock.close()
            raise
        return cls(folder, journal, lock)

    def close(self) -> None:
        """Closes database connections and lets a restore begin."""
        self._database.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def journal(self) -> Journal:
        """Files and database, for backup and verification."""
        return self._journal

    def save_correction(self, correction: Correction) -> Receipt:
        """Keeps what the consent allows and gives the receipt; the first one again where this is a retry.

        Raises:
            FeedbackInvalid, MaskShapeMismatch: it cannot be kept as it is.
            UnknownReceipt: `supersedes` is the receipt of nothing.
            StorageFull, StoreUnavailable: not acknowledged; send it again with the same UUID.
        """
        uuid = read_random_uuid(correction.client_uuid)
        intake = take_in(correction)
        supersedes = None
        if correction.supersedes is not None and correction.consent.store:
            supersedes = self._find(correction.supersedes).uuid
        draft = Event(
            uuid=uuid,
            kind="submission",
            created_at=utc_now(),
            payload=content_to_json(intake.content),
            item=uuid,
            receipt=self._unused_receipt(),
            supersedes=None if supersedes == uuid else supersedes,
        )
        kept = self._journal.record(draft, intake.blobs)
        return self._receipt(kept, repeated=kept.receipt != draft.receipt)

    def saved(self, client_uuid: str) -> Receipt | None:
        """The receipt of a correction that was saved under this UUID, None where none was.

        For a retry when nothing of the correction but its UUID is left.

        Raises:
            FeedbackInvalid: this is no random UUID, or it was used for something else.
            StoreUnavailable: the event file is damaged.
        """
        kept = self._journal.find(read_random_uuid(client_uuid))
        return None if kept is None else self._receipt(kept, repeated=True)

    def rate(self, rating: Rating, request_uuid: str | None = None) -> None:
        """Keeps a rating of an explanation that comes without a correction.

        Raises:
            FeedbackInvalid: a rating is no known word, or not 1 to 5.
        """
        check_ratings(rating.claim_ratings, rating.overall_rating)
        self._say("rating", plain(rating), request_uuid)

    def change_consent(self, receipt: str, consent: Consent, request_uuid: str | None = None) -> Item:
        """Gives or takes back *train* and *publish*. To take back *store*, withdraw.

        Raises:
            UnknownReceipt: no such item.
            FeedbackInvalid: the item was never stored, or *store* is taken back.
        """
        item = self._find(receipt)
        check_consent(consent)
        if not consent.store or not item.consent.store:
            raise FeedbackInvalid(
                "Only the use of a stored picture can be changed; to take it back, delete it by its receipt."
            )
        self._say("consent", plain(consent), request_uuid, item.uuid)
        return self._find(receipt)

    def withdraw(self, receipt: str, request_uuid: str | None = None) -> Withdrawal:
        """Deletes an item for good: content, picture, mask, reviews. Its ids and dates stay.

        Raises:
            UnknownReceipt: no such item.
        """
        item = self._find(receipt)
        if item.state != "withdrawn":
            self._say("withdrawal", {}, request_uuid, item.uuid)
        self._journal.erase(item.uuid)
        case = self.case(receipt)
        return Withdrawal(item.receipt, case.releases, case.adapters)

    def case(self, receipt: str) -> Case:
        """What became of an item.

        Raises:
            UnknownReceipt: no such item.
        """
        code = read_receipt(receipt)
        with self._database.read() as session:
            row = views.known(views.row_of(session, code))
            numbers = views.releases_with(session, row.uuid)
            return Case(views.item_of(session, row), numbers, views.adapters_from(session, numbers))

    def items(self, *states: ItemState, most: int | None = None) -> list[Item]:
        """Items in these states (none given: in any), oldest first; all of them or the first `most`."""
        with self._database.read() as session:
            return views.items_in(session, states or get_args(ItemState), most=most)

    def blob(self, sha256: str) -> bytes:
        """A picture, mask or analysis by the digest an item names.

        Raises:
            StoreUnavailable: it is missing or damaged.
        """
        return self._journal.blobs.read(sha256)

    def review(
        self,
        receipt: str,
        decision: Decision,
        reviewer: str,
        reason: str = "",
        request_uuid: str | None = None,
    ) -> Item:
        """Accepts or rejects an item; the last review counts. Who may review is the caller's to check.

        Raises:
            UnknownReceipt: no such item.
            FeedbackInvalid: the item is withdrawn or holds nothing to review.
        """
        item = self._find(receipt)
        if item.state in ("withdrawn", "ratings_only"):
            raise FeedbackInvalid(f"{item.receipt} holds nothing to review; choose another item.")
        if decision not in get_args(Decision):
            raise FeedbackInvalid("A review is accept or reject.")
        check_text("reviewer", reviewer)
        check_text("reason", reason, 1000)
        said: JsonObject = {"decision": decision, "reviewer": reviewer, "reason": reason}
        self._say("review", said, request_uuid, item.uuid)
        return self._find(receipt)

    def set_role(self, person: str, role: Role, by: str, request_uuid: str | None = None) -> None:
        """Says what a person may do from now on.

        Raises:
            FeedbackInvalid: there is no such role.
        """
        if role not in get_args(Role):
            raise FeedbackInvalid(f"A role is one of {', '.join(get_args(Role))}.")
        check_text("name", person)
        check_text("name", by)
        self._say("role", {"person": person, "role": role, "by": by}, request_uuid)

    def role_of(self, person: str) -> Role:
        """What a person may do: "visitor" where nothing was said."""
        with self._database.read() as session:
            row = session.get(RoleRow, person)
            return "visitor" if row is None else cast("Role", row.role)

    def preview_release(self, rules: ReleaseRules) -> Release:
        """The release that `create_release` would freeze now.

        Raises:
            ReleaseRefused: there is nothing to release.
        """
        with self._database.read() as session:
            accepted = views.items_in(session, ("accepted",), only_train=True)
            earlier = views.places(session)
            number = views.next_release_number(session)
        items, aside = draw_release(accepted, earlier, rules)
        draft = Release(
            number=number,
            created_at=utc_now(),
            manifest_sha256="",
            items=items,
            set_aside=aside,
            max_share=rules.max_share,
            holdout_share=rules.holdout_share,
            frozen_pictures=len(rules.frozen_hashes),
        )
        return release_from_json(release_to_json(draft))

    def create_release(self, rules: ReleaseRules) -> Release:
        """Freezes accepted items that may train into the next release.

        Raises:
            ReleaseRefused: there is nothing to release.
        """
        while True:
            draft = self.preview_release(rules)
            manifest = release_to_json(draft)
            uuid = release_uuid(draft.number)  # two at once: one file, one winner
            kept = self._journal.record(Event(uuid, "release", draft.created_at, manifest))
            if kept.payload == manifest:
                return draft

    def releases(self) -> list[Release]:
        """All releases, by number."""
        with self._database.read() as session:
            return views.releases(session)

    def release(self, number: int) -> Release:
        """One release.

        Raises:
            ReleaseRefused: there is no such release.
        """
        found = [release for release in self.releases() if release.number == number]
        if not found:
            raise ReleaseRefused(f"There is no release {number}; `python -m feedback stats` counts them.")
        return found[0]

    def withdrawn_among(self, uuids_of_items: Sequence[str]) -> set[str]:
        """Which of these items were deleted since; they are gone from exports too."""
        with self._database.read() as session:
            query = select(ItemRow.uuid).where(ItemRow.state == "withdrawn")
            return set(session.scalars(query)) & set(uuids_of_items)

    def record_move(self, move: AdapterMove, request_uuid: str | None = None) -> None:
        """Says that the champion pointer was moved: a promotion or a rollback. `created_at` is set here."""
        said = plain(move)
        del said["kind"], said["created_at"]
        self._say(move.kind, said, request_uuid)

    def moves(self) -> list[AdapterMove]:
        """Promotions and rollbacks, oldest first; the last one names the champion."""
        with self._database.read() as session:
            return views.moves(session)

    def decide_run(self, run: str, decision: Decision, by: str, request_uuid: str | None = None) -> None:
        """A person's decision about a run that waits for approval; the retraining process acts on it."""
        if decision not in get_args(Decision):
            raise FeedbackInvalid("A decision is accept or reject.")
        check_text("name", by)
        self._say("decision", {"run": read_uuid(run), "decision": decision, "by": by}, request_uuid)

    def run_decisions(self) -> list[RunDecision]:
        """Decisions about runs, oldest first."""
        with self._database.read() as session:
            return views.decisions(session)

    def take_lease(self, name: str, holder: str, seconds: float) -> Lease | None:
        """The right to be the only one for some seconds; None while another holder's has not run out."""
        with self._database.write() as session:
            return runs.take_lease(session, name, holder, time.time(), seconds)

    def extend_lease(self, lease: Lease, seconds: float) -> Lease:
        """The heartbeat; with `seconds` 0 the lease ends.

        Raises:
            StoreUnavailable: somebody else has taken it since.
        """
        with self._database.write() as session:
            return runs.extend_lease(session, lease, time.time(), seconds)

    def start_run(self, lease: Lease, report: RunReport) -> Run:
        """A new run record.

        Raises:
            StoreUnavailable: somebody else has taken the lease since.
        """
        with self._fenced(lease) as session:
            return runs.add_run(session, report)

    def update_run(self, lease: Lease, run: str, report: RunReport) -> Run:
        """What a run says now.

        Raises:
            StoreUnavailable: somebody else has taken the lease since, or there is no such run.
        """
        with self._fenced(lease) as session:
            return runs.update_run(session, run, report)

    def runs(self, newest: int = 20) -> list[Run]:
        """The newest runs, newest first."""
        with self._database.read() as session:
            return list(runs.all_runs(session, newest))

    def stats(self) -> Stats:
        """The store in numbers."""
        sizes = list(self._journal.blobs.sizes())
        with self._database.read() as session:
            return views.stats(session, sizes)

    def purge(self) -> tuple[int, int]:
        """Finishes erasures; removes blobs nothing refers to and temporary files, both older than an hour.

        Returns:
            How many blobs, how many temporary files.
        """
        self._journal.finish_erasures()
        return self._journal.sweep()

    def _find(self, receipt: str) -> Item:
        code = read_receipt(receipt)
        with self._database.read() as session:
            return views.item_of(session, views.known(views.row_of(session, code)))

    def _receipt(self, kept: Event, repeated: bool) -> Receipt:
        if kept.kind != "submission":
            raise FeedbackInvalid(ANSWERED)
        with self._database.read() as session:
            state = session.get_one(ItemRow, kept.uuid).state
        code = cast("str", kept.receipt)
        return Receipt(code, kept.uuid, cast("ItemState", state), kept.created_at, repeated)

    def _unused_receipt(self) -> str:
        with self._database.read() as session:
            while views.row_of(session, code := new_receipt()) is not None:
                pass
        return code

    def _say(
        self, kind: EventKind, payload: JsonObject, request_uuid: str | None, item: str | None = None
    ) -> None:
        """Records an event dated after every acknowledged one about the same: the last date counts."""
        uuid = new_uuid() if request_uuid is None else read_uuid(request_uuid)
        with self._database.read() as session:
            newest = newest_date(session, item)
        kept = self._journal.record(Event(uuid, kind, date_after(newest), payload, item))
        if (kept.kind, kept.item) != (kind, item):
            raise FeedbackInvalid(ANSWERED)

    @contextlib.contextmanager
    def _fenced(self, lease: Lease) -> Iterator[Session]:
        with self._database.write() as session:
            runs.check_lease(session, lease)
            yield session


def lock_folder(folder: Path, exclusive: bool) -> BinaryIO:
    """Holds the folder, with others or alone, until what is returned is closed.

    Raises:
        StoreUnavailable: somebody holds it in a way that rules this out.
    """
    with translated(folder / LOCK):
        file = (folder / LOCK).open("ab")
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        who = "The store is in use; stop the app first" if exclusive else "A restore is running; wait for it"
        raise StoreUnavailable(f"{who}, then try again.") from error
    return file
