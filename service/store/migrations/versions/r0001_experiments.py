"""The first tables: experiments and their log, what was recorded, and its sums."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

number = BigInteger().with_variant(Integer, "sqlite")


def _all(kind: type[TypeEngine[Any]], names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names.split()]


def upgrade() -> None:
    """Make all tables."""
    op.create_table("secrets", *_all(Text, "name value"), PrimaryKeyConstraint("name"))
    op.create_table("generation", *_all(Integer, "id"), *_all(BigInteger, "value"), PrimaryKeyConstraint("id"))
    op.execute("INSERT INTO generation (id, value) VALUES (1, 0)")
    op.create_table(
        "experiments",
        *_all(Text, "name"),
        *_all(Integer, "revision since"),
        *_all(Text, "state reason definition"),
        *_all(Double, "changed_at"),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "log",
        Column("id", number, primary_key=True),
        *_all(Text, "experiment"),
        *_all(Integer, "revision"),
        *_all(Double, "at"),
        *_all(Text, "actor what detail"),
        sqlite_autoincrement=True,
    )
    op.create_index("log_of_experiment", "log", ["experiment", "id"])
    op.create_table(
        "predictions",
        *_all(Text, "id experiment"),
        *_all(Integer, "revision"),
        *_all(Text, "arm version unit"),
        *_all(Double, "at"),
        Column("label", Text),
        Column("score", Double),
        *_all(Double, "ms"),
        *_all(Integer, "status"),
        *_all(Boolean, "override first"),
        PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("predictions_by_time", "predictions", ["experiment", "at"])
    op.create_table(
        "shadows",
        *_all(Text, "prediction_id experiment"),
        *_all(Integer, "revision"),
        *_all(Text, "served arm version label"),
        *_all(Double, "score ms at"),
        PrimaryKeyConstraint("prediction_id", "arm"),
        sqlite_with_rowid=False,
    )
    op.create_index("shadows_by_time", "shadows", ["experiment", "at"])
    op.create_table(
        "exposures",
        *_all(Text, "experiment"),
        *_all(Integer, "revision"),
        *_all(Text, "unit arm"),
        PrimaryKeyConstraint("experiment", "revision", "unit"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feedback",
        Column("number", number, primary_key=True),
        *_all(Text, "prediction_id experiment"),
        *_all(Integer, "revision"),
        *_all(Text, "arm label truth"),
        *_all(Boolean, "right"),
        Column("metric", Double),
        *_all(Double, "at served_at"),
        *_all(Integer, "minute"),
        *_all(Boolean, "override"),
        UniqueConstraint("prediction_id", name="feedback_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("feedback_of_experiment", "feedback", ["experiment", "number"])
    op.create_table(
        "texts",
        *_all(Text, "prediction_id experiment unit text"),
        *_all(Double, "expires"),
        PrimaryKeyConstraint("prediction_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("texts_of_unit", "texts", ["experiment", "unit"])
    op.create_index("texts_by_time", "texts", ["expires"])
    op.create_table(
        "totals",
        *_all(Text, "experiment"),
        *_all(Integer, "revision"),
        *_all(Text, "arm"),
        *_all(Integer, "minute"),
        *_all(BigInteger, "requests errors units predictions"),
        *_all(Double, "ms ms_squared"),
        *_all(BigInteger, "labels right metrics"),
        *_all(Double, "metric metric_squared"),
        PrimaryKeyConstraint("experiment", "revision", "arm", "minute"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shadow_totals",
        *_all(Text, "experiment"),
        *_all(Integer, "revision"),
        *_all(Text, "served arm"),
        *_all(Integer, "minute"),
        *_all(BigInteger, "pairs differing"),
        *_all(Double, "served_ms served_ms_squared ms ms_squared ms_product"),
        PrimaryKeyConstraint("experiment", "revision", "served", "arm", "minute"),
        sqlite_with_rowid=False,
    )
