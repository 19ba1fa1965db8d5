"""Result files that seven public projects keep for their own parsers, against the counts that those projects state.

The files are no part of this repository: LOOP_JUNIT_CORPUS names their folder, else `../shared/junit-corpus` is looked
for. `expected.json` there gives `tests`, `passed`, `failed`, `errors`, `skipped`, as far as the owner states them.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from loop.core.model import Outcome, ProblemKind
from loop.suites.junit import read
from loop.suites.junit_fold import fold
from loop.suites.outcomes import FAILING

FOLDER = Path(os.environ.get("LOOP_JUNIT_CORPUS") or Path(__file__).parents[4] / "shared" / "junit-corpus")
_ENRICOMI = "EnricoMi+publish-unit-test-result-action/python/test/files/junit-xml"
_GOTESTSUM = "gotestyourself+gotestsum/internal/junitxml/testdata"
_MIKEPENZ = "mikepenz+action-junit-report/test_results"

_ELEMENTS = "every <testcase> counts, the one made up for a package that did not build included"
OURS = {
    f"{_ENRICOMI}/no-attributes.xml": (
        "a case without a name counts",
        {"passed": 1, "failed": 1, "error": 1, "skipped": 1},
    ),
    f"{_ENRICOMI}/no-cases-but-tests.xml": (
        "a failure that stands in attributes only is shown as an error",
        {"error": 1},
    ),
    f"{_ENRICOMI}/pytest/corrupt-xml.xml": (
        "what came before the cut is kept, and the file is flagged",
        {"passed": 1, "unfinished": 1},
    ),
    f"{_MIKEPENZ}/corrupt-junit/e2e-tests/corrupt/target/sf-reports/TEST-test.CorruptTest.xml": (
        "what came before the cut is kept, and the file is flagged",
        {"failed": 1},
    ),
    f"{_MIKEPENZ}/issues/testFailedDisabled.xml": ("a failure is never hidden by a status attribute", {"failed": 1}),
    f"{_GOTESTSUM}/junitxml-report.golden": (_ELEMENTS, {"passed": 42, "failed": 13, "skipped": 5}),
    f"{_GOTESTSUM}/junitxml-report-skip-empty.golden": (_ELEMENTS, {"passed": 42, "failed": 13, "skipped": 5}),
    f"{_GOTESTSUM}/junitxml-report-hide-skipped-tests.golden": (_ELEMENTS, {"passed": 42, "failed": 13}),
}
"""Files whose owner's figure contradicts a rule of ours: the rule, and our counts."""
LOST = [
    f"{_ENRICOMI}/xunit/xunit.xml",
    "joshdk+go-junit/testdata/ibm.xml",
    f"{_MIKEPENZ}/mocha/mocha.xml",
]
"""Files that their owners shortened by hand: the root still claims the suites that were taken out."""
CUT = [name for name, (rule, _) in OURS.items() if "cut" in rule]


def _expected() -> dict[str, dict[str, int | str]]:
    index = FOLDER / "expected.json"
    return json.loads(index.read_text()) if index.exists() else {}


EXPECTED = _expected()
pytestmark = pytest.mark.skipif(not EXPECTED, reason=f"no corpus of JUnit files at {FOLDER}")


def _pooled(counts: Mapping[Outcome, int], stated: Mapping[str, object]) -> dict[str, int]:
    """In the owners' words: an xfail of pytest is a skip to them, and some pool failures and errors."""
    skipped = counts.get(Outcome.SKIPPED, 0) + counts.get(Outcome.XFAILED, 0)
    errors = counts.get(Outcome.ERROR, 0)
    failed = counts.get(Outcome.FAILED, 0) + (0 if "errors" in stated else errors)
    ours = {"passed": counts.get(Outcome.PASSED, 0), "failed": failed, "errors": errors, "skipped": skipped}
    return ours | {"tests": sum(counts.values())}


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - set(OURS)))
def test_a_file_gives_the_counts_that_its_owner_states(name: str) -> None:
    stated = {key: value for key, value in EXPECTED[name].items() if isinstance(value, int)}
    document = read(FOLDER / name)
    ours = _pooled(document.counts, stated)
    assert {key: ours[key] for key in stated} == stated
    assert (document.problem is None) is (name not in LOST)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_file_that_contradicts_a_rule_of_ours_gives_our_counts(name: str) -> None:
    assert {str(outcome): count for outcome, count in read(FOLDER / name).counts.items()} == OURS[name][1]


@pytest.mark.parametrize("name", CUT)
def test_a_file_that_is_cut_can_not_carry_a_verdict(name: str) -> None:
    document = read(FOLDER / name)
    assert not document.usable
    assert document.flags == [f"truncated at byte {(FOLDER / name).stat().st_size}"]


@pytest.mark.parametrize("name", LOST)
def test_a_file_that_lost_suites_can_not_carry_a_verdict(name: str) -> None:
    document = read(FOLDER / name)
    assert document.problem is ProblemKind.FEWER_THAN_EXPECTED
    assert any(flag.startswith("suites are missing: ") for flag in document.flags)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_no_file_with_a_failure_is_shown_without_one(name: str) -> None:
    stated = EXPECTED[name]
    text = (FOLDER / name).read_bytes()
    holds = bool(stated.get("failed")) or bool(stated.get("errors")) or b"<failure" in text or b"<error" in text
    shown = any(case.outcome in FAILING for case in fold([read(FOLDER / name).raws], redact=str))
    assert shown or not holds


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_no_case_is_lost_between_reading_and_telling(name: str) -> None:
    document = read(FOLDER / name)
    cases = list(fold([document.raws], suite="s", redact=str))
    assert len({case.id for case in cases}) == len(cases) == sum(document.counts.values())


def test_the_whole_corpus_was_read() -> None:
    assert len(EXPECTED) == 101
    assert {*OURS, *LOST} <= set(EXPECTED)
