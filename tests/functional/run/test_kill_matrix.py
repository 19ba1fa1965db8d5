"""Killed at any point and resumed, a run ends as an undisturbed one does, with nothing deployed twice.

In-process: an exception that nothing catches, before and after every event of a full run (so before and after every
effect, for each effect lies between two events), then a fresh engine on the same journal and the same running emulator.
For real: `kill -9` of the command line at moments spread over a run.
"""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loop import cloud, config, emulator, source
from loop.core.events import Event, HookFinished, RunResumed, RunStarted
from loop.core.state import RunState
from loop.engine import Engine, utc_now
from loop.journal import Journal, Run, opened
from loop.perform import performer
from loop.perform.setting import Mask, Setting

SAMPLE = 12
"""`make test` crashes at every twelfth boundary; `make test-all` at all."""
BOUNDARIES = 80
"""More than a full run of the tiny stack has; those beyond its last event are not there and counted as such."""
KILLS = 20


class Crash(BaseException):
    """Nothing in loop catches it."""


@dataclass
class Crasher:
    """Raises at the boundary before or after event number `at`, once."""

    at: int
    after: bool
    of: type[Event] = Event
    """Which events count."""
    seen: int = 0
    crashed: bool = False

    def about_to(self, event: Event) -> None:
        if not self.after and isinstance(event, self.of):
            self._count()

    def saw(self, event: Event, _state: RunState) -> None:
        if self.after and isinstance(event, self.of):
            self._count()

    def case(self, *_: Any) -> None: ...
    def output(self, *_: Any) -> None: ...
    def close(self) -> None: ...

    def _count(self) -> None:
        self.seen += 1
        if self.seen == self.at and not self.crashed:
            self.crashed = True
            raise Crash(f"at event {self.at}")


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cloud.Endpoints]:
    with emulator.attach(tmp_path_factory.mktemp("emulator")) as attached:
        there = attached.endpoints
        yield cloud.Endpoints(grpc=there.grpc, storage=there.storage, admin=there.admin)


@dataclass(frozen=True)
class Bench:
    """One run in one repository and one project of the shared emulator."""

    journal: Journal
    run: Run
    setting: Setting
    platform: cloud.Platform
    grpc: str

    def drive(self, crasher: Crasher | None = None, resumed: bool = False) -> RunState:
        about_to = crasher.about_to if crasher else None
        observers = (crasher,) if crasher else ()
        engine = Engine(self.journal, self.run, performer(self.setting), observers=observers, about_to=about_to)
        if resumed:
            engine.emit(RunResumed(host="h", pid=os.getpid()))
        return engine.drive()


@pytest.fixture
def bench(
    make_stack: Callable[[str], Any], shared_emulator: cloud.Endpoints, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(prepare: Callable[[Any], None] = lambda _stack: None) -> Bench:
        stack = make_stack(f"repo{len(made)}")
        prepare(stack)
        project = re.sub(r"[^a-z0-9]+", "-", f"p-{os.getpid()}-{id(request.node)}-{len(made)}")
        stack.configure("endpoint: emulator", f"endpoint: emulator, project: {project}")
        stack.commit("Its own project")
        loaded = config.load("local", read=config.tree(stack.root), variables=os.environ)
        repo = source.find(stack.root)
        source.state_folder(repo)
        journal = opened("sqlite:///.loop/journal.db", stack.root)
        charter = loaded.environment.charter
        platform = cloud.connect(charter.platform, shared_emulator)
        setting = Setting(
            repository=repo, variables=dict(os.environ), redact=Mask(), platform=lambda: platform, clock=utc_now
        )
        event = RunStarted(at=utc_now(), environment="local", number=1, uid="aaaaaa", charter=charter)
        made.append(Bench(journal, journal.start(event), setting, platform, shared_emulator.grpc))
        return made[-1]

    yield make
    for each in made:
        gone(each)
        each.platform.close()
        each.journal.close()


def gone(bench: Bench) -> None:
    """Hundreds of runs share the emulator: what one left serving would be hundreds of processes."""
    import grpc
    from google.api_core.exceptions import NotFound
    from google.cloud import run_v2
    from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

    target = bench.journal.state(bench.run).charter.platform
    with grpc.insecure_channel(bench.grpc) as channel:
        client = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        for name in ("a", "b"):
            with contextlib.suppress(NotFound):
                full = f"projects/{target.project}/locations/{target.region}/services/{name}"
                client.delete_service(name=full).result(timeout=30)


def facts(bench: Bench, state: RunState) -> dict[str, Any]:
    """What must be equal: the table, the verdicts, the revisions that served, and all that were ever made."""
    target = state.charter.platform
    made = {name: revisions(bench.grpc, target.project, target.region, name) for name in ("a", "b")}
    return {
        "ended": state.ended and state.ended.ending,
        "table": [str(it.judgement and it.judgement.raw) for it in state.iterations],
        "serving": [{n: s.revision for n, s in it.services.items()} for it in state.iterations],
        "made": made,
        "traffic": {
            n: [(t.revision, t.percent) for t in bench.platform.serving(state.iterations[0].definition(n)).traffic]
            for n in made
        },
    }


def revisions(address: str, project: str, region: str, service: str) -> list[str]:
    """All that exist, asked with Google's client and not with ours."""
    import grpc
    from google.cloud import run_v2
    from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport

    with grpc.insecure_channel(address) as channel:
        client = run_v2.RevisionsClient(transport=RevisionsGrpcTransport(channel=channel))
        parent = f"projects/{project}/locations/{region}/services/{service}"
        return sorted(r.name.rpartition("/")[2] for r in client.list_revisions(parent=parent))


UNDISTURBED = {
    "ended": "goal met",
    "table": ["2/3", "3/3"],
    "serving": [{"a": "a-laaaaaa-0", "b": "b-laaaaaa-0"}, {"a": "a-laaaaaa-1", "b": "b-laaaaaa-0"}],
    "made": {"a": ["a-laaaaaa-0", "a-laaaaaa-1"], "b": ["b-laaaaaa-0"]},
    "traffic": {"a": [("a-laaaaaa-1", 100)], "b": [("b-laaaaaa-0", 100)]},
}


def test_an_undisturbed_run_is_what_the_others_are_held_against(bench: Callable[[], Bench]) -> None:
    made = bench()
    assert facts(made, made.drive()) == UNDISTURBED
    assert made.journal.count(made.run) <= BOUNDARIES


def boundaries(all_of_them: bool) -> list[Any]:
    points = [(at, after) for at in range(1, BOUNDARIES + 1) for after in (False, True)]
    chosen = {n for n in range(len(points)) if n % SAMPLE == 3}
    return [
        pytest.param(at, after, id=f"{'after' if after else 'before'} event {at}")
        for n, (at, after) in enumerate(points)
        if (n in chosen) is not all_of_them
    ]


def crash_and_resume(bench: Bench, at: int, after: bool, undisturbed: dict[str, Any] = UNDISTURBED) -> None:
    crasher = Crasher(at=at, after=after)
    try:
        state = bench.drive(crasher)
    except Crash:
        state = bench.drive(resumed=True)
    print(f"boundary {at} {'after' if after else 'before'}: {'crashed' if crasher.crashed else 'beyond the run'}")
    assert facts(bench, state) == undisturbed


@pytest.mark.parametrize(("at", "after"), boundaries(all_of_them=False))
def test_a_crash_at_a_boundary_changes_nothing_in_the_end(bench: Callable[[], Bench], at: int, after: bool) -> None:
    crash_and_resume(bench(), at, after)


@pytest.mark.full
@pytest.mark.parametrize(("at", "after"), boundaries(all_of_them=True))
def test_a_crash_at_any_boundary_changes_nothing_in_the_end(bench: Callable[[], Bench], at: int, after: bool) -> None:
    crash_and_resume(bench(), at, after)


def test_crashing_again_and_again_changes_nothing_in_the_end(bench: Callable[[], Bench]) -> None:
    made, crashes = bench(), 0
    state: RunState | None = None
    while state is None:
        # the resume's own event is the first, and every action begun anew says so: leave room for a step
        crasher = Crasher(at=5 + crashes % 7, after=bool(crashes % 2))
        try:
            state = made.drive(crasher, resumed=True)
        except Crash:
            crashes += 1
        assert crashes < 100
    print(f"{crashes} crashes in one run")
    assert crashes > 8
    assert facts(made, state) == UNDISTURBED


# promotion, confirmation, restoration: iteration 0 makes the services, iteration 1 tests a candidate of a beside it


def with_candidates(stack: Any) -> None:
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "traffic: candidate\n")


def with_a_confirmation_that_fails(stack: Any) -> None:
    """b calls the serving a: what it tells changes only when the candidate of a is promoted."""
    with_candidates(stack)
    old = 'ask("B", "/via")["status"] == "ok"'
    assert old in stack.read("tests/test_smoke.py")
    stack.write(
        "tests/test_smoke.py", stack.read("tests/test_smoke.py").replace(old, 'ask("B", "/via")["answer"] == "wrong"')
    )


CONFIRMED = UNDISTURBED | {
    "table": ["2/3", "3/3", "3/3"],
    "serving": [*UNDISTURBED["serving"], UNDISTURBED["serving"][1]],
    "traffic": {"a": [("a-laaaaaa-1", 100), ("a-laaaaaa-1", 0)], "b": [("b-laaaaaa-0", 100)]},
}
RESTORED = CONFIRMED | {
    "ended": "fixer gave up",
    "table": ["2/3", "3/3", "2/3"],
    "traffic": {"a": [("a-laaaaaa-0", 100), ("a-laaaaaa-1", 0)], "b": [("b-laaaaaa-0", 100)]},
}
SCENES = {"promoted": (with_candidates, CONFIRMED), "put back": (with_a_confirmation_that_fails, RESTORED)}
FIRST, LAST = 56, 105
"""Events of a run from the candidate's verdict on; those before are the business of the matrix above."""


@pytest.mark.parametrize("scene", SCENES)
def test_an_undisturbed_run_with_candidates(bench: Callable[..., Bench], scene: str) -> None:
    prepare, undisturbed = SCENES[scene]
    made = bench(prepare)
    assert facts(made, made.drive()) == undisturbed
    judged = [n for n, e in enumerate(made.journal.events(made.run), 1) if type(e).__name__ == "IterationJudged"]
    assert judged[1] >= FIRST
    assert made.journal.count(made.run) <= LAST


def later_boundaries(all_of_them: bool) -> list[Any]:
    points = [(at, after) for at in range(FIRST, LAST + 1) for after in (False, True)]
    return [
        pytest.param(at, after, id=f"{'after' if after else 'before'} event {at}")
        for n, (at, after) in enumerate(points)
        if (n % SAMPLE == 3) is not all_of_them
    ]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("at", "after"), later_boundaries(all_of_them=False))
def test_a_crash_changes_nothing_of_who_serves(bench: Callable[..., Bench], scene: str, at: int, after: bool) -> None:
    prepare, undisturbed = SCENES[scene]
    crash_and_resume(bench(prepare), at, after, undisturbed)


@pytest.mark.full
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("at", "after"), later_boundaries(all_of_them=True))
def test_a_crash_anywhere_changes_nothing_of_who_serves(
    bench: Callable[..., Bench], scene: str, at: int, after: bool
) -> None:
    prepare, undisturbed = SCENES[scene]
    crash_and_resume(bench(prepare), at, after, undisturbed)


HOOKS = ("before_deploy", "after_deploy", "before_suites", "after_suites")
CALLED = [*(f"{hook} {k}" for k in (0, 1) for hook in HOOKS), "on_end 1"]


@pytest.mark.parametrize(
    ("at", "after"),
    [
        pytest.param(at, after, marks=() if at in (1, 4, 9) else pytest.mark.full)
        for at in range(1, len(CALLED) + 1)
        for after in (False, True)
    ],
)
def test_a_crash_at_the_end_of_any_hook_changes_nothing_but_that_it_may_run_twice(
    bench: Callable[..., Bench], at: int, after: bool, tmp_path: Path
) -> None:
    note = f"'echo $LOOP_HOOK $LOOP_ITERATION >> {tmp_path}/notes'"
    hooks = "hooks:\n" + "".join(f"  {hook}: {note}\n" for hook in (*HOOKS, "on_end"))
    made = bench(lambda stack: stack.write("configs/local.yaml", stack.read("configs/local.yaml") + hooks))
    crasher = Crasher(at=at, after=after, of=HookFinished)
    with pytest.raises(Crash):
        made.drive(crasher)
    state = made.drive(resumed=True)
    twice = [CALLED[at - 1]] if not after else []
    assert facts(made, state) == UNDISTURBED
    assert (tmp_path / "notes").read_text().splitlines() == [*CALLED[:at], *twice, *CALLED[at:]]
    assert not state.owes
    assert all(not hook.reason for it in state.iterations for hook in it.hooks.values())
    assert "Hooks:" in (made.setting.root / state.iterations[1].report).read_text()


# for real


def kill_and_resume(stack: Any, nothing_runs: Callable[[Path], None], moment: int) -> None:
    child = stack.start("run", "--env", "local", "--json")
    for _ in range(moment):
        if not child.stdout.readline():
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    child.stderr.close()
    nothing_runs(stack.root)
    resumed = stack.loop("resume", "--env", "local")
    assert resumed.returncode == 0, resumed.stderr + resumed.stdout
    record = stack.record(1, 1)
    assert [row["passed"] for row in record["table"]] == ["2/3", "3/3"], record["table"]


@pytest.mark.parametrize("moment", [3 * n for n in range(1, KILLS + 1) if n % 5 == 2])
def test_a_killed_command_leaves_no_process_and_resumes(
    stack: Any, nothing_runs: Callable[[Path], None], moment: int
) -> None:
    kill_and_resume(stack, nothing_runs, moment)


@pytest.mark.full
@pytest.mark.parametrize("moment", [3 * n for n in range(1, KILLS + 1) if n % 5 != 2])
def test_a_killed_command_leaves_no_process_and_resumes_at_any_moment(
    stack: Any, nothing_runs: Callable[[Path], None], moment: int
) -> None:
    kill_and_resume(stack, nothing_runs, moment)
