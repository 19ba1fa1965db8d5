"""Health checks and the proof that a revision serves (design section 6): nothing is ready on the platform's word alone.

Each probe carries a User-Agent of its own, so that its entry in the request log is evidence for exactly this probe.
"""

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from loop.cloud.calls import delays, poll
from loop.cloud.logs import Logs
from loop.cloud.values import Mark, Proven, Request, Unhealthy, Unproven
from loop.core.environment import Health, Identity, Proof, Service
from loop.core.model import Probe
from loop.errors import Wait

AGENT = "loop-probe/"
ANSWER_WITHIN = 10.0
"""Seconds for one answer; longer ones are cut by the time that is left, but never below one second."""
BETWEEN_GOOD = 0.1
"""Seconds between answers that are to be good in a row."""
BODY = 65_536
EXCERPT = 300
CLOCKS_DIFFER = timedelta(minutes=1)
EVIDENCE_WITHIN = 120.0
MARK_WITHIN = 2.0
LOG_LONGEST = 5.0
"""Longest pause between two reads of the request log."""

Headers = Callable[[], Mapping[str, str]]
"""Further headers for a probe, made anew for each one (an ID token expires)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One probe and what came back."""

    probe: Probe
    agent: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def good(self) -> bool:
        """Redirects are not followed: that the service redirects is an answer."""
        return self.probe.status is not None and 200 <= self.probe.status < 400


class Probes:
    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def prove(
        self, service: Service, url: str, revision: str, wait: Wait,
        *, evidence_within: float = EVIDENCE_WITHIN, headers: Headers = dict,
    ) -> Proven | Unhealthy | Unproven:  # fmt: skip
        """Ask for the health until it is good often enough in a row, then prove that `revision` gave the answer."""
        health = service.health
        good, last, asked = self._healthy(health, url, headers, wait)
        if not good:
            reason = _red(last, health)
            return Unhealthy(reason=reason, probe=last.probe, log=self._lines(service, revision, wait))
        match health.proof:
            case Proof.ROUTED:
                return Proven(level=Proof.ROUTED, probe=last.probe, probes=asked)
            case Proof.ANSWERED:
                identity = health.identity
                if identity is None:
                    return Unproven(reason="`proof: answered` needs `identity:`", probe=last.probe)
                return self._answered(health, identity, url, revision, headers, wait, last, asked)
            case Proof.LOGGED:
                return self._logged(service, url, revision, headers, wait, last, asked, evidence_within)

    def mark(self, service: Service, url: str, wait: Wait, *, headers: Headers = dict) -> Mark:
        """Ask for the health once more; an answer that is not good is asked for again, `MARK_WITHIN` long."""
        health = service.health
        last: Answer | None = None

        def attempt() -> Answer | None:
            nonlocal last
            last = ask(url, health.path, headers(), ANSWER_WITHIN)
            return last if last.good else None

        poll(attempt, wait=wait, within=MARK_WITHIN)
        assert last is not None, "polling looks at least once"
        named = identity_of(last, health.identity) if health.identity else ""
        return Mark(agent=last.agent, probe=last.probe, named=named, good=last.good)

    def _healthy(self, health: Health, url: str, headers: Headers, wait: Wait) -> tuple[bool, Answer, int]:
        """Whether the health was good `consecutive` times in a row in time; the last answer; how many there were."""
        until = time.monotonic() + health.within
        row = asked = 0
        pauses = delays()
        while True:
            answer = ask(url, health.path, headers(), max(1.0, min(ANSWER_WITHIN, until - time.monotonic())))
            asked += 1
            row = row + 1 if answer.good else 0
            if row >= health.consecutive:
                return True, answer, asked
            if time.monotonic() >= until:
                return False, answer, asked
            pause = BETWEEN_GOOD if row else next(pauses)
            wait(min(pause, max(0.0, until - time.monotonic())))

    def _answered(
        self, health: Health, identity: Identity, url: str, revision: str, headers: Headers, wait: Wait,
        last: Answer, asked: int,
    ) -> Proven | Unproven:  # fmt: skip
        """A new split takes a moment to reach every router: another revision's answer is asked again."""
        until = time.monotonic() + health.within
        for delay in delays():
            named = identity_of(last, identity)
            if last.good and named == revision:
                return Proven(level=Proof.ANSWERED, probe=last.probe, probes=asked)
            if time.monotonic() >= until:
                return Unproven(reason=_misnamed(identity, named, revision), probe=last.probe)
            wait(delay)
            last, asked = ask(url, health.path, headers(), ANSWER_WITHIN), asked + 1
        raise AssertionError("delays never end")

    def _logged(
        self, service: Service, url: str, revision: str, headers: Headers, wait: Wait, last: Answer, asked: int,
        within: float,
    ) -> Proven | Unproven:  # fmt: skip
        """The platform's own log says which revision answered; another one's answer is asked again."""
        until = time.monotonic() + within
        for delay in delays():
            found = self._logged_under(service, last, wait, max(0.0, until - time.monotonic()))
            if found == revision and last.good:
                return Proven(level=Proof.LOGGED, probe=last.probe, probes=asked)
            if time.monotonic() >= until:
                reason = f"the request log names {found}, not {revision}" if found else _unlogged(within)
                return Unproven(reason=reason, probe=last.probe)
            wait(delay)
            last, asked = ask(url, service.health.path, headers(), ANSWER_WITHIN), asked + 1
        raise AssertionError("delays never end")

    def _logged_under(self, service: Service, answer: Answer, wait: Wait, within: float) -> str:
        """The revision under which the probe stands in the request log; empty where it does not show up in time."""
        found = self.logged(service, answer.agent, answer.probe.at, wait, within)
        return found.revision if found else ""

    def logged(self, service: Service, agent: str, at: datetime, wait: Wait, within: float) -> Request | None:
        """The request log's entry of the probe with that User-Agent; None where it does not show up in time."""
        since = at - CLOCKS_DIFFER

        def look() -> Request | None:
            entries = self._logs.requests(service.service, since=since, agent=agent, limit=1, wait=wait)
            return entries[0] if entries else None

        return poll(look, wait=wait, within=within, longest=LOG_LONGEST)

    def _lines(self, service: Service, revision: str, wait: Wait) -> tuple[str, ...]:
        return self._logs.first_lines_of_failure(service.service, revision, wait)


def ask(url: str, path: str, headers: Mapping[str, str], timeout: float) -> Answer:
    """One GET with a User-Agent of its own. What goes wrong on the way is an answer without a status."""
    agent = AGENT + secrets.token_hex(8)
    at, began = datetime.now(UTC), time.monotonic()
    status: int | None = None
    received: Mapping[str, str] = {}
    body, detail = b"", ""
    connection = _connection(url, timeout)
    try:
        connection.request("GET", _path(url, path), headers={**headers, "User-Agent": agent})
        answer = connection.getresponse()
        received = {name.lower(): value for name, value in answer.getheaders()}
        body = answer.read(BODY)
        status = answer.status
    except (OSError, http.client.HTTPException) as error:
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
    finally:
        connection.close()
    if status is not None and not 200 <= status < 400:
        detail = body[:EXCERPT].decode("utf-8", "replace").strip()
    probe = Probe(at=at, status=status, seconds=time.monotonic() - began, detail=detail)
    return Answer(probe=probe, agent=agent, headers=received, body=body)


def identity_of(answer: Answer, identity: Identity) -> str:
    """The revision that the answer names; empty where it names none."""
    if identity.header is not None:
        return answer.headers.get(identity.header.lower(), "")
    try:
        document = json.loads(answer.body)
    except ValueError:
        return ""
    named = document.get(identity.json) if isinstance(document, dict) else None
    return named if isinstance(named, str) else ""


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _path(url: str, path: str) -> str:
    return f"{urlsplit(url).path.rstrip('/')}/{path.lstrip('/')}"


def _red(answer: Answer, health: Health) -> str:
    probe = answer.probe
    said = "no answer" if probe.status is None else f"HTTP {probe.status}"
    detail = f": {probe.detail}" if probe.detail else ""
    wanted = "" if health.consecutive == 1 else f" {health.consecutive} times in a row"
    return f"GET {health.path} was not good{wanted} within {health.within:g} s; last: {said}{detail}"


def _misnamed(identity: Identity, named: str, revision: str) -> str:
    place = f"header {identity.header}" if identity.header is not None else f"JSON key {identity.json}"
    return f"{place} names {named}, not {revision}" if named else f"{place} is not in the health answer"


def _unlogged(within: float) -> str:
    return f"no probe showed up in the request log within {within:g} s"
