"""Tokens for private services: for probes as headers, for suites as variables and an address that answers fresh ones.

No token is written anywhere: they go from memory to a child's environment, or over loopback.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from loop.cloud.probes import Headers
from loop.core.environment import Access, Service
from loop.core.model import Probe
from loop.core.state import IterationState
from loop.errors import Missing
from loop.perform.emit import Emit
from loop.perform.setting import Setting
from loop.suites import tokens

REFUSED = frozenset({401, 403})


def headers(service: Service, setting: Setting, emit: Emit) -> Headers:
    """For the service's own address, or that of what `as_tested` answers with."""
    return setting.platform().headers(service, wait=emit.wait)


def headers_to(url: str, it: IterationState, setting: Setting, emit: Emit) -> Headers:
    """For an address that may be one of our services' or a tag's of it (`http: ${services.backend.url}/health`)."""
    for service in it.definitions:
        addresses = (setting.platform().url(service), it.services[service.name].url)
        if any(f"{url}/".startswith(f"{address.rstrip('/')}/") for address in addresses if address):
            return headers(as_tested(service, it), setting, emit)
    return dict


def as_tested(service: Service, it: IterationState) -> Service:
    """A candidate is called as the service's policy says now: what `access:` wants comes with its promotion."""
    return replace(service, access=Access.KEEP) if it.services[service.name].tag else service


def restrict(service: Service, setting: Setting, emit: Emit) -> None:
    """Before a new revision serves: what is to be private must not be open for a moment."""
    if service.access is Access.PRIVATE:
        with suppress(Missing):
            setting.platform().grant(service, wait=emit.wait)


def check_call(service: Service, probe: Probe | None, setting: Setting, emit: Emit) -> None:
    """A private service's refusal is the operator's to mend where we are not among its invokers."""
    platform = setting.platform()
    if probe is not None and probe.status in REFUSED and platform.private(service, wait=emit.wait):
        platform.check_call(service, wait=emit.wait)


@contextmanager
def for_suite(it: IterationState, setting: Setting, emit: Emit) -> Iterator[Mapping[str, str]]:
    """LOOP_TOKEN_<SERVICE> of each private service, and LOOP_TOKEN_URL, which answers as long as the suite runs."""
    platform = setting.platform()
    private = [s for s in it.definitions if platform.private(as_tested(s, it), wait=emit.wait)]
    valid = {_variable(s.name): platform.token(s, wait=emit.wait) for s in private}
    with tokens.serving({s.name: _fresh(s, setting, emit) for s in it.definitions}, setting.redact) as url:
        setting.redact.learn({**valid, tokens.VARIABLE: url.rpartition("/")[2]})  # a suite may print either
        yield {**valid, tokens.VARIABLE: url}


def _fresh(service: Service, setting: Setting, emit: Emit) -> Callable[[], str]:
    return lambda: setting.platform().token(service, wait=emit.wait)


def _variable(service: str) -> str:
    return "LOOP_TOKEN_" + service.upper().replace("-", "_")
