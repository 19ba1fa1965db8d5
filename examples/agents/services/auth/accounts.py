"""Users and their passwords, in memory: they last as long as the instance does."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    salt: bytes
    digest: bytes


def digest(password: str, salt: bytes) -> bytes:
    """About 10 ms of work; a product would spend more, a suite that signs up fifty users would not thank it."""
    return hashlib.scrypt(password.encode(), salt=salt, n=4096, r=8, p=1)


def opened(name: str, password: str) -> Account:
    salt = secrets.token_bytes(16)
    return Account(name=name, salt=salt, digest=digest(password, salt))


def matches(account: Account | None, password: str) -> bool:
    """Spends the same time on a name that does not exist as on a wrong password."""
    salt, wanted = (account.salt, account.digest) if account else (b"0" * 16, b"")
    return hmac.compare_digest(digest(password, salt), wanted)
