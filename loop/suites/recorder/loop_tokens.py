"""Fetches ID tokens for private services from the loop that runs the suite, each time anew: they expire.

Standard library only; see loop_recorder.py.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request

URL = "LOOP_TOKEN_URL"
WITHIN = 60.0
"""Seconds; the loop itself is patient with what it asks."""


class NoToken(Exception):
    """There is no token to be had; the message says why."""


def token(service: str) -> str:
    """A fresh token for a service, by its name in the configuration."""
    address = os.environ.get(URL, "")
    if not address:
        raise NoToken(f"{URL} is not set: tokens are there while loop runs the suite")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not reach loopback
    try:
        with opener.open(f"{address}/{service}", timeout=WITHIN) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            raise NoToken(error.read().decode("utf-8", "replace") or f"HTTP {error.code}") from None
    except OSError as error:
        raise NoToken(f"the loop that runs the suite does not answer: {error}") from None
