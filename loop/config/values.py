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


def whole_seconds(value: object) -> float:
    length = seconds(value)
    if length % 1:
        raise ValueError(f"expected whole seconds, found {found(value)}")
    return length


def cpu(value: object) -> str:
    """`2`, `0.5` or `500m`, as Cloud Run takes them (Configure CPU limits); kept as it is written."""
    written = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(value)
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", written)
    number = Decimal(amount[1]) / (1000 if amount[2] else 1) if amount else Decimal(0)
    if number in (1, 2, 4, 6, 8) or Decimal("0.08") <= number < 1:
        return written
    raise ValueError(f"expected 1, 2, 4, 6, 8, or from 0.08 (80m) below 1, found {found(value)}")


def memory(value: object) -> str:
    """`512Mi`, `2Gi`; kept as it is written."""
    size = in_bytes(value)
    if size is None:
        raise ValueError(f"expected an amount such as 512Mi or 2Gi, found {found(value)}")
    if not 128 * 2**20 <= size <= 32 * 2**30:
        raise ValueError(f"expected from 128Mi to 32Gi, found {found(value)}")
    return str(value)


def in_bytes(value: object) -> int | None:
    amount = re.fullmatch(r"(\d+)(Ki|Mi|Gi|k|M|G)", value) if isinstance(value, str) else None
    scales = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}
    return int(amount[1]) * scales[amount[2]] if amount else None


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
