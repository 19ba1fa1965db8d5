"""How doctor's checks of the platform ask: one that fails hides no other, and what depends on it says so."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from loop.cloud.rest import Api, Rest
from loop.core.environment import Environment, PlatformTarget
from loop.core.findings import Finding, Topic, fix, skip
from loop.errors import AccessDenied, OperationTimeout, PlatformError, Unavailable

PLATFORM = PlatformError.exit_code


class Denied(Enum):
    """What it means that a check was not allowed to look."""

    STOPS_A_RUN = "a run reads the same"
    DOCTOR_ALONE = "a run does without this read"


@dataclass(slots=True, kw_only=True)
class Asking:
    """What the checks know of each other."""

    environment: Environment
    rest: Rest
    member: str = "user:$(gcloud config get account)"
    """Who is to be granted what is missing, as gcloud takes it: credentials of a person do not say whose they are."""
    number: str = ""
    """Of the project; empty where it could not be read."""
    absent: set[Api] = field(default_factory=set)
    """APIs that are known not to be enabled."""
    silent: set[Api] = field(default_factory=set)
    """APIs that could not be reached: to wait for each of them once is enough."""

    @property
    def target(self) -> PlatformTarget:
        return self.environment.charter.platform

    @property
    def project(self) -> str:
        return f"projects/{self.target.project}"

    def one(
        self, about: str, check: Callable[[], Finding], *, api: Api, denied: Denied = Denied.STOPS_A_RUN
    ) -> Finding:
        """The check's finding, or why there is none."""

        def alone() -> Iterator[Finding]:
            yield check()

        return self.several(about, alone, api=api, denied=denied)[0]

    def several(
        self,
        about: str,
        check: Callable[[], Iterator[Finding]],
        *,
        api: Api,
        denied: Denied = Denied.STOPS_A_RUN,
    ) -> list[Finding]:
        why = self.unasked(api)
        if why:
            return [skip(Topic.PLATFORM, about, why)]
        try:
            return list(check())
        except AccessDenied as error:
            if denied is Denied.DOCTOR_ALONE:
                return [skip(Topic.PLATFORM, about, f"not known, and a run need not know: {error.message}")]
            return [self.refused(about, error)]
        except PlatformError as error:
            if isinstance(error, Unavailable | OperationTimeout):
                self.silent.add(api)
            return [self.refused(about, error)]

    def unasked(self, api: Api) -> str:
        """Why a check of that API is not even tried; "" where it is."""
        if api in self.absent:
            return f"not asked: it needs the API {api.value}"
        return f"not asked: {api.value} could not be reached" if api in self.silent else ""

    def refused(self, about: str, error: PlatformError, topic: Topic = Topic.PLATFORM) -> Finding:
        """Errors tell how a run goes on; here nothing is under way."""
        hint = re.sub("loop (resume|run)", f"loop doctor --env {self.environment.charter.name}", error.hint)
        return fix(topic, about, error.message, hint, code=error.exit_code)
