"""Google's message types without Google's clients: a server needs none, and they are half of its start-up time.

`google.cloud.run_v2.types` can only be imported through its package, which imports every client of that API. So the
package is stood in for while the types load, and is itself again afterwards: whoever imports it later gets all of it.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def types_of(package: str) -> ModuleType:
    """The module `PACKAGE.types`."""
    found = None if package in sys.modules else find_spec(package)
    if found is None:
        return import_module(f"{package}.types")
    stand_in = ModuleType(package)
    stand_in.__path__ = list(found.submodule_search_locations or ())
    sys.modules[package] = stand_in
    try:
        return import_module(f"{package}.types")
    finally:
        del sys.modules[package]


run = types_of("google.cloud.run_v2")
cloudbuild = types_of("google.cloud.devtools.cloudbuild_v1")
logging = types_of("google.cloud.logging_v2")
