"""Seconds out of what runners write as a duration. Pure.

Known spellings: `1.5`, `1,234.5` (Surefire groups thousands), `0,5` (a decimal comma), `0:00:01.5`, `1.5s`, `120 ms`.
A negative one, `<<computed>>` and whatever else is not a duration give None: unknown, never zero.
"""

import math
import re

_UNITS = {"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0}
_WITH_UNIT = re.compile(r"([\d.,]+)\s*([a-z]+)", re.IGNORECASE)
_GROUPED = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return _spelled(text.strip())
    return value if math.isfinite(value) and value >= 0 else None


def _spelled(text: str) -> float | None:
    if ":" in text:
        return _by_clock(text)
    united = _WITH_UNIT.fullmatch(text)
    if united is not None:
        number, unit = _plain(united[1]), _UNITS.get(united[2].lower())
        return None if number is None or unit is None else number * unit
    return _plain(text)


def _by_clock(text: str) -> float | None:
    """`h:m:s` or `m:s`."""
    parts = text.split(":")
    if len(parts) > 3 or "-" in text:
        return None
    total = 0.0
    for part in parts:
        number = _plain(part)
        if number is None:
            return None
        total = total * 60 + number
    return total


def _plain(text: str) -> float | None:
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
