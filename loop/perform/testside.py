"""What lies between two iterations beside the product, by git: the rules are those of `core.testside`."""

import posixpath
from collections.abc import Callable, Collection, Sequence
from functools import partial

from loop import config, source
from loop.core import testside
from loop.core.changes import classify
from loop.core.environment import Charter, Service
from loop.core.model import ChangeKind
from loop.core.state import IterationState
from loop.perform.setting import Setting


def digest(services: Sequence[Service], charter: Charter, commit: str, setting: Setting) -> str:
    """What names the test side of that commit, as the charter uses it."""
    kind, folders = kind_of(services, charter, commit, setting), source_folders(services, charter)
    blobs = source.blobs(setting.repository, commit).items()
    deciding = ((p, b) for p, b in blobs if testside.decides(p, kind(p), folders) and not _report(p, setting))
    return testside.digest(deciding, charter)


def decisive(
    then: IterationState, before: Charter, now: IterationState, charter: Charter, collected: Collection[str],
    setting: Setting,
) -> frozenset[ChangeKind]:  # fmt: skip
    """Kinds of what changed in between and can decide any case; `collected`: files of cases, from `root:`."""
    ways = frozenset() if testside.ways(before) == testside.ways(charter) else frozenset({ChangeKind.CONFIG})
    if not source.has(setting.repository, then.commit):
        differ = then.testside and now.testside and then.testside != now.testside
        return ways | {ChangeKind.TESTS} if differ else ways
    kind = kind_of(now.definitions, charter, now.commit, setting)
    changed = source.changed_paths(setting.repository, then.commit, now.commit)
    return ways | testside.decisive(
        {path: kind(path) for path in changed if not _report(path, setting)},
        services=source_folders(now.definitions, charter),
        collected={posixpath.normpath(posixpath.join(charter.root, file)) for file in collected if file},
        ran_by=testside.runners(charter),
    )


def kind_of(
    services: Sequence[Service], charter: Charter, commit: str, setting: Setting
) -> Callable[[str], ChangeKind]:
    read = partial(source.read_file, setting.repository, commit)
    return partial(
        classify,
        services=source_folders(services, charter),
        suites=testside.places(charter),
        config_files=config.files(charter.name, read=read),
        runners=testside.runners(charter),
    )


def _report(path: str, setting: Setting) -> bool:
    """What a run wrote itself, where somebody commits it."""
    return (setting.root / path).is_relative_to(setting.reports)


def source_folders(services: Sequence[Service], charter: Charter) -> list[str]:
    return [source_folder(s, charter) for s in services if s.source is not None]


def source_folder(service: Service, charter: Charter) -> str:
    return posixpath.normpath(posixpath.join(charter.root, service.source or "."))
