"""Bringing a database to the schema that this code knows; the one module that needs Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 4_270_013  # any number: workers and machines that start together migrate one after the other


def scripts() -> Config:
    """Return where Alembic finds the migrations, without any file of settings."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: Connection) -> None:
    """Run the migrations that a database lacks, in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = scripts()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
