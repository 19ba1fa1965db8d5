"""Every way in which a real loop's numbers were wrong, put into a stack one by one: none of them turns green unsaid.

A fault is one row: how the stack is made to lie, and what must be said of it. Each runs the real command line; the
table fault -> verdict is printed at the end of the module (visible with `-s`). `docs/pains.md` names these rows.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

UNSAID = "(not said)"
CASE = "smoke::tests/test_smoke.py::test_a_is_right"


@dataclass(frozen=True)
class Fault:
    name: str
    prepare: Callable[[Any], None]
    verdict: str
    """Of the last judged iteration; a green one must say what is odd about it."""
    exit_code: int
    reason: str
    """The kind of the problem for an invalid iteration, else a part of the report."""
    arguments: tuple[str, ...] = field(default=())
    sample: bool = False
    """Also in `make test`."""


def suite(source: str, *, fixer: bool = False) -> Callable[[Any], None]:
    """A suite of its own source; without the fixer there is one iteration."""

    def prepare(stack: Any) -> None:
        stack.write("tests/test_smoke.py", source)
        None if fixer else stack.without_fixer()

    return prepare


def command(
    text: str, extra: str = "", files: dict[str, str] | None = None, pattern: str = "results.xml"
) -> Callable[[Any], None]:
    """A runner that is not pytest: a shell command and the JUnit XML that it leaves."""

    def prepare(stack: Any) -> None:
        stack.without_fixer()
        for path, content in ({"run.sh": text} | (files or {})).items():
            stack.write(path, content)
        old = f"pytest: tests, python: {sys.executable}"
        stack.configure(old, f'command: sh run.sh, junit: "{pattern}"{extra}')

    return prepare


def configured(old: str, new: str, then: Callable[[Any], None] | None = None) -> Callable[[Any], None]:
    def prepare(stack: Any) -> None:
        stack.configure(old, new)
        (then or (lambda each: each.without_fixer()))(stack)

    return prepare


def added(text: str) -> Callable[[Any], None]:
    """Further lines at the end of the configuration."""

    def prepare(stack: Any) -> None:
        stack.without_fixer()
        stack.write("configs/local.yaml", stack.read("configs/local.yaml") + text)

    return prepare


def added_file(path: str, text: str) -> Callable[[Any], None]:
    def prepare(stack: Any) -> None:
        stack.without_fixer()
        stack.write(path, text)

    return prepare


def app(old: str, new: str, then: Callable[[Any], None] | None = None) -> Callable[[Any], None]:
    """Service a behaves otherwise."""

    def prepare(stack: Any) -> None:
        text = stack.read("services/a/app.py")
        assert old in text
        stack.write("services/a/app.py", text.replace(old, new))
        stack.without_fixer()
        if then:
            then(stack)

    return prepare


def fixing(path: str, old: str, new: str) -> Callable[[Any], None]:
    """A fixer that gets its green by editing something else than the product, once."""

    def prepare(stack: Any) -> None:
        stack.write(
            "fix.py",
            "import pathlib, subprocess, sys\n"
            f"file = pathlib.Path({path!r})\n"
            "text = file.read_text() if file.exists() else ''\n"
            f"changed = text.replace({old!r}, {new!r}) if {old!r} else {new!r}\n"
            f"if {new!r} in text: sys.exit(3)\n"
            "file.write_text(changed)\n"
            "subprocess.run(['git', 'add', '-A'], check=True)\n"
            "subprocess.run(['git', 'commit', '-qm', 'Make it green'], check=True)\n",
        )

    return prepare


def and_the_product(then: Callable[[Any], None], prepare: Callable[[Any], None]) -> Callable[[Any], None]:
    """The fixer of `prepare` also gives service a another revision, which changes nothing of its answers."""

    def both(stack: Any) -> None:
        then(stack)
        prepare(stack)
        writes = "file.write_text(changed)\n"
        more = f"{writes}pathlib.Path('services/a/note.txt').write_text('x')\n"
        stack.write("fix.py", stack.read("fix.py").replace(writes, more))

    return both


def helper(stack: Any) -> None:
    """What the failing case asserts lies in a module beside it."""
    stack.write("tests/helpers.py", f"def is_right(answer):\n    {ASSERTS}\n")
    text = stack.read("tests/test_smoke.py").replace("import json", "from helpers import is_right\nimport json", 1)
    stack.write("tests/test_smoke.py", text.replace(
        'assert ask("A", "/health")["answer"] == "right"', 'is_right(ask("A", "/health")["answer"])'))  # fmt: skip


def runner(stack: Any) -> None:
    stack.write("run.sh", WRITES.format(RED) + "exit 1\n")
    stack.configure(f"pytest: tests, python: {sys.executable}", "command: sh run.sh, junit: results.xml")


def set_up(stack: Any) -> None:
    """What the failing case expects is written by the set-up of the workspace."""
    stack.write("gen.sh", "echo right > tests/expected.txt\n")
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "workspace: {setup: sh gen.sh}\n")
    stack.write("tests/test_smoke.py", stack.read("tests/test_smoke.py").replace(
        '["answer"] == "right"', '["answer"] == open("tests/expected.txt").read().strip()'))  # fmt: skip


def green_before(then: Callable[[Any], None]) -> Callable[[Any], None]:
    """A run that met its goal comes first: it is the baseline."""

    def prepare(stack: Any) -> None:
        stack.without_fixer()
        stack.write("services/a/answer.txt", "right\n")
        stack.commit("All green")
        first = stack.loop("run", "--env", "local")
        assert first.returncode == 0, first.stdout + first.stderr
        then(stack)

    return prepare


def edit(path: str, old: str, new: str) -> Callable[[Any], None]:
    def prepare(stack: Any) -> None:
        text = stack.read(path)
        assert old in text
        stack.write(path, text.replace(old, new))

    return prepare


PLUGIN = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    report.outcome = "passed"
    return report
"""
CHEAT = '[tool.pytest.ini_options]\naddopts = "-p tests.green"\n'
ASSERTS = 'assert answer == "right"'
PASSING = "def test_fine():\n    pass\n"
GREEN = '<testsuite tests="1"><testcase name="a"/></testsuite>'
RED = '<testsuite tests="1"><testcase name="a"><failure message="no"/></testcase></testsuite>'
PAIR = '<testsuite tests="2"><testcase name="a"/><testcase name="b"/></testsuite>'
CUT = '<testsuite tests="2"><testcase name="a"/><testcase name="b"><fail'
MORE = '<testsuite name="s" tests="25"><testcase name="a"/></testsuite>'
LOST = f'<testsuites tests="25">{GREEN}</testsuites>'
WRITES = "echo '{}' > results.xml\n"
EMPTY = '<testsuite tests="0"></testsuite>'
HEALTH = "a, health: /health}"
IDENTITY = "a, health: {path: /health, within: 1s, identity: {json: revision}}}"
ANSWERS = "    def do_GET(self):\n"
FORBID = ANSWERS + "        if self.path != {!r}: return self.send_error(403)\n"
DIE = ANSWERS + (
    '        if self.path == "/die":\n            open(os.environ["TMPDIR_OF_TEST"] + "/dead", "w").close()\n'
    "            os._exit(9)\n"
)
SKIP_ALL = "import pytest\npytestmark = pytest.mark.skip(reason='staging is not available')\n" + PASSING
EXIT_OF_PYTEST = "def pytest_sessionfinish(session):\n    session.exitstatus = {}\n"
SMOKE = "  smoke: {pytest: tests"
FEWER = "{pytest: tests -k 'not right'"
DROPS = "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if 'right' not in i.name]\n"
LAST_CASE = "def test_a_is_right():"
MOVES = """
import json, os, pathlib, urllib.request
from google.cloud import run_v2
import grpc
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

def ask(path):
    with urllib.request.urlopen(os.environ["LOOP_URL_A"] + path) as answer:
        return json.load(answer)

def somebody(change):
    endpoints = json.loads((pathlib.Path.cwd().parents[1] / "emulator" / "endpoints.json").read_text())
    channel = grpc.insecure_channel(endpoints["grpc"], options=[("grpc.enable_http_proxy", 0)])
    with channel:
        services = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        found = services.get_service(name="projects/local/locations/emulator/services/a")
        change(found)
        services.update_service(service=found).result(timeout=30)

def to(revision, percent=100):
    return run_v2.TrafficTarget(type_=2, revision=revision, percent=percent)
"""
BACK = (
    MOVES
    + """
def test_answers():
    answer = ask("/health")
    if answer["answer"] == "right":
        older = answer["revision"].rpartition("-")[0] + "-0"
        def back(service):
            service.template.revision = ""
            service.traffic = [to(older, {old}), *([to(answer["revision"], {new})] if {new} else [])]
        somebody(back)
    else:
        raise AssertionError("wrong")
"""
)
THERE_AND_BACK = (
    MOVES
    + """
def give_all_to(revision):
    def change(service):
        service.template.revision = ""
        service.traffic = [to(revision)]
    somebody(change)

def test_b_reaches_a():
    answer = ask("/health")
    if answer["answer"] == "right":
        give_all_to(answer["revision"].rpartition("-")[0] + "-0")
        with urllib.request.urlopen(os.environ["LOOP_URL_B"] + "/via") as through:
            assert json.load(through)["answer"] == "wrong", "b asks a without the case's trace"
        give_all_to(answer["revision"])
    else:
        raise AssertionError("wrong")
"""
)
DEPLOYS = (
    MOVES
    + """
def test_answers():
    def newer(service):
        service.template.revision = "a-of-a-colleague"
        service.template.containers[0].env = [run_v2.EnvVar(name="GREETING", value="hi")]
        service.traffic = [to("a-of-a-colleague")]
    somebody(newer)
    assert ask("/health")["status"] == "ok"
"""
)
DYING = """
import os, urllib.request, urllib.error, pytest

def test_first():
    with pytest.raises(OSError):
        urllib.request.urlopen(os.environ["LOOP_URL_A"] + "/die")
"""


def dying(stack: Any) -> None:
    stack.write("tests/test_smoke.py", DYING)
    stack.configure(HEALTH, f'a, health: /health, env: {{TMPDIR_OF_TEST: "{stack.root.parent}"}}}}')


def left_by_the_last_iteration(stack: Any) -> None:
    """The first iteration's runner writes a file of green results; the second one's dies before it writes."""
    stack.write("run.sh", "grep -q wrong services/a/answer.txt || exit 0\n" + WRITES.format(RED))
    stack.configure(f"pytest: tests, python: {sys.executable}", "command: sh run.sh, junit: results.xml")
    stack.configure("iterations: 3", "iterations: 1")


def cut_short(stack: Any) -> None:
    """The set-up of the workspace fails while service a is being deployed: it has begun and does not listen yet."""
    stack.without_fixer()
    begun = stack.root.parent / "begun"
    stack.write("services/a/app.py", f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)\n")
    stack.write("setup.sh", f"until [ -e '{begun}' ]; do sleep 0.1; done\nexit 7\n")
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "workspace: {setup: sh setup.sh}\n")


def invalid_before(stack: Any) -> None:
    """The suite that is listed last runs first and collects nothing; the other one is never begun."""
    suite("def helper(): ...\n")(stack)
    stack.write("more/test_more.py", PASSING)
    stack.configure("suites:\n", f"suites:\n  other: {{pytest: more, python: {sys.executable}, priority: 2}}\n")
    stack.configure("timeout: 60s", "timeout: 60s, priority: 1")


def hidden(stack: Any) -> None:
    """The fixer tells git to overlook what it does to a protected file, and changes a service beside it."""
    helper(stack)
    stack.configure("fix: {", "fix: {protect: ['tests/**'], ")
    stack.write(
        "fix.py",
        "import pathlib, subprocess, sys\n"
        "note = pathlib.Path('services/a/note.txt')\n"
        "if note.exists(): sys.exit(3)\n"
        "note.write_text('x')\n"
        "subprocess.run(['git', 'update-index', '--skip-worktree', 'tests/helpers.py'], check=True)\n"
        "pathlib.Path('tests/helpers.py').write_text('def is_right(answer): pass\\n')\n",
    )


def rewritten(stack: Any) -> None:
    """The suite that runs first changes what the other one expects."""
    stack.without_fixer()
    change = "t.write_text(t.read_text().replace('\"right\"', '\"wrong\"'))"
    stack.write("first/test_first.py", f"import pathlib\ndef test_first():\n"
                f"    t = pathlib.Path('tests/test_smoke.py')\n    assert {change}\n")  # fmt: skip
    stack.configure("suites:\n", f"suites:\n  first: {{pytest: first, python: {sys.executable}, priority: 1}}\n")


def candidates(extra: str = "") -> Callable[[Any], None]:
    """Both services are tested as candidates. The only case asks b, which calls the a that serves: a's candidate, which
    answers wrongly, is asked by nobody."""

    def prepare(stack: Any) -> None:
        stack.write("tests/test_smoke.py", VIA_B)
        stack.configure("timeout: 60s", f"timeout: 60s{extra}")
        stack.write("services/b/note.txt", "another build\n")
        stack.write("services/a/answer.txt", "wrong\n")
        more = "traffic: {strategy: candidate, promote: manual}\n"
        stack.write("configs/local.yaml", stack.read("configs/local.yaml") + more)

    return green_before(prepare)


VIA_B = """
import json, os, urllib.request

def test_a_is_right():
    with urllib.request.urlopen(os.environ["LOOP_URL_B"] + "/via") as answer:
        assert json.load(answer)["answer"] == "right"

def test_b_answers():
    with urllib.request.urlopen(os.environ["LOOP_URL_B"] + "/health") as answer:
        assert json.load(answer)["status"] == "ok"

def test_a_answers(): pass
def test_b_reaches_a(): pass
"""
OVERWRITES = "echo 'def is_right(answer): pass' > tests/helpers.py"


FAULTS = (
    # results that are none
    Fault("0 cases collected", suite("def helper(): ...\n"), "invalid", 4, "collected nothing", sample=True),
    Fault("collection error", suite("import no_such_module\n"), "invalid", 4, "collection error", sample=True),
    Fault("all cases skipped", suite(SKIP_ALL), "invalid", 4, "nothing counted"),
    Fault("runner killed", suite("import os\ndef test_a(): os.kill(os.getpid(), 9)\n"), "invalid", 4, "runner died"),
    Fault("a test ends the runner with success", suite("import os\ndef test_a(): os._exit(0)\ndef test_b(): pass\n"),
          "invalid", 4, "runner died"),
    Fault("runner times out", configured("timeout: 60s", "timeout: 2s", suite("import time\ndef test_a():"
          " time.sleep(60)\n")), "invalid", 4, "timed out"),
    Fault("runner missing", configured(f"python: {sys.executable}", "python: /nowhere/python"), "invalid", 4,
          "runner missing"),
    Fault("stopped at the first failure", configured("pytest: tests", "pytest: tests -x", suite(
          "def test_a(): assert False\ndef test_b(): pass\n")), "invalid", 4, "fewer cases than expected"),
    Fault("fewer cases than the minimum", configured("timeout: 60s", "timeout: 60s, minimum: 9"), "invalid", 4,
          "fewer cases than expected"),
    Fault("set-up of the workspace fails", added("workspace: {setup: exit 7}\n"), "invalid", 4, "set-up failed"),
    Fault("set-up of the suite fails", configured("timeout: 60s", "timeout: 60s, setup: exit 7"), "invalid", 4,
          "set-up failed"),
    Fault("a suite before this one was invalid", invalid_before, "invalid", 4, "collected nothing"),
    # result files
    Fault("result file missing", command("true\n"), "invalid", 4, "result file missing"),
    Fault("result file truncated", command(WRITES.format(CUT)), "invalid", 4, "result file truncated", sample=True),
    Fault("result file unreadable", command("echo all is well > results.xml\n"), "invalid", 4,
          "result file unreadable"),
    Fault("result file stale", command("true\n", files={"results.xml": GREEN}), "invalid", 4, "result file stale",
          sample=True),
    Fault("result file touched", command("touch results.xml\n", files={"results.xml": GREEN}), "invalid", 4,
          "result file stale"),
    Fault("result file counted again through a link", command("mkdir -p out/1\n" + WRITES.format(RED).replace(
          "results.xml", "out/1/r.xml") + "ln -s 1 out/latest\n", pattern="out/**/*.xml"), "failed", 1, "0/1"),
    Fault("result file copied", command(WRITES.format(PAIR).replace("results.xml", "1.xml") + "cp 1.xml 2.xml\n",
          pattern="*.xml"), "passed", 0, "two result files are identical: 1.xml, 2.xml"),
    Fault("result file of the last iteration in place", left_by_the_last_iteration, "invalid", 4,
          "result file missing"),
    Fault("result file without a case", command(WRITES.format(EMPTY)), "invalid", 4, "collected nothing"),
    Fault("result file without some of its suites", command(WRITES.format(LOST)), "invalid", 4,
          "fewer cases than expected"),
    Fault("result file that claims more cases than it holds", command(WRITES.format(MORE)), "passed", 0,
          "counts disagree: s says 25 tests and holds 1"),
    Fault("fewer results than the runner listed", command(WRITES.format(GREEN), ', list: "echo a; echo b"'),
          "invalid", 4, "fewer cases than expected"),
    Fault("command killed after a green file", command(WRITES.format(GREEN) + "kill -9 $$\n"), "invalid", 4,
          "runner died"),
    # exit status against results
    Fault("exit status not zero, file green", command(WRITES.format(GREEN) + "exit 1\n"), "invalid", 4,
          "exit status contradicts results"),
    Fault("exit status zero, file red", command(WRITES.format(RED)), "failed", 1, "exit status 0 with a failing case",
          sample=True),
    Fault("exit status of pytest not zero, all green", lambda stack: (suite(PASSING)(stack), stack.write(
          "tests/conftest.py", EXIT_OF_PYTEST.format(3)))[0], "invalid", 4, "exit status contradicts results"),
    Fault("exit status of pytest zero, a case red", lambda stack: (stack.without_fixer(), stack.write(
          "tests/conftest.py", EXIT_OF_PYTEST.format(0)))[0], "failed", 1, "exit status 0 with a failing case"),
    # the stack under test
    Fault("traffic moved to an older revision mid-suite", suite(BACK.format(old=100, new=0), fixer=True), "invalid", 4,
          "contaminated", sample=True),
    Fault("traffic moved there and back mid-suite", suite(THERE_AND_BACK, fixer=True), "invalid", 4, "contaminated",
          sample=True),
    Fault("traffic split mid-suite", suite(BACK.format(old=50, new=50), fixer=True), "invalid", 4, "contaminated"),
    Fault("a colleague deploys mid-suite", suite(DEPLOYS), "invalid", 4, "contaminated"),
    Fault("old revision serving", app('"revision": os.environ["K_REVISION"]', '"revision": "a-00041-old"',
          lambda stack: stack.configure(HEALTH, IDENTITY)), "invalid", 4, "revision not verified"),
    Fault("service crashes at start", app("import http.server", "raise SystemExit(3)\nimport http.server"), "failed",
          1, "not run"),
    Fault("health answers 403", app(ANSWERS, FORBID.format("/"), lambda stack: stack.configure(
          HEALTH, "a, health: {path: /health, within: 1s}}")), "failed", 1, "HTTP 403"),
    Fault("service dies during the suite", app(ANSWERS, DIE, lambda stack: (dying(stack), stack.write(
          "services/a/app.py", stack.read("services/a/app.py").replace("ANSWER = open", 'if os.path.exists('
          'os.environ["TMPDIR_OF_TEST"] + "/dead"): raise SystemExit(3)\nANSWER = open', 1)))[0]), "invalid", 4,
          "contaminated"),
    Fault("judged while a deployment was open", cut_short, "invalid", 4, "operation open", sample=True),
    Fault("403 everywhere", lambda stack: (app(ANSWERS, FORBID.format("/health"))(stack), stack.write(
          "tests/test_smoke.py", stack.read("tests/test_smoke.py").replace("/health", "/api")))[0], "failed", 1,
          "HTTP Error 403"),
    Fault("dependency not reachable", added('dependencies:\n  redis: {tcp: "127.0.0.1:1", within: 1s}\n'), "invalid",
          4, "dependency not reachable"),
    Fault("mock fallback, no request", configured("timeout: 60s", "timeout: 60s, exercises: [a]", suite(
          "import time\ndef test_a(): time.sleep(0.01)\n")), "invalid", 4, "no evidence of a request", sample=True),
    Fault("candidate that no request reached", candidates(", exercises: [a, b]"), "invalid", 4,
          "no evidence of a request", sample=True),
    Fault("candidate that no request reached, undeclared", candidates(), "passed", 0,
          "**No request** reached the candidate of a", sample=True),
    # green by another way than the product
    Fault("test deleted by the fix", fixing("tests/test_smoke.py", LAST_CASE, "def is_right():"), "failed", 1,
          "1 case weakened", sample=True),
    Fault("test skipped by the fix", fixing("tests/test_smoke.py", f"\n{LAST_CASE}",
          f"\nimport pytest\n@pytest.mark.skip\n{LAST_CASE}"), "failed", 1, "1 case weakened"),
    Fault("test expected to fail by the fix", fixing("tests/test_smoke.py", f"\n{LAST_CASE}",
          f"\nimport pytest\n@pytest.mark.xfail\n{LAST_CASE}"), "failed", 1, "1 case weakened"),
    Fault("goal lowered by the fix", fixing("configs/local.yaml", "pass_rate: 100%", "pass_rate: 50%"), "failed", 1,
          "is below pass rate >= 100%"),
    Fault("known issue added by the fix", fixing("configs/known-issues.yaml", "", f"- pattern: '{CASE}'\n"
          "  signature: wrong\n  owner: x\n  reason: x\n  until: 2099-01-01\n"), "failed", 1,
          "is below pass rate >= 100%"),
    Fault("test edited until it passes", fixing("tests/test_smoke.py", '"right"', '"wrong"'), "passed", 0,
          "1 fixed (tests)", sample=True),
    Fault("test emptied by the fix", fixing("tests/test_smoke.py", 'assert ask("A", "/health")["answer"] == "right"',
          "pass"), "passed", 0, "emptied, had assertions in the iteration before"),
    Fault("helper of the tests emptied by the fix", and_the_product(helper, fixing("tests/helpers.py", ASSERTS,
          "pass")), "passed", 0, "1 fixed (both)", sample=True),
    Fault("helper of the tests emptied, product untouched", lambda stack: (helper(stack), fixing("tests/helpers.py",
          ASSERTS, "pass")(stack))[0], "passed", 0, "1 fixed (tests)"),
    Fault("runner script replaced by the fix", and_the_product(runner, fixing("run.sh", WRITES.format(RED) +
          "exit 1\n", WRITES.format(GREEN))), "passed", 0, "1 fixed (both)"),
    Fault("settings of pytest edited by the fix", and_the_product(lambda stack: stack.write(
          "tests/green.py", PLUGIN), fixing("pyproject.toml", "", CHEAT)), "passed", 0, "1 fixed (both)"),
    Fault("set-up script edited by the fix", and_the_product(set_up, fixing("gen.sh", "right", "wrong")), "passed", 0,
          "1 fixed (both)"),
    Fault("case deselected by pytest.ini", added_file("pytest.ini", "[pytest]\naddopts = -k 'not right'\n"), "passed",
          0, "1 collected case was deselected (tests/test_smoke.py::test_a_is_right)", sample=True),
    Fault("case dropped by a conftest", added_file("conftest.py", DROPS), "passed", 0,
          "1 collected case was dropped by a plugin or conftest (tests/test_smoke.py::test_a_is_right)"),
    Fault("test changed behind git's back by the fix", hidden, "failed", 1,
          "Put protected files back"),
    Fault("test overwritten by the suite's set-up", configured("timeout: 60s", f'timeout: 60s, setup: "{OVERWRITES}"',
          lambda stack: (helper(stack), stack.without_fixer())[0]), "passed", 0,
          "set-up changed 1 tracked file: tests/helpers.py"),
    Fault("tests rewritten by the suite before", rewritten, "failed", 1,
          "changed 1 tracked file while it ran: tests/test_smoke.py"),
    # from one run to the next
    Fault("case skipped since the last run", green_before(edit("tests/test_smoke.py", LAST_CASE,
          f"import pytest\n@pytest.mark.skip\n{LAST_CASE}")), "failed", 1, "1 case weakened"),
    Fault("case gone since the last run", green_before(edit("tests/test_smoke.py", LAST_CASE, "def is_right():")),
          "failed", 1, "1 case weakened"),
    Fault("suite renamed since the last run", green_before(configured(SMOKE, f"  quick: {FEWER}", str)), "passed", 0,
          "**No baseline**: the suites differ from local-1's (without smoke, new: quick); what its 3 cases covered is "
          "not held against this run.", sample=True),
    Fault("suite added and case gone since the last run", green_before(configured(SMOKE, f"  more: {{pytest: tests}}\n"
          f"  smoke: {FEWER}", str)), "failed", 1, "1 case weakened"),
    Fault("journal lost since the last run", green_before(lambda stack: (shutil.rmtree(stack.root / ".loop"),
          stack.configure(SMOKE, f"  smoke: {FEWER}"))[0]), "passed", 0,
          "**No baseline**: the journal knows nothing of 1 earlier run under reports/local; what it covered is not held"
          " against this run."),
    Fault("another case in place of one, by a command that can not list", lambda stack: (command(WRITES.format(PAIR))(
          stack), green_before(edit("run.sh", '"b"', '"c"'))(stack))[0], "failed", 1, "1 case weakened"),
    Fault("partial run", green_before(configured("suites:\n", "suites:\n  other: {pytest: tests}\n",
          str)), "failed", 1, "a run of selected suites can not meet it", ("--suite", "smoke")),
)  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Iterator[list[tuple[str, ...]]]:
    """What each fault came to; the table is printed at the end."""
    rows: list[tuple[str, ...]] = []
    yield rows
    unsaid = [row for row in rows if row[1] == "passed" and row[3] == UNSAID]
    print("\n" + "\n".join(f"{name:44} {verdict:8} {code:>4}  {reason}" for name, verdict, code, reason in rows))
    print(f"{len(rows)} faults, {len(unsaid)} false greens")


@pytest.mark.parametrize(
    "fault",
    [pytest.param(f, id=f.name.replace(" ", "-"), marks=() if f.sample else pytest.mark.full) for f in FAULTS],
)
def test_a_fault_is_named_and_never_a_green_unsaid(stack: Any, fault: Fault, told: list[tuple[str, ...]]) -> None:
    fault.prepare(stack)
    stack.commit("A fault")
    run = stack.loop("run", "--env", "local", *fault.arguments)
    last = max((stack.root / "reports" / "local").glob("*/iteration-*.json"), key=order)
    judged = stack.record(*order(last))["judgement"]
    kinds = [problem["kind"] for problem in judged["problems"]]
    report = " ".join(stack.report(*order(last)).split())
    named = fault.reason if fault.reason in (kinds if judged["verdict"] == "invalid" else report) else ""
    told.append((fault.name, judged["verdict"], str(run.returncode), named or UNSAID))
    assert (judged["verdict"], run.returncode) == (fault.verdict, fault.exit_code), f"{judged['rule']}\n{run.stderr}"
    assert named, f"{judged['rule']}\n{kinds}\n{report}"


def order(path: Any) -> tuple[int, int]:
    return int(path.parent.name), int(path.stem.partition("-")[2])
