"""Who we are: the one place that obtains credentials, for Google and for an emulator alike.

Application Default Credentials (GOOGLE_APPLICATION_CREDENTIALS, those of gcloud, the metadata server's), or the key
file that an emulator names; `platform.impersonate` acts as another service account. Tokens stay in memory.
"""

import os
import threading
import time
import warnings
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from loop.cloud.calls import patiently
from loop.core.environment import PlatformTarget
from loop.errors import AccessDenied, PlatformError, Wait

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SIGN_IN = "signing in to Google Cloud"
SIGN_IN_WITHIN = 30.0
"""Seconds."""


class Credentials:
    """Thread-safe; obtains nothing before it is asked to."""

    def __init__(self, target: PlatformTarget, key_file: Callable[[], str] | None = None) -> None:
        """`key_file`: where an emulator's service-account key lies; None for what the environment offers."""
        self._target = target
        self._key_file = key_file
        self._opening = threading.Lock()
        self._refreshing = threading.Lock()
        self._tokens: dict[str, Any] = {}

    def for_calls(self, wait: Wait = time.sleep) -> Any:
        """For Google's clients. Used here first: gRPC calls refused credentials UNAVAILABLE and would try again."""
        obtained = self._obtained(wait)
        with self._refreshing:
            if not obtained.valid:
                self._refreshed(obtained, SIGN_IN, self._place, wait)
        return obtained

    def token(self, audience: str, wait: Wait = time.sleep) -> str:
        """An ID token for that audience with enough of its life before it; made anew where an earlier one has not."""
        from google.auth.credentials import TokenState

        obtained = self._obtained(wait)
        with self._refreshing:
            made = self._tokens.get(audience) or self._signing(obtained, audience)
            self._tokens[audience] = made
            if made.token_state is not TokenState.FRESH:
                self._refreshed(made, f"obtaining an ID token for {audience}", self._place, wait)
            return str(made.token)

    def close(self) -> None:
        if "_session" in self.__dict__:
            self._session.close()

    def _obtained(self, wait: Wait) -> Any:
        with self._opening:
            return self._source if not self._target.impersonate or self._key_file else self._acting_as(wait)

    @cached_property
    def _source(self) -> Any:
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        from loop.cloud.errors import translated

        try:
            with warnings.catch_warnings():  # of a user's credentials; the terminal is the display's
                warnings.simplefilter("ignore")
                if self._key_file is not None:
                    return google.auth.load_credentials_from_file(self._key_file(), scopes=[SCOPE])[0]  # type: ignore[no-untyped-call]
                return google.auth.default(scopes=[SCOPE])[0]
        except GoogleAuthError as error:
            raise translated(error, SIGN_IN, self._place) from error

    def _acting_as(self, wait: Wait) -> Any:
        if self._impersonated.token is None:
            self._refreshed(self._source, SIGN_IN, self._place, wait)  # whose fault it is must be known
            try:
                self._refreshed(self._impersonated, SIGN_IN, self._place, wait)
            except AccessDenied as refused:
                raise _may_not_act_as(refused, str(self._target.impersonate)) from refused
        return self._impersonated

    @cached_property
    def _impersonated(self) -> Any:
        from google.auth.impersonated_credentials import Credentials

        made: Any = Credentials(  # type: ignore[no-untyped-call]
            source_credentials=self._source, target_principal=self._target.impersonate, target_scopes=[SCOPE]
        )
        return made

    def _signing(self, obtained: Any, audience: str) -> Any:
        """Credentials whose token is an ID token: what each kind of credentials needs for that."""
        from google.auth import compute_engine, impersonated_credentials
        from google.oauth2 import service_account

        made: Any
        match obtained:
            case impersonated_credentials.Credentials():
                made = impersonated_credentials.IDTokenCredentials(  # type: ignore[no-untyped-call]
                    obtained, target_audience=audience, include_email=True
                )
            case service_account.Credentials():
                # google-auth derives these from a file only, and offers no other way to a key file's token_uri
                made = service_account.IDTokenCredentials(  # type: ignore[no-untyped-call]
                    obtained.signer, obtained.service_account_email, obtained._token_uri, audience
                )
            case compute_engine.Credentials():
                made = compute_engine.IDTokenCredentials(  # type: ignore[no-untyped-call]
                    self._request(SIGN_IN_WITHIN), audience, use_metadata_identity_endpoint=True
                )
            case _:
                raise _no_id_tokens(obtained, audience)
        return made

    def _refreshed(self, credentials: Any, what: str, where: str, wait: Wait) -> None:
        def attempt(left: float) -> None:
            credentials.refresh(self._request(left))

        patiently(attempt, what=what, where=where, wait=wait, within=SIGN_IN_WITHIN)

    def _request(self, timeout: float) -> Any:
        from google.auth.transport.requests import Request

        return partial(Request(self._session), timeout=timeout)

    @cached_property
    def _session(self) -> Any:
        import requests

        session = requests.Session()
        session.trust_env = self._key_file is None  # a proxy for the outside world does not reach loopback
        return session

    @property
    def _place(self) -> str:
        if self._key_file is not None:
            return "the emulator's account"
        return os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or "application default credentials"


def _may_not_act_as(refused: PlatformError, account: str) -> AccessDenied:
    hint = (
        f"gcloud iam service-accounts add-iam-policy-binding {account} --member=CALLER "
        "--role=roles/iam.serviceAccountTokenCreator, then: loop resume"
    )
    return AccessDenied(f"acting as {account} is refused: {refused.message}", where=account, hint=hint)


def _no_id_tokens(obtained: Any, audience: str) -> AccessDenied:
    kind = type(obtained).__module__.rpartition(".")[0] + "." + type(obtained).__name__
    return AccessDenied(
        f"the credentials at hand ({kind}) can not make the ID token that a private service asks for",
        where=audience,
        hint="platform: {impersonate: SERVICE_ACCOUNT}, or GOOGLE_APPLICATION_CREDENTIALS=KEY.json, then: loop resume",
    )
