"""What plainly is no secret, and may be written into a file that is committed. Pure.

The other way round from `secrets`: there in doubt something is masked, here in doubt it is not written.
"""

import re

from loop.core.redact import Redactor

LONGEST = 80
WORDS = 3
"""More of them in a row may be a passphrase; in a path they are folders."""
FOLDERS = 6

_NAMED = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|CRED|DSN|PRIVATE|SALT|SIGN|CERT|COOKIE|SESSION|WEBHOOK|AUTH|JWT|BEARER"
    r"|CONN|(?:^|[^A-Z])(?:PIN|PWD|PW|PASS|OTP|PAT|SAS|SEED|PEPPER|HASH|NONCE|MASTER)(?:[^A-Z]|$)",
    re.IGNORECASE,
)
_SWITCH = r"(?i:true|false|yes|no|on|off|null|none|utf-?8)"
_NUMBER = r"[+-]?\d{1,6}(?:\.\d{1,4})?(?:ms|[smhdkMG%]|[KMG]i)?"
_VERSION, _NUMBERS = r"v?\d{1,3}(?:\.\d{1,3}){1,2}", r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?"
_PLAIN = re.compile(f"{_SWITCH}|{_NUMBER}|{_VERSION}|{_NUMBERS}")
_WORD = re.compile(r"(?i:(?!.*[bcdfghjklmnpqrstvwxz]{5}))(?:[a-z]{1,14}|[A-Z]{1,14}|[A-Z][a-z]{1,13})")
_PART = re.compile(r"[a-z]{1,12}\d{1,2}|v\d{1,2}|\d{1,4}")
_ADDRESS = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?(?P<path>(?:/[^/?#@]*)*)")
_PORT = re.compile(r"(?<=[a-z0-9]):\d{2,5}$")
_RANDOM = re.compile(r"(?=(?:[A-Za-z+_-]{0,64}\d){3})[A-Za-z0-9+_-]{16,}")
_redact = Redactor({})


def names_a_secret(name: str) -> bool:
    """A name such as API_KEY or DSN; what stands behind it is never written."""
    return _NAMED.search(name) is not None


def is_harmless(name: str, value: str) -> bool:
    """Whether a value is plainly none: a switch, a number, an address without credentials, a few words."""
    if names_a_secret(name) or len(value) > LONGEST or _redact(value) != value:
        return False
    if not value or _PLAIN.fullmatch(value):
        return True
    address = _ADDRESS.fullmatch(value)
    if address:
        return not address["path"].strip("/") or _words(address["path"].strip("/"), FOLDERS)
    path = value.startswith("/")
    return _words(_PORT.sub("", value).strip("/"), FOLDERS if path else WORDS)


def is_telltale(text: str) -> bool:
    """Whether an argument or a note may hold a secret: it says so, is of a known kind, or looks drawn by lot."""
    return names_a_secret(text) or _redact(text) != text or _RANDOM.search(text) is not None


def _words(text: str, most: int) -> bool:
    parts = re.split(r"[-_./]", text)
    if len(parts) == 1:
        return _WORD.fullmatch(text) is not None
    return len(parts) <= most and all(_WORD.fullmatch(part) or _PART.fullmatch(part) for part in parts)
