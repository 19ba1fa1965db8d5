"""A service's log entries for people: each line carries its time, severity and revision, so that it can be searched."""

from collections.abc import Iterator
from datetime import datetime


def log_lines(at: datetime, severity: str, revision: str, text: str) -> Iterator[str]:
    """`text`: printable, and redacted after it was made so."""
    head = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {severity:<8} {revision}"
    for line in text.split("\n"):
        yield f"{head}  {line}".rstrip()
