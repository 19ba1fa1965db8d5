"""What is kept of texts: what can be written as UTF-8, and of long ones a part. They are cut after they were redacted:
no cut may hide a secret from the redactor. Pure."""

import itertools

DETAIL_LIMIT = 10_000
MESSAGE_LIMIT = 1_000
MESSAGE_LINES = 8


def storable(text: str) -> str:
    """A lone surrogate, which tests of text may well hold, is spelled out: neither SQLite nor a file takes it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def detail_excerpt(text: str) -> str:
    """Head and tail, for a traceback tells the most at both ends."""
    if len(text) <= DETAIL_LIMIT:
        return text
    half = DETAIL_LIMIT // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def message_excerpt(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT and text.count("\n") < MESSAGE_LINES:
        return text.strip()
    lines = itertools.islice(text.strip().splitlines(), MESSAGE_LINES)
    return "\n".join(lines)[:MESSAGE_LIMIT]
