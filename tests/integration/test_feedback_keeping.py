"""Damage is found, backups spread neither damage nor deleted items, old stores open and newer do not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from fakeshield_core.errors import SchemaTooNew, StoreUnavailable
from feedback import migrations
from feedback.backup import backup, restore
from feedback.database import journal_mode
from feedback.events import EventFiles
from feedback.store import FeedbackStore
from feedback.tables import Base
from feedback.verify import verify
from tests.feedback_fakes import accepted, correction

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "feedback_v1"


def change_row(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "feedback.sqlite3")) as connection:
        connection.execute("UPDATE item SET verdict = 'no_tampering_found'")
        connection.commit()


def change_event_row(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "feedback.sqlite3")) as connection:
        connection.execute("UPDATE event SET file_sha256 = '0'")
        connection.commit()


def remove_event_row(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "feedback.sqlite3")) as connection:
        connection.execute("DELETE FROM event WHERE kind = 'submission'")
        connection.commit()


def change_event(folder: Path) -> None:
    path = next((folder / "events").rglob("*.json"))
    path.write_bytes(
        path.read_bytes().replace(b'"accept"', b'"reject"').replace(b'"tampered"', b'"synthetic"')
    )


def tear_event(folder: Path) -> None:
    path = next((folder / "events").rglob("*.json"))
    path.write_bytes(path.read_bytes()[:100])


def remove_event(folder: Path) -> None:
    next((folder / "events").rglob("*.json")).unlink()


def change_blob(folder: Path) -> None:
    path = next(path for path in (folder / "blobs").rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes() + b" ")


def remove_blob(folder: Path) -> None:
    next(path for path in (folder / "blobs").rglob("*") if path.is_file()).unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change_row, "does not say what its submission says"),
        (change_event_row, "row and file differ"),
        (remove_event_row, "refers to a row of event that is not there"),
        (change_event, "is damaged"),
        (tear_event, "is damaged"),
        (remove_event, "has a row, but no sound file"),
        (change_blob, "is damaged"),
        (remove_blob, "in use, but not there"),
    ],
)
def test_verify_finds_each_damage(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    with FeedbackStore.open(tmp_path) as store:
        accepted(store, 1)
        assert verify(store).problems == ()
        damage(tmp_path)
        assert any(said in problem for problem in verify(store).problems)


def test_a_damaged_event_keeps_neither_the_app_from_opening_nor_the_old_database_from_staying(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FeedbackStore.open(tmp_path) as store:
        accepted(store, 2)
        tear_event(tmp_path)
    report = restore(tmp_path)
    assert len(report.damaged) == 1
    assert "is left out" in caplog.text
    assert len(list(tmp_path.glob("replaced-*-feedback.sqlite3"))) == 1


def test_a_database_that_alone_knows_an_event_stays_until_its_file_is_back(tmp_path: Path) -> None:
    here, copy = tmp_path / "here", tmp_path / "copy"
    with FeedbackStore.open(here) as store:
        items = accepted(store, 2)
        backup(store, copy)
        remove_event(here)
        lost = {*EventFiles(copy / "events").uuids()} - {*store.journal.events.uuids()}
    assert restore(here).missing == tuple(lost)
    kept = sorted(here.glob("replaced-*"))
    with closing(sqlite3.connect(kept[0])) as connection:
        assert lost < {uuid for (uuid,) in connection.execute("SELECT uuid FROM event")}
    assert restore(here, source=copy).missing == ()
    assert sorted(here.glob("replaced-*")) == kept
    with FeedbackStore.open(here) as store:
        assert store.items() == items


def test_restore_rebuilds_a_destroyed_database(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        items = accepted(store, 2)
    (tmp_path / "feedback.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreUnavailable, match="feedback restore"):
        FeedbackStore.open(tmp_path)
    assert restore(tmp_path).unread
    with FeedbackStore.open(tmp_path) as store:
        assert store.items() == items
    assert list(tmp_path.glob("replaced-*.sqlite3"))  # nobody can say what it alone knew


def test_backup_copies_what_is_new_and_forgets_what_was_deleted(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "here") as store:
        items = accepted(store, 2, people=2)
        first = backup(store, tmp_path / "copy")
        assert (first.events, first.removed_blobs) == (4, 0)
        store.withdraw(items[0].receipt)
        store.save_correction(correction(5))
        second = backup(store, tmp_path / "copy")
        assert (second.events, second.blobs, second.removed_blobs) == (4, 2, 2)  # two erased, two new
    copied = b"".join(path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())
    assert b"person-0" not in copied  # the contributor of the deleted item
    assert b"heron-17" in copied
    with closing(sqlite3.connect(tmp_path / "copy/feedback.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (3,)


@pytest.mark.parametrize("where", ["store", "store/copy", "store/events/..", "link/copy", "database"])
def test_backup_into_the_store_itself_is_refused_and_changes_nothing(tmp_path: Path, where: str) -> None:
    folder, elsewhere = tmp_path / "store", tmp_path / "database"
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(folder)
    with FeedbackStore.open(folder, f"sqlite:///{elsewhere / 'feedback.sqlite3'}") as store:
        accepted(store, 1)
        store.journal.blobs.put(b"of a save that is under way")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(StoreUnavailable, match="folder outside it"):
            backup(store, tmp_path / where)
        assert sorted(tmp_path.rglob("*")) == before
        assert backup(store, tmp_path / "store-copy").events == 2


def test_backup_of_a_lost_disk_takes_nothing_from_the_copy(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "here") as store:
        items = accepted(store, 2)
        backup(store, tmp_path / "copy")
    shutil.rmtree(tmp_path / "here")
    with FeedbackStore.open(tmp_path / "here") as store:
        assert backup(store, tmp_path / "copy").removed_blobs == 0
    restore(tmp_path / "here", source=tmp_path / "copy")
    with FeedbackStore.open(tmp_path / "here") as store:
        assert store.items() == items


def test_backup_leaves_damaged_files_out_and_says_so(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "here") as store:
        accepted(store, 1)
        change_blob(tmp_path / "here")
        tear_event(tmp_path / "here")
        report = backup(store, tmp_path / "copy")
    assert sorted(name.split()[0] for name in report.damaged) in (["blob", "event"], ["event"])


def test_restore_from_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no backup"):
        restore(tmp_path / "here", source=tmp_path / "nothing")


def test_a_store_of_the_first_version_opens(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN, tmp_path / "store")
    with FeedbackStore.open(folder) as store:
        assert verify(store).problems == ()
        assert {state: store.stats().items[state] for state in ("accepted", "quarantined", "withdrawn")} == {
            "accepted": 2, "quarantined": 1, "withdrawn": 1,
        }  # fmt: skip
        assert store.release(1).manifest_sha256 == (GOLDEN / "manifest_sha256.txt").read_text().strip()
        before = (store.items(), store.stats())
    restore(folder)
    with FeedbackStore.open(folder) as store:
        assert (store.items(), store.stats()) == before


def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    FeedbackStore.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = (tmp_path / "feedback.sqlite3").read_bytes()
    with pytest.raises(SchemaTooNew, match="9999"):
        FeedbackStore.open(tmp_path)
    assert (tmp_path / "feedback.sqlite3").read_bytes() == before


def test_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert tuple(step.revision for step in scripts.walk_revisions())[::-1] == migrations.REVISIONS
    with FeedbackStore.open(tmp_path) as store:
        assert not migrations.migrate(store.journal.database)
        with store.journal.database.write_connection() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []


def test_connections_are_set_up_for_durability(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path) as store:
        with store.journal.database.write_connection() as connection:
            read = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("synchronous", "foreign_keys", "busy_timeout", "secure_delete", "journal_mode")
            }
        with store.journal.database.read() as session, pytest.raises(Exception, match="readonly"):
            session.connection().exec_driver_sql("DELETE FROM item")
    assert read.pop("journal_mode") == journal_mode(sqlite3.sqlite_version_info[:3]).lower()
    assert read == {"synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000, "secure_delete": 1}


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 40, 1), "TRUNCATE"), ((3, 51, 2), "TRUNCATE"), ((3, 51, 3), "WAL"), ((4, 0, 0), "WAL")],
)
def test_wal_is_used_only_where_its_bug_is_mended(version: tuple[int, int, int], mode: str) -> None:
    assert journal_mode(version) == mode


def test_deletion_reaches_the_write_ahead_log_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sqlite3, "sqlite_version_info", (3, 51, 3, 0)
    )  # one process: its old bug cannot strike
    with FeedbackStore.open(tmp_path) as store:
        code = store.save_correction(correction()).code
        assert b"heron was pasted" in (tmp_path / "feedback.sqlite3-wal").read_bytes()
        store.withdraw(code)
        left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"heron was pasted" not in left


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "nonsense", "oracle+thin://x", "sqlite://", "sqlite:///:memory:"]
)
def test_a_database_it_does_not_run_on_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreUnavailable, match="FAKESHIELD_DATABASE_URL"):
        FeedbackStore.open(tmp_path, url)
