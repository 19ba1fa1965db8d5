"""Cloud Run, Cloud Build, Cloud Logging and Cloud Storage on loopback: where `loop` deploys without a cloud account.

A process of its own, never inside the CLI: clients call `attach`, and the emulator lives until its last client is gone.
Google's unmodified clients work against it. Importing this package loads neither grpc nor Google's types.
"""

from collections.abc import Iterable
from pathlib import Path

from loop.emulator.attach import Attachment, Endpoints, attach, serving_at
from loop.emulator.secrets import local_secrets
from loop.errors import UsageError

__all__ = ["Attachment", "Endpoints", "attach", "local_secrets", "serve", "serving_at"]


def serve(
    state: Path,
    *,
    standalone: bool = False,
    cache: Path | None = None,
    startup: float = 10.0,
    quotas: Iterable[str] = (),
) -> int:
    """Serve `state` in this process until stopped; standalone prints one JSON line with the endpoints first.

    `quotas` as `tags-per-region=3`, by the names in docs/emulator.md.
    """
    from loop.emulator.quotas import BadQuota, read
    from loop.emulator.server import serve as run

    try:
        limits = read(quotas)
    except BadQuota as bad:
        raise UsageError(str(bad), hint="loop emulator --help") from bad
    return run(state, standalone=standalone, cache=cache, startup=startup, quotas=limits)
