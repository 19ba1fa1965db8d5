"""What only the operator can mend: every error says what failed, where, and what to do next.

What a fixer could repair (a red test, a failed build) is never an error; it is an outcome in the journal.

    LoopError                                    exit 70 (a defect of ours)
      UsageError, ConfigError                         2
      PlatformError: AccessDenied, QuotaExceeded, Unavailable, Conflict, OperationTimeout, BuildRejected, Missing   3
      FixerError: FixerMissing                        5
      JournalError: LeaseHeld, JournalNewer           6
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

Wait = Callable[[float], None]
"""Wait that many seconds; raises Cancelled at once when the action is no longer wanted."""


class Cancelled(Exception):
    """The engine no longer wants the action whose worker receives this."""


class LeaseLost(Cancelled):
    """Another holder took the environment's lease; nothing more may be written."""


class LoopError(Exception):
    """Shown as: error: <what> / where: <object> / hint: <next command>."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, where: str = "", hint: str = "", anew: bool = False) -> None:
        """`anew`: what a run read when it began is to blame, so that only a new one can do better. `hint` ends with
        `loop run` then."""
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.anew = anew

    def __str__(self) -> str:
        return f"{self.message} ({self.where})" if self.where else self.message


class UsageError(LoopError):
    """The command line asks for what can not be done."""

    exit_code = 2


class ConfigError(LoopError):
    """One or several mistakes in a configuration, all found at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[str], *, where: str = "", hint: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems), where=where, hint=hint or "loop config check --env NAME")


class PlatformError(LoopError):
    """Google Cloud, or the emulator in its place, refused or did not answer."""

    exit_code = 3


class AccessDenied(PlatformError): ...


class QuotaExceeded(PlatformError): ...


class Unavailable(PlatformError): ...


class Conflict(PlatformError): ...


class Moved(Conflict):
    """Somebody else moved a service's traffic since; it was left alone."""


class OperationTimeout(PlatformError): ...


class BuildRejected(PlatformError): ...


class Missing(PlatformError): ...


class FixerError(LoopError):
    exit_code = 5


class FixerMissing(FixerError): ...


class JournalError(LoopError):
    exit_code = 6


class LeaseHeld(JournalError): ...


class JournalNewer(JournalError): ...
