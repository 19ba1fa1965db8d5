"""One child at a time: it runs under a deadline, and what it writes is redacted before anybody sees it.

Suites, fixers, hooks and set-up commands all run through here; how a process is tied to ours is `loop.guard`'s affair.
"""

from loop.children.output import LINE_LIMIT, SECRET_LENGTH, Output, uncoloured
from loop.children.process import SHELL, Ended, run
from loop.children.tail import Tail

__all__ = ["LINE_LIMIT", "SECRET_LENGTH", "SHELL", "Ended", "Output", "Tail", "run", "uncoloured"]
