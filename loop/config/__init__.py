"""YAML files -> one validated environment, with every problem reported at once by file, line and key.

Knows no folder, process or terminal: files come through `read`, variables through a mapping.
"""

from loop.config.checks import url_variable
from loop.config.frozen import frozen_changes, frozen_fingerprint
from loop.config.layers import Read
from loop.config.load import Loaded, environments, files, foundations, load, tree
from loop.config.reveal import encoded_in, reveal, secrets

__all__ = [
    "Loaded",
    "Read",
    "encoded_in",
    "environments",
    "files",
    "foundations",
    "frozen_changes",
    "frozen_fingerprint",
    "load",
    "reveal",
    "secrets",
    "tree",
    "url_variable",
]
