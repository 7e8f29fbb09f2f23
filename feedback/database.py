"""The database: one write connection per process, every write transaction taken at its beginning."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from fakeshield_core.errors import StorageFull, StoreUnavailable
from feedback.durable import FULL

BUSY_S = 30
WAL_IS_SAFE_FROM = (3, 51, 3)  # before, two connections that write and checkpoint at once may damage the file
WRITER_LOCK = 0x6665656462  # key of the advisory lock that makes PostgreSQL writers queue as SQLite ones do
NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE")
NO_ROOM_POSTGRESQL = "53100"  # SQLSTATE disk_full
BUSY = "Somebody else is writing feedback and did not finish in time; try again in a minute."
DAMAGED = "The feedback database cannot be used; stop the app and run `python -m feedback restore`."


class Database:
    """A writer and readers on one database."""

    def __init__(self, url: URL) -> None:
        """Prepares the engines; nothing is opened yet.

        Raises:
            StoreUnavailable: the URL names a database this store does not run on, or its driver is missing.
        """
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise StoreUnavailable("FAKESHIELD_DATABASE_URL must begin with sqlite: or postgresql+psycopg:.")
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite and url.database in (None, "", ":memory:"):
            raise StoreUnavailable("FAKESHIELD_DATABASE_URL names no file; feedback is not kept in memory.")
        self.file = Path(url.database) if self.is_sqlite and url.database else None
        try:
            self._writer = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=BUSY_S)
            self._reader = create_engine(url)
        except ImportError as error:
            raise StoreUnavailable(f"The driver of {url.drivername} is missing; install it.") from error
        if self.is_sqlite:
            event.listen(self._writer, "connect", _set_up_writer)
            event.listen(self._writer, "begin", _begin_immediate)
            event.listen(self._reader, "connect", _set_up_reader)
            event.listen(self._reader, "begin", _begin)
        else:
            event.listen(self._writer, "begin", _queue_up)

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """One write transaction; leaving by an error rolls back.

        Raises:
            StorageFull: the disk has no room.
            StoreUnavailable: another writer took longer than 30 s, or the database is damaged.
        """
        with _translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            session.connection()  # takes the lock now, not at the first statement
            yield session

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """One read transaction on a connection that cannot write.

        Raises:
            StoreUnavailable: as `write`.
        """
        with _translated(), Session(self._reader) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def write_connection(self) -> Iterator[Connection]:
        """The same without a session, for migrations."""
        with _translated(), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def maintenance(self) -> Iterator[sqlite3.Connection | None]:
        """A connection outside any transaction, for VACUUM INTO and checks; None on PostgreSQL.

        Raises:
            StorageFull, StoreUnavailable: as `write`.
        """
        if self.file is None:
            yield None
            return
        try:
            with contextlib.closing(sqlite3.connect(self.file)) as connection:
                _set_up(connection)
                yield connection
        except sqlite3.Error as error:
            raise _read_error(error) from error

    def close(self) -> None:
        """Closes all connections; they open again when used."""
        self._writer.dispose()
        self._reader.dispose()


def open_url(url: str | None, folder: Path) -> URL:
    """The URL to use: as given, or SQLite inside the folder.

    Raises:
        StoreUnavailable: it cannot be read as an SQLAlchemy URL.
    """
    if url is None:
        return URL.create("sqlite", database=str((folder / "feedback.sqlite3").absolute()))
    try:
        return make_url(url)
    except exc.ArgumentError as error:
        raise StoreUnavailable(
            "FAKESHIELD_DATABASE_URL is not an SQLAlchemy URL; correct or unset it."
        ) from error


def journal_mode(sqlite_version: tuple[int, int, int]) -> str:
    """The journal that is safe with several writing processes."""
    return "WAL" if sqlite_version >= WAL_IS_SAFE_FROM else "TRUNCATE"


def _set_up_writer(connection: sqlite3.Connection, _record: object) -> None:
    _set_up(connection)
    connection.execute(f"PRAGMA journal_mode = {journal_mode(sqlite3.sqlite_version_info[:3])}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only unlinked


def _set_up_reader(connection: sqlite3.Connection, _record: object) -> None:
    _set_up(connection)
    connection.execute("PRAGMA query_only = ON")


def _set_up(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # the driver's own late BEGIN would leave reads outside the transaction
    connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA mmap_size = 0")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _queue_up(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreUnavailable(BUSY) from error
    except (exc.OperationalError, exc.DatabaseError) as error:
        if isinstance(error, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
            raise  # a mistake of ours, not of the disk
        raise _read_error(error.orig) from error


def _read_error(error: Any) -> StorageFull | StoreUnavailable:
    name = getattr(error, "sqlite_errorname", "")
    if name in NO_ROOM or getattr(error, "sqlstate", "") == NO_ROOM_POSTGRESQL:
        return StorageFull(FULL)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreUnavailable(BUSY)
    return StoreUnavailable(DAMAGED)
