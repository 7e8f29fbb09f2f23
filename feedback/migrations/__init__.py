"""Schema steps, applied under the write lock on opening. Released steps are never changed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from fakeshield_core.errors import SchemaTooNew
from feedback.database import Database

REVISIONS = ("0001",)  # oldest first; a test compares them with the steps


def migrate(database: Database) -> bool:
    """Brings the schema up to date; False where it was.

    Raises:
        SchemaTooNew: a later version made this database; it is not touched.
    """
    with database.write_connection() as connection:
        found = None
        if inspect(connection).has_table("alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found not in REVISIONS:
            raise SchemaTooNew(
                f"The feedback database has schema {found}, made by a later version; update the app."
            )
        if found == REVISIONS[-1]:
            return False
        from alembic import command  # a third of a second, and only needed when there is something to do
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True
