"""How often one user may execute agents: so many within any sixty seconds."""

import math
import time
from collections import defaultdict, deque

import settings

RECENT: defaultdict[str, deque[float]] = defaultdict(deque)


def seconds_to_wait(user: str) -> int:
    """0 and the execution is counted, or the whole seconds until one would be allowed."""
    now, recent = time.monotonic(), RECENT[user]
    while recent and recent[0] <= now - 60:
        recent.popleft()
    if len(recent) >= settings.EXECUTIONS_PER_MINUTE:
        return math.ceil(recent[0] + 60 - now)
    recent.append(now)
    return 0
