"""Why a revision does not come to serve."""

from enum import StrEnum


class Failure(StrEnum):
    IMAGE = "image"
    SECRETS = "secrets"
    CONTAINER = "container"
    TARGET = "target"
    """Traffic is meant for a revision that is not there."""


class StartFailed(Exception):
    """A revision does not start; the message says why, for its condition."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message
