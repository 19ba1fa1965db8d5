"""Commit to serving as a shell script does it, one service and one call after another: the other side of `rollout`.

python -m bench.script ROOT ENDPOINTS TURN FOLDER...      ENDPOINTS is the JSON that names where the emulator listens

Imports what such a script needs and no more, for its start counts. It looks for nothing that may be there already.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from loop import cloud, source
from loop.core.environment import PlatformTarget, Service

TARGET = PlatformTarget(
    project="script", region="emulator", repository="emulator-docker.pkg.dev/script/loop", bucket="script-loop",
    endpoint="emulator",
)  # fmt: skip
"""A project of its own: its services are not those of `loop run`."""


def _main(root: Path, endpoints: cloud.Endpoints, turn: str, folders: list[str]) -> None:
    repository = source.find(root)
    commit = source.head(repository)
    platform = cloud.connect(TARGET, endpoints)
    builds = [_rolled_out(platform, repository, commit, folder, turn) for folder in folders]
    proven = datetime.now(UTC)
    platform.close()
    sys.stdout.write(json.dumps({"proven": proven.isoformat(), "builds": builds}))


def _rolled_out(platform: cloud.Platform, repository: source.Repository, commit: str, folder: str, turn: str) -> float:
    """Seconds that its build took."""
    name = Path(folder).name
    service = Service(name=name, service=name, source=folder)
    digest = source.digest(repository, commit, folder)
    archive = repository.root / ".loop" / f"script-{name}.tar.gz"
    source.archive(repository, commit, folder, archive)
    began = time.perf_counter()
    build = platform.submit_build(service, digest, platform.upload(archive, digest))
    built = platform.await_build(build, wait=time.sleep)
    seconds = time.perf_counter() - began
    assert isinstance(built, cloud.Built), built
    order = cloud.Order(service=service, revision=f"{name}-{turn}", image=built.image)
    operation = platform.request_revision(order, wait=time.sleep)
    created = platform.await_revision(operation, service, order.revision, wait=time.sleep)
    assert isinstance(created, cloud.Created), created
    proof = platform.probe(service, platform.url(service), order.revision, wait=time.sleep)
    assert isinstance(proof, cloud.Proven), proof
    return seconds


if __name__ == "__main__":
    _main(Path(sys.argv[1]), cloud.Endpoints(**json.loads(sys.argv[2])), sys.argv[3], sys.argv[4:])
