"""The tables. A journal of an earlier program is read as it is; what is missing in it is added when it is opened."""

import sqlalchemy as sa

SCHEMA = 2
"""A journal with a higher number is refused, never rewritten. 2: what a case has to say may be a number in `texts`."""

metadata = sa.MetaData()

meta = sa.Table("meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String))

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String, nullable=False, unique=True),
    sa.Column("environment", sa.String, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.UniqueConstraint("environment", "number"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("run", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

names = sa.Table(
    "names",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
)
"""Case ids, suites and source files are written once and referred to by number: a passed case costs some 20 bytes."""

_case_key = ("run", "iteration", "suite", "attempt", "case_id")

cases = sa.Table(
    "cases",
    metadata,
    *(sa.Column(key, sa.Integer, primary_key=True, autoincrement=False) for key in _case_key),
    sa.Column("outcome", sa.Integer, nullable=False),
    sa.Column("ms", sa.Integer),
    sa.Column("source", sa.Integer),
    sa.Column("details", sa.Text),  # written by earlier programs, which had no table of that name
    sqlite_with_rowid=False,
)

details = sa.Table(
    "details",
    metadata,
    *(sa.Column(key, sa.Integer, primary_key=True, autoincrement=False) for key in _case_key),
    sa.Column("body", sa.Text, nullable=False),
)
"""What a case that did not simply pass has to say. Beside the rows, for a long text among them would cost a page of its
own: a table without rowid keeps at most a quarter of a page in its place."""

texts = sa.Table(
    "texts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String, nullable=False, unique=True),  # 32 hex digits of the body's sha256
    sa.Column("body", sa.Text, nullable=False),
)
"""Message, traceback and signature, written once: a case that keeps failing says the same in every iteration. Its time,
trace id and properties are its own and stand in `details`."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("environment", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("since", sa.String, nullable=False),
    sa.Column("heartbeat", sa.String, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
)

acceptances = sa.Table(
    "acceptances",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("environment", sa.String, nullable=False, index=True),
    sa.Column("case_id", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)
"""Insert-only: who agreed that a case left the count, when and why. Older programs need no such table."""
