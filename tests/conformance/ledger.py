"""What was called, how it was answered, and whether the tests that called it passed: what the suite covers, in figures.

A plugin, registered by `tests/conftest.py`, so that the table is whole under xdist too: workers hand their calls to the
process that prints. Where the whole suite ran, a documented outcome that no call met fails the run.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

SUITE = Path(__file__).parent
RUN, BUILD = "google.cloud.run.v2", "google.devtools.cloudbuild.v1.CloudBuild"
OPERATIONS, LOGGING = "google.longrunning.Operations", "google.logging.v2.LoggingServiceV2"
OUTCOMES = {
    f"{RUN}.Services/CreateService": "OK ALREADY_EXISTS INVALID_ARGUMENT",
    f"{RUN}.Services/GetService": "OK NOT_FOUND INVALID_ARGUMENT",
    f"{RUN}.Services/ListServices": "OK INVALID_ARGUMENT",
    f"{RUN}.Services/UpdateService": "OK NOT_FOUND ALREADY_EXISTS INVALID_ARGUMENT ABORTED UNIMPLEMENTED",
    f"{RUN}.Services/DeleteService": "OK NOT_FOUND INVALID_ARGUMENT ABORTED",
    f"{RUN}.Services/GetIamPolicy": "OK NOT_FOUND",
    f"{RUN}.Services/SetIamPolicy": "OK NOT_FOUND INVALID_ARGUMENT ABORTED",
    f"{RUN}.Services/TestIamPermissions": "OK INVALID_ARGUMENT",
    f"{RUN}.Revisions/GetRevision": "OK NOT_FOUND INVALID_ARGUMENT",
    f"{RUN}.Revisions/ListRevisions": "OK INVALID_ARGUMENT",
    f"{RUN}.Revisions/DeleteRevision": "OK NOT_FOUND FAILED_PRECONDITION ABORTED",
    f"{RUN}.Jobs/ListJobs": "UNIMPLEMENTED",
    f"{OPERATIONS}/GetOperation": "OK NOT_FOUND",
    f"{OPERATIONS}/ListOperations": "OK INVALID_ARGUMENT",
    f"{OPERATIONS}/WaitOperation": "OK NOT_FOUND DEADLINE_EXCEEDED",
    f"{OPERATIONS}/CancelOperation": "OK NOT_FOUND UNIMPLEMENTED",
    f"{OPERATIONS}/DeleteOperation": "OK NOT_FOUND FAILED_PRECONDITION",
    f"{BUILD}/CreateBuild": "OK INVALID_ARGUMENT",
    f"{BUILD}/GetBuild": "OK NOT_FOUND",
    f"{BUILD}/ListBuilds": "OK INVALID_ARGUMENT",
    f"{BUILD}/CancelBuild": "OK NOT_FOUND FAILED_PRECONDITION",
    f"{LOGGING}/ListLogEntries": "OK INVALID_ARGUMENT RESOURCE_EXHAUSTED",
    "cloudresourcemanager.v3.projects.get": "OK PERMISSION_DENIED",
    "cloudresourcemanager.v3.projects.testIamPermissions": "OK",
    "serviceusage.v1.services.batchGet": "OK PERMISSION_DENIED",
    "iam.v1.serviceAccounts.testIamPermissions": "OK NOT_FOUND",
    "secretmanager.v1.secrets.versions.get": "OK NOT_FOUND PERMISSION_DENIED",
    "artifactregistry.v1.repositories.get": "OK NOT_FOUND PERMISSION_DENIED",
    "artifactregistry.v1.repositories.testIamPermissions": "OK NOT_FOUND",
    "storage.v1.buckets.insert": "OK ALREADY_EXISTS",
    "storage.v1.buckets.get": "OK NOT_FOUND",
    "storage.v1.buckets.testIamPermissions": "OK",
    "storage.v1.objects.insert": "OK NOT_FOUND",
    "storage.v1.objects.get": "OK NOT_FOUND",
    "storage.v1.objects.list": "OK",
    "storage.v1.objects.delete": "OK NOT_FOUND",
}
"""Per method that is offered, and for one that is not, the answers that the suite must have met on the emulator."""
HEADER = ("method", "outcome", "calls", "tests passed", "tests failed")


class Ledger:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._failed: dict[str, bool] = {}
        self._collected: set[str] = set()

    @staticmethod
    def offered() -> list[str]:
        return [method for method, outcomes in OUTCOMES.items() if "OK" in outcomes.split()]

    def note(self, method: str, outcome: str) -> None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        self._calls[test, method, outcome] += 1

    def rows(self) -> list[tuple[str, str, int, int, int]]:
        tests: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        calls: Counter[tuple[str, str]] = Counter()
        for (test, method, outcome), count in self._calls.items():
            tests[method, outcome].add(test)
            calls[method, outcome] += count
        failed = {key: sum(self._failed.get(test, False) for test in tests[key]) for key in tests}
        return [(*key, calls[key], len(tests[key]) - failed[key], failed[key]) for key in sorted(calls)]

    def missing(self) -> list[str]:
        """Documented outcomes that the whole suite did not meet; none is missed where only a part ran."""
        met = {(method, outcome) for _, method, outcome in self._calls}
        wanted = [(method, outcome) for method, outcomes in OUTCOMES.items() for outcome in outcomes.split()]
        return (
            [f"{method}: {outcome}" for method, outcome in wanted if (method, outcome) not in met]
            if self._whole
            else []
        )

    @property
    def _whole(self) -> bool:
        if self._config.option.keyword or self._config.getoption("--live"):
            return False
        there = {node.partition("::")[0] for node in self._collected}
        return {path.relative_to(self._config.rootpath).as_posix() for path in SUITE.glob("test_*.py")} <= there

    # pytest's and xdist's hooks

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed[report.nodeid] = self._failed.get(report.nodeid, False) or report.failed

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected |= {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        self._collected |= set(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for test, method, outcome, count in getattr(node, "workeroutput", {}).get("calls", ()):
            self._calls[test, method, outcome] += count

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["calls"] = [[*key, count] for key, count in self._calls.items()]
        elif exitstatus == 0 and self.missing():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._calls:
            terminalreporter.section("calls of the conformance suite")
            for line in table(self.rows()):
                terminalreporter.write_line(line)
        for each in self.missing():
            terminalreporter.write_line(f"never met: {each}", red=True)


def table(rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Markdown, ready for docs/live.md."""
    text = [HEADER, *((f"`{method}`", *map(str, rest)) for method, *rest in rows)]
    widths = [max(len(row[k]) for row in text) for k in range(len(HEADER))]
    lines = [
        "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) + " |" for row in text
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
