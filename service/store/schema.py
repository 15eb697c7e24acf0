"""The tables, as the newest migration leaves them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

REVISIONS = ("0001",)  # of the schema, oldest first: a database at any other was migrated by a newer version

metadata = MetaData()
number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only what it calls INTEGER


def _key(*names: str) -> list[Column[str]]:
    return [Column(name, Text, primary_key=True) for name in names]


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _floats(*names: str) -> list[Column[float]]:
    return [Column(name, Double, nullable=False) for name in names]


def _counts(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _revision(*, key: bool = False) -> Column[int]:
    return Column("revision", Integer, primary_key=key, nullable=False, autoincrement=False)


def _minute() -> Column[int]:
    return Column("minute", Integer, primary_key=True, autoincrement=False)  # unix time / 60


secrets = Table("secrets", metadata, *_key("name"), *_texts("value"))
generation = Table(
    "generation", metadata, Column("id", Integer, primary_key=True, autoincrement=False), *_counts("value")
)
experiments = Table(
    "experiments",
    metadata,
    *_key("name"),
    _revision(),
    Column("since", Integer, nullable=False),  # the revision that brought this definition
    *_texts("state", "reason", "definition"),
    *_floats("changed_at"),
)
log = Table(
    "log",
    metadata,
    Column("id", number, primary_key=True),
    *_texts("experiment"),
    _revision(),
    *_floats("at"),
    *_texts("actor", "what", "detail"),
    Index("log_of_experiment", "experiment", "id"),
    sqlite_autoincrement=True,
)
predictions = Table(
    "predictions",
    metadata,
    *_key("id"),
    *_texts("experiment"),
    _revision(),
    *_texts("arm", "version", "unit"),
    *_floats("at"),
    Column("label", Text),
    Column("score", Double),
    *_floats("ms"),
    Column("status", Integer, nullable=False),
    Column("override", Boolean, nullable=False),
    Column("first", Boolean, nullable=False),
    Index("predictions_by_time", "experiment", "at"),
    sqlite_with_rowid=False,  # the key is a text: kept once, and not beside a number that nobody asks for
)
shadows = Table(
    "shadows",
    metadata,
    *_key("prediction_id"),
    *_texts("experiment"),
    _revision(),
    *_texts("served"),
    *_key("arm"),
    *_texts("version", "label"),
    *_floats("score", "ms", "at"),
    Index("shadows_by_time", "experiment", "at"),
    sqlite_with_rowid=False,
)
exposures = Table(
    "exposures",
    metadata,
    *_key("experiment"),
    _revision(key=True),
    *_key("unit"),
    *_texts("arm"),
    sqlite_with_rowid=False,
)
feedback = Table(
    "feedback",
    metadata,
    Column("number", number, primary_key=True),  # the order of their commits within an experiment
    *_texts("prediction_id", "experiment"),
    _revision(),
    *_texts("arm", "label", "truth"),
    Column("right", Boolean, nullable=False),
    Column("metric", Double),
    *_floats("at", "served_at"),
    Column("minute", Integer, nullable=False),
    Column("override", Boolean, nullable=False),
    UniqueConstraint("prediction_id", name="feedback_once"),
    Index("feedback_of_experiment", "experiment", "number"),
    sqlite_autoincrement=True,
)
texts = Table(
    "texts",
    metadata,
    *_key("prediction_id"),
    *_texts("experiment", "unit", "text"),
    *_floats("expires"),
    Index("texts_of_unit", "experiment", "unit"),
    Index("texts_by_time", "expires"),
    sqlite_with_rowid=False,
)
# Sums of the rows above a minute, kept up in the transactions that write them, so that no report scans rows.
totals = Table(
    "totals",
    metadata,
    *_key("experiment"),
    _revision(key=True),
    *_key("arm"),
    _minute(),
    *_counts("requests", "errors", "units", "predictions"),
    *_floats("ms", "ms_squared"),
    *_counts("labels", "right", "metrics"),
    *_floats("metric", "metric_squared"),
    sqlite_with_rowid=False,
)
shadow_totals = Table(
    "shadow_totals",
    metadata,
    *_key("experiment"),
    _revision(key=True),
    *_key("served", "arm"),
    _minute(),
    *_counts("pairs", "differing"),
    *_floats("served_ms", "served_ms_squared", "ms", "ms_squared", "ms_product"),
    sqlite_with_rowid=False,
)
