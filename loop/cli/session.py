"""Composition: a repository, a configuration, a journal, a lease, a platform and an engine become one command."""

import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from types import TracebackType
from typing import Self

from loop import config, emulator, source
from loop.cli.here import connector, journal_of, known_environment, repository, writable
from loop.cli.said import exit_code, nothing_to_promote, pruned, rollback_code
from loop.cli.signals import Signals
from loop.console.observer import Observer
from loop.core.back import rolled_back
from loop.core.environment import Charter, Environment
from loop.core.events import Event, RollbackRequested, RunResumed, RunStarted
from loop.core.state import RunState
from loop.core.traffic import found_first, promotable, shares
from loop.core.wording import resume_command, standing
from loop.engine import Engine, utc_now
from loop.errors import UsageError
from loop.journal import Journal, Lease, Run
from loop.journal.lease import me, pause
from loop.perform import performer
from loop.perform.prune import chosen, prune
from loop.perform.setting import Mask, Setting

_UID = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line of `loop run` asks for."""

    ref: str | None = None
    fetch: bool = False
    iterations: int | None = None
    suites: tuple[str, ...] = ()


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
        writable(repo.root / "reports")
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
        self._warn_of_an_open_run()
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

    def _warn_of_an_open_run(self) -> None:
        """A run that was stopped in the middle may have moved some of the traffic: what it left counts as found."""
        newest = next(iter(reversed(self._journal.runs(self._environment.charter.name))), None)
        state = self._journal.state(newest) if newest else None
        if state is None or rolled_back(state):
            return
        if state.asked_back:
            trouble = f"is not rolled back ({standing(state)})"
            way = f"loop rollback {state.name} would go on with that"
        elif not state.ended:
            trouble = f"did not end ({standing(state)})"
            way = f"loop resume {state.name} would go on with it, loop rollback {state.name} puts back what it found"
        else:
            return
        sys.stderr.write(f"warning: {state.name} {trouble}; {way}\n")

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
        if state.asked_back or state.current is None or not promotable(state.current):
            way = resume_command(state) if state.asked_back else f"loop show {state.name}"
            hint = f"{way}, or loop run --env {state.environment}"
            raise UsageError(nothing_to_promote(state), where=state.name, hint=hint)
        event = RunResumed(host=socket.gethostname(), pid=os.getpid(), promote=True)
        return self._drive(run, (event,), json=json)

    def rollback(self, name: str, *, json: bool) -> int:
        """Put back the split that a run found; 3 where a service is not as it was then."""
        run = self._found(name)
        state = self._journal.state(run)
        if state.current is None:
            raise UsageError(f"{name} deployed nothing", hint="loop history")
        if not any(shares(found.traffic) for found in found_first(state).values() if found):
            raise UsageError(f"nothing served before {name}: there is nothing to put back", hint="loop history")
        if rolled_back(state):
            sys.stdout.write(f"{name} was rolled back already; what serves since: loop plan --env {run.environment}\n")
            return 0
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
            yield pruned(service.name, what, there, dry=dry)

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
        with Signals(engine.interrupt):
            try:
                for event in first:
                    engine.emit(event)
                state = engine.drive()
            finally:
                for observer in seen:
                    observer.close()
        print_summary(state, json=json)
        backwards = any(isinstance(event, RollbackRequested) for event in first)
        return rollback_code(state) if backwards else exit_code(state)

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


def _limited(charter: Charter, iterations: int | None) -> Charter:
    if iterations is None:
        return charter
    return replace(charter, limits=replace(charter.limits, iterations=iterations))


def _known_suites(charter: Charter, wanted: Sequence[str]) -> None:
    names = [suite.name for suite in charter.suites]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UsageError(f"no suite is called {', '.join(unknown)}", hint=f"--suite takes: {', '.join(names)}")
