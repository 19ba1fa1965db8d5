"""Composition: a repository, a configuration, a journal, a lease, a platform and an engine become one command."""

import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from loop import cloud, config, emulator, source
from loop.console.observer import Observer
from loop.core.actions import Ending
from loop.core.environment import Charter, Environment, PlatformTarget
from loop.core.events import Event, RollbackRequested, RunResumed, RunStarted
from loop.core.pruning import Pruning
from loop.core.state import RunState
from loop.core.traffic import candidates, promotable
from loop.core.wording import count
from loop.engine import Engine, utc_now
from loop.errors import PlatformError, UsageError
from loop.journal import Journal, Lease, Run, opened
from loop.journal.lease import me, pause
from loop.perform import performer
from loop.perform.prune import chosen, prune
from loop.perform.setting import Mask, Setting
from loop.perform.traffic import NEW

JOURNAL = "sqlite:///.loop/journal.db"
_UID = "abcdefghijklmnopqrstuvwxyz234567"
_MET = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line of `loop run` asks for."""

    ref: str | None = None
    fetch: bool = False
    iterations: int | None = None
    suites: tuple[str, ...] = ()


def repository() -> source.Repository:
    return source.find(Path.cwd())


def journal_of(repo: source.Repository) -> Journal:
    source.state_folder(repo)
    return opened(JOURNAL, repo.root)


class Session:
    """One command that turns the loop: holds the environment's lease from begin to end."""

    def __init__(
        self, repo: source.Repository, environment: Environment, journal: Journal, lease: Lease, stack: ExitStack
    ) -> None:
        self._repo = repo
        self._lease = lease
        self._environment = environment
        self._journal = journal
        self._stack = stack
        self._variables: Mapping[str, str] = dict(os.environ)

    @classmethod
    def opened(cls, environment: str, *, wait: bool) -> "Session":
        repo = repository()
        known_environment(environment, repo.root)
        loaded = config.load(environment, read=config.tree(repo.root), variables=os.environ)
        for warning in loaded.warnings:
            sys.stderr.write(f"warning: {warning}\n")
        return cls._holding(repo, environment, wait, lambda _journal: loaded.environment)

    @classmethod
    def of_run(cls, name: str, environment: str, *, wait: bool) -> "Session":
        """Needs no configuration but what the run's journal holds: a broken file must not hold up a roll back."""

        def recorded(journal: Journal) -> Environment:
            run = journal.find(name)
            assert run is not None
            state = journal.state(run)
            return Environment(charter=state.charter, services=state.current.definitions if state.current else ())

        return cls._holding(repository(), environment, wait, recorded)

    @classmethod
    def _holding(
        cls, repo: source.Repository, environment: str, wait: bool, read: Callable[[Journal], Environment]
    ) -> "Session":
        _writable(repo.root / "reports")
        with ExitStack() as stack:
            journal = journal_of(repo)
            stack.callback(journal.close)
            lease = Lease(journal, environment, holder=me())
            lease.acquire(wait=pause if wait else None)
            stack.callback(lease.release)
            return cls(repo, read(journal), journal, lease, stack.pop_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, wish: Wish, *, json: bool) -> int:
        """A new run until it ends, is paused or interrupted; its exit code."""
        if wish.fetch:
            source.fetch(self._repo, wish.ref)
        if wish.ref is not None:
            source.resolve(self._repo, wish.ref)
        charter = _limited(self._environment.charter, wish.iterations)
        _known_suites(charter, wish.suites)
        event = RunStarted(
            at=utc_now(),
            environment=charter.name,
            number=self._number(),
            uid="".join(secrets.choice(_UID) for _ in range(6)),
            charter=charter,
            ref=wish.ref,
            suites=wish.suites,
            trend=self._journal.trend(charter.name),
            program=version("loop"),
        )
        return self._drive(self._journal.start(event), (), json=json)

    def resume(self, name: str, *, ref: str | None, again: bool, json: bool) -> int:
        """Go on with a run of this environment; its exit code."""
        run = self._found(name)
        state = self._journal.state(run)
        start = self._next(state, ref, again)
        event = RunResumed(host=socket.gethostname(), pid=os.getpid(), again=again)
        if start:
            event = replace(event, ref=start.commit, uncommitted=start.uncommitted)
        return self._drive(run, (event,), json=json)

    def promote(self, name: str, *, json: bool) -> int:
        """Give the traffic to what a run tested, and confirm it; its exit code."""
        run = self._found(name)
        state = self._journal.state(run)
        if state.current is None or not promotable(state.current):
            raise UsageError(_nothing_to_promote(state), where=state.name, hint=f"loop show {state.name}")
        event = RunResumed(host=socket.gethostname(), pid=os.getpid(), promote=True)
        return self._drive(run, (event,), json=json)

    def rollback(self, name: str, *, json: bool) -> int:
        """Put back the split that a run found; 3 where somebody else moved a service since."""
        run = self._found(name)
        if self._journal.state(run).current is None:
            raise UsageError(f"{name} deployed nothing", hint="loop history")
        event = RollbackRequested(host=socket.gethostname(), pid=os.getpid())
        return self._drive(run, (event,), json=json)

    def prune(self, keep: int, *, dry: bool) -> Iterator[str]:
        """A sentence per service on what went, or would go."""
        charter = self._environment.charter
        runs = [self._journal.state(run) for run in reversed(self._journal.runs(charter.name))]
        platform = connector(charter.platform, self._repo, self._stack)()
        for service, what, there in chosen(self._environment.services, runs, platform, keep):
            if not dry:
                prune(service, what, platform, fence=self._lease.fence, wait=time.sleep)
            yield _pruned(service.name, what, there, dry=dry)

    def _found(self, name: str) -> Run:
        run = self._journal.find(name)
        assert run is not None
        return run

    def _next(self, state: RunState, ref: str | None, again: bool) -> source.StartingPoint | None:
        """The commit that the next iteration starts from, where the last one was the run's end."""
        if state.ended is None or state.owes:
            if ref is not None:
                where = "before its hook on_end had ended" if state.owes else "within an iteration"
                raise UsageError(
                    f"{state.name} stopped {where}: it goes on from there", hint=f"loop resume {state.name}"
                )
            return None
        start = source.starting_point(self._repo, ref)
        if state.current and start.commit == state.current.commit and not again:
            raise UsageError(
                f"nothing changed since the last iteration of {state.name} ({start.commit[:12]})",
                where=str(self._repo.root),
                hint=f"commit a fix first, or repeat the suites: loop resume {state.name} --again",
            )
        return start

    def _number(self) -> int:
        environment = self._environment.charter.name
        folder = self._repo.root / "reports" / environment
        reported = [int(p.name) for p in folder.glob("*") if p.name.isdecimal()]
        recorded = [run.number for run in self._journal.runs(environment)]
        return 1 + max(0, *reported, *recorded, source.run_numbers(self._repo, environment))

    def _drive(self, run: Run, first: Sequence[Event], *, json: bool) -> int:
        from loop.cli.display import observers, print_summary

        seen: Sequence[Observer] = observers(run.name, self._journal.count(run), json=json)
        engine = Engine(self._journal, run, performer(self._setting(self._journal.state(run))), observers=seen)
        with _Signals(engine.interrupt):
            try:
                for event in first:
                    engine.emit(event)
                state = engine.drive()
            finally:
                for observer in seen:
                    observer.close()
        print_summary(state, json=json)
        rolled_back = any(isinstance(event, RollbackRequested) for event in first)
        return rollback_code(state) if rolled_back else exit_code(state)

    def _setting(self, state: RunState) -> Setting:
        setting = Setting(
            repository=self._repo,
            variables=self._variables,
            redact=Mask(),
            platform=connector(state.charter.platform, self._repo, self._stack),
            clock=utc_now,
            fence=self._lease.fence,
        )
        setting.learn_secrets(self._environment)
        if state.charter.platform.emulated:
            setting.redact.learn(emulator.local_secrets(self._repo.root / state.charter.platform.state))
        if state.current:
            now = state.current
            setting.learn_secrets(
                Environment(charter=state.charter, services=now.definitions, dependencies=now.dependencies)
            )
        return setting


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
    attached = emulator.attach(repo.root / target.state)
    stack.callback(attached.close)
    there = attached.endpoints
    return cloud.Endpoints(grpc=there.grpc, storage=there.storage, admin=there.admin)


def exit_code(state: RunState) -> int:
    """Design section 10."""
    if state.ended and not state.interrupted:
        return state.ended.exit_code
    if state.paused:
        return state.paused.exit_code
    return 130 if state.interrupted else 70


def _pruned(service: str, what: Pruning, there: int, *, dry: bool) -> str:
    verb = "would go" if dry else "removed"
    if not what.tags and not what.revisions:
        return f"{service}: nothing to remove, {count(there, 'revision')}"
    gone = f"{count(len(what.revisions), 'revision')} and {count(len(what.tags), 'tag')} {verb}"
    names = ", ".join([*what.revisions, *what.tags])
    return f"{service}: {gone} ({names}), {count(there - len(what.revisions), 'revision')} kept"


def rollback_code(state: RunState) -> int:
    """What did not serve before the run can not be put back, and is no failure; what somebody else moved is one."""
    it = state.current
    if it is None or it.restoration is None or state.rollback:
        return state.paused.exit_code if state.paused else 130
    return PlatformError.exit_code if any(why != NEW for why in it.restoration.left.values()) else 0


def _nothing_to_promote(state: RunState) -> str:
    it = state.current
    if it is None or it.judgement is None or not candidates(it):
        return "it has no candidates that were tested"
    if it.promotion is not None:
        return "its candidates were promoted already"
    return f"its candidates did not pass: {it.judgement.rule}"


def of_journal(name: str | None, environment: str | None) -> tuple[str, str]:
    """Environment and name of the run that a command means: the one named, else the environment's newest."""
    journal = journal_of(repository())
    try:
        run = _newest(journal, name, environment)
        return run.environment, run.name
    finally:
        journal.close()


def resumable(name: str | None, environment: str | None) -> tuple[str, str]:
    """Environment and name of the run that `loop resume` means: the one named, else the environment's newest."""
    repo = repository()
    journal = journal_of(repo)
    try:
        return _chosen(journal, name, environment)
    finally:
        journal.close()


def _chosen(journal: Journal, name: str | None, environment: str | None) -> tuple[str, str]:
    run = _newest(journal, name, environment)
    state = journal.state(run)
    if state.ended and state.ended.ending is Ending.UNPROMOTED and not state.owes:
        raise UsageError(f"{run.name} waits for promotion", hint=f"loop promote {run.name}")
    if state.ended and state.ended.exit_code == _MET and not state.owes:
        raise UsageError(f"{run.name} met its goal: nothing to resume", hint=f"loop run --env {run.environment}")
    return run.environment, run.name


def _newest(journal: Journal, name: str | None, environment: str | None) -> Run:
    if name is None and environment is None:
        raise UsageError("which run?", hint="name it, or give --env NAME for its newest; loop history lists them")
    run = journal.find(name) if name else next(iter(reversed(journal.runs(environment))), None)
    if run and environment and run.environment != environment:
        raise UsageError(f"{run.name} is a run of {run.environment}, not of {environment}", hint="leave out --env")
    if run is None:
        raise UsageError(f"there is no run {name or 'of ' + str(environment)}", hint="loop history")
    return run


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


def _writable(reports: Path) -> None:
    """Found out now and not after a deployment and a whole suite."""
    try:
        reports.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=reports):
            pass
    except OSError as error:
        hint = "make it a folder that you may write to"
        raise UsageError(f"reports can not be written: {error.strerror}", where=str(reports), hint=hint) from error


def _limited(charter: Charter, iterations: int | None) -> Charter:
    if iterations is None:
        return charter
    return replace(charter, limits=replace(charter.limits, iterations=iterations))


def _known_suites(charter: Charter, wanted: Sequence[str]) -> None:
    names = [suite.name for suite in charter.suites]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UsageError(f"no suite is called {', '.join(unknown)}", hint=f"--suite takes: {', '.join(names)}")


class _Signals:
    """The first SIGINT, SIGTERM or SIGHUP (a closed terminal) asks the engine to stop; a second one ends at once."""

    def __init__(self, interrupt: Callable[[int], None]) -> None:
        self._interrupt = interrupt
        self._count = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            os._exit(130)
        self._interrupt(number)
