"""The record of every run: insert-only events, insert-only case rows, and the lease that admits one run at a time.

Nothing is ever updated or deleted here but the lease's own row; status is derived by folding the events. Acceptances of
weakened cases stand beside the runs: they are of an environment.
"""

from loop.journal.lease import Holder, Lease
from loop.journal.store import Acceptance, Journal, Run, opened

__all__ = ["Acceptance", "Holder", "Journal", "Lease", "Run", "opened"]
