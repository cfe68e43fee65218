"""Brings a gallery's database to the newest schema, with the migrations shipped in the package."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from indexer.errors import GalleryMismatchError

HEAD = "0002"
"""The newest migration; a writer refuses a database of a newer release."""


def upgrade(engine: Engine) -> None:
    """Run every migration that the database lacks, in one transaction each.

    Raises:
        GalleryMismatchError: a newer release wrote the database.
    """
    with engine.connect() as connection:
        found = schema_revision(connection)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise GalleryMismatchError(
                f"{engine.url.database} was written by a newer release (schema {found}, this one "
                f"knows {HEAD}); use that release"
            )
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def schema_revision(connection: Connection) -> str | None:
    """Return the migration that a database has reached; None for an empty one."""
    known = text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if connection.execute(known).first() is None:
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
