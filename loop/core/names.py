"""Names and labels of what a run makes on the platform.

They are known before anything is made, so that an action repeated after a crash finds its own work.
"""

import re
from collections.abc import Mapping
from hashlib import sha256

from loop.errors import ConfigError

UID_LENGTH = 6
LABEL_RUN = "loop-run"
LABEL_ITERATION = "loop-iteration"
LABEL_COMMIT = "loop-commit"
LABEL_DIGEST = "loop-digest"
DIGEST_LENGTH = 40
"""Label values hold at most 63 characters; 40 hex digits are as many as a commit has."""

REVISION_LIMIT = 63
SERVICE_LIMIT = 49
TAG_AND_SERVICE_LIMIT = 46
"""Cloud Run refuses a tag whose length together with the service's name exceeds this: both stand in one DNS label."""


def revision_name(service: str, uid: str, k: int) -> str:
    """`<service>-l<uid>-<k>`; ConfigError where Cloud Run would refuse it."""
    name = f"{service}-l{uid}-{k}"
    if len(name) > REVISION_LIMIT or len(service) > SERVICE_LIMIT:
        raise ConfigError([f"the service name {service} is too long: its revisions would be called {name}"])
    return name


def tag_name(uid: str, k: int) -> str:
    return f"l{uid}-{k}"


def labels(uid: str, iteration: int, commit: str, digest: str) -> dict[str, str]:
    """The labels of a revision of ours; a digest `sha256:...` loses its prefix, and what is unknown is left out."""
    values = {
        LABEL_RUN: uid,
        LABEL_ITERATION: str(iteration),
        LABEL_COMMIT: commit[:DIGEST_LENGTH],
        LABEL_DIGEST: digest_label(digest),
    }
    return {key: value for key, value in values.items() if value}


def digest_label(digest: str) -> str:
    """What of a digest fits into a label; of an image's tag, which may hold what no label may, its own digest."""
    cut = digest.rpartition(":")[2][:DIGEST_LENGTH]
    return cut if re.fullmatch(r"[a-z0-9_-]*", cut) else sha256(digest.encode()).hexdigest()[:DIGEST_LENGTH]


def same_work(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Was the object with labels `found` made by the same action? Its commit may differ: equal content is enough."""
    return all(found.get(key, "") == wanted.get(key, "") for key in (LABEL_RUN, LABEL_ITERATION, LABEL_DIGEST))
