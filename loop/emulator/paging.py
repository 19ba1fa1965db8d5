"""Pages of a list, as AIP-158 asks for them: tokens say nothing to a client, and a bad one is refused."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from loop.emulator.wire import invalid

T = TypeVar("T")
LARGEST = 100
"""Items of a page, asked for or not: what the reference of Run's operations.list says, and gcloud's own page."""


def page(found: Sequence[T], request: Any, largest: int = LARGEST) -> tuple[Sequence[T], str]:
    """The items that `page_size` and `page_token` of a request ask for, and the next page's token."""
    if request.page_size < 0:
        raise invalid(f"page_size: {request.page_size} is negative.")
    begin = _begin(request.page_token)
    end = begin + min(request.page_size or largest, largest)
    more = base64.urlsafe_b64encode(f"from {end}".encode()).decode() if end < len(found) else ""
    return found[begin:end], more


def _begin(token: str) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(" ")
        if word != "from":
            raise ValueError(word)
        return int(number)
    except (binascii.Error, ValueError) as error:
        raise invalid("page_token: not a token of this server.") from error
