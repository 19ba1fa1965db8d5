"""What a command finds where it is called: the repository, its journal, its environments, and a platform."""

import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from loop import cloud, config, emulator, source
from loop.core.environment import PlatformTarget
from loop.errors import UsageError
from loop.journal import Journal, opened

JOURNAL = "sqlite:///.loop/journal.db"


def repository() -> source.Repository:
    return source.find(Path.cwd())


def journal_of(repo: source.Repository) -> Journal:
    source.state_folder(repo)
    return opened(JOURNAL, repo.root)


def known_environment(environment: str, root: Path) -> None:
    """A name that is mistyped is answered with those that there are, and with the folder that was looked in."""
    folder = root / "configs"
    if not (folder / f"{environment}.yaml").is_file():
        files = tuple(p.name for p in folder.glob("*.yaml"))
        names = config.environments(files, read=config.tree(root))
        there = f"there are: {', '.join(names)}" if names else "make one: loop init"
        raise UsageError(
            f"there is no environment {environment}: no configs/{environment}.yaml", where=str(root), hint=there
        )


def writable(reports: Path) -> None:
    """Found out now and not after a deployment and a whole suite."""
    try:
        reports.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=reports):
            pass
    except OSError as error:
        hint = "make it a folder that you may write to"
        raise UsageError(f"reports can not be written: {error.strerror}", where=str(reports), hint=hint) from error


def connector(target: PlatformTarget, repo: source.Repository, stack: ExitStack) -> Callable[[], cloud.Platform]:
    """Connects at the first call, from whichever thread it comes; starts the embedded emulator where it is meant."""
    lock = threading.Lock()
    found: list[cloud.Platform] = []

    def platform() -> cloud.Platform:
        with lock:
            if not found:
                found.append(cloud.connect(target, _endpoints(target, repo, stack)))
                stack.callback(found[0].close)
        return found[0]

    return platform


def _endpoints(target: PlatformTarget, repo: source.Repository, stack: ExitStack) -> cloud.Endpoints | None:
    if not target.emulated:
        return None
    if target.endpoint != "emulator":
        return cloud.Endpoints(**emulator.serving_at(target.endpoint))
    attached = emulator.attach(repo.root / target.state)
    stack.callback(attached.close)
    there = attached.endpoints
    return cloud.Endpoints(grpc=there.grpc, storage=there.storage, admin=there.admin)
