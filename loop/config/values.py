"""The small languages inside values: durations, percentages, whole numbers, names. Each refusal is a whole sentence."""

import math
import re
import shlex
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from loop.config.problems import found
from loop.core.names import SERVICE_LIMIT

LONGEST = 10 * 365 * 86400
"""Seconds; what is longer is a slip of the pen."""

CLOUD_RUN_NAME = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{SERVICE_LIMIT - 2}}}[a-z0-9])?")

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def text(value: object) -> str:
    if isinstance(value, str):
        return value
    hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
    raise ValueError(f"expected text, found {found(value)}{hint}")


def some_text(value: object) -> str:
    if not text(value).strip():
        raise ValueError("expected text, found none")
    return text(value)


def whole(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a whole number, found {found(value)}")


def switch(value: object) -> bool:
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError(f"expected true or false, found {found(value)}")


def seconds(value: object) -> float:
    """`20m`, `1h30m`, `90s`, `100ms`; a bare number is seconds."""
    length = _seconds(value)
    if length is None or not 0 < length < LONGEST:
        wanted = "expected a duration above zero such as 90s, 20m or 1h30m"
        raise ValueError(f"{wanted}, found {found(value)}")
    return length


def _seconds(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int() | float() if abs(value) < LONGEST:
            return float(value)
        case str() if _DURATION.fullmatch(value.replace(" ", "")):
            parts = _PART.findall(value.replace(" ", ""))
            return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in parts))
        case str() if re.fullmatch(r"\d+(?:\.\d+)?", value):
            return float(value)
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a measured figure must stay below: seconds, or a bare number in the figure's own unit."""

    number: float
    seconds: bool


def limit(value: object) -> Limit:
    bare = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return Limit(number=seconds(value), seconds=bare is None)


def arguments(value: object) -> object:
    """Command-line arguments as a shell would split them; a list is taken as it is."""
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def confirm(value: object) -> object:
    """`all` is None, `none` an empty tuple; a list of suites is taken as it is."""
    if isinstance(value, list) or value is None or isinstance(value, tuple):
        return value
    if value not in ("all", "none"):
        raise ValueError(f"expected all, none or a list of suites, found {found(value)}")
    return None if value == "all" else ()


def rate(value: object) -> Fraction:
    """`96%`, `99.5%`, or a number from 0 to 1; exact, so that 0.96 is 24/25."""
    fraction = _fraction(value)
    if fraction is None:
        raise ValueError(f"expected a percentage such as 96%, found {found(value)}")
    if fraction > 1:
        hint = "" if isinstance(value, str) and "%" in value else f"; write {value}%"
        raise ValueError(f"expected at most 100%, found {value}{hint}")
    return fraction


def _fraction(value: object) -> Fraction | None:
    if isinstance(value, str):
        percent = _PERCENT.fullmatch(value.strip())
        if percent:
            return Fraction(percent[1]) / 100
        return Fraction(value) if re.fullmatch(r"\d+(?:\.\d+)?", value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return None
    return Fraction(str(value))


def percent(fraction: Fraction) -> str:
    """As short as it is exact: `96%`, `99.5%`; a third is cut, never rounded up."""
    hundredths = fraction * 10000 // 1
    return f"{Decimal(hundredths) / 100:.2f}".rstrip("0").rstrip(".") + "%"
