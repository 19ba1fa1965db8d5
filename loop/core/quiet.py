"""Python's search for cycles, switched off while many objects are made and none of them forms one."""

import contextlib
import gc
from collections.abc import Iterator

MANY = 5_000
"""Objects from which on the next searches would cost something. Fewer stay young, so that cycles among them are found
soon: a search of everything comes late where much is old."""


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Looking for cycles again and again takes a quarter of the time of reading a document, and finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            _age()
        if enabled:
            gc.enable()


def _age() -> None:
    """All objects there are count as old, as after a search that found nothing; else the next two go through them all.

    A search of everything, when its time comes, still finds what cycles there are.
    """
    gc.freeze()
    gc.unfreeze()
