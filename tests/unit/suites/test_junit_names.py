"""How cases of result files are named, redacted and told."""

import re

from loop.core.model import Case, Outcome
from loop.suites.junit_builder import Extra, Raw, Result
from loop.suites.junit_fold import fold


def raw(name: str = "", classname: str = "", file: str = "", suites: tuple[str, ...] = (), **more: object) -> Raw:
    values = {"seconds": None, "outcome": Outcome.PASSED, **more}
    return Raw(suites, file, classname, name, **values)


def ids(*raws: Raw, suite: str = "s") -> list[str]:
    return [case.id for case in fold([raws], suite=suite, redact=str)]


def failing(*results: Result, output: tuple[str, ...] = ()) -> Raw:
    return raw("x", outcome=results[0].outcome, extra=Extra(results=list(results), output=list(output)))


def only(one: Raw, redact=str) -> Case:
    (case,) = fold([[one]], redact=redact)
    return case


def test_an_id_is_made_of_file_class_and_name_as_far_as_they_are_there() -> None:
    assert ids(raw("n", "c", "f.js"), raw("n", "c"), raw("n"), raw("", "c"), raw("", "", "f.js")) == [
        "s::f.js::c::n", "s::c::n", "s::n", "s::c", "s::f.js",
    ]  # fmt: skip


def test_enclosing_suites_stand_in_front_only_where_two_would_be_called_the_same() -> None:
    chrome, firefox = raw("n", "c", suites=("all", "chrome")), raw("n", "c", suites=("all", "firefox"))
    assert ids(chrome, firefox, raw("other", "c", suites=("all", "chrome"))) == [
        "s::all::chrome::c::n", "s::all::firefox::c::n", "s::c::other",
    ]  # fmt: skip


def test_what_is_still_equal_is_numbered_and_never_merged() -> None:
    assert ids(raw("n"), raw("n"), raw("n")) == ["s::n", "s::n#2", "s::n#3"]


def test_cases_of_two_files_are_told_apart_too() -> None:
    cases = fold([[raw("n")], [raw("n")]], redact=str)
    assert [case.id for case in cases] == ["n", "n#2"]


def test_a_case_without_any_name_still_counts() -> None:
    assert ids(raw(), raw(suites=("outer", "inner"))) == ["s::unnamed", "s::outer::inner"]


def test_a_file_below_the_root_is_named_from_the_root() -> None:
    (case,) = fold(
        [[raw("n", file="/build/tree/t/a.js")]], redact=str, place=lambda file: file.removeprefix("/build/tree/")
    )
    assert (case.id, case.file) == ("t/a.js::n", "t/a.js")


def test_every_text_of_a_case_is_redacted() -> None:
    secret = "hunter2secret"
    told = Extra(
        results=[
            Result(Outcome.FAILED, "", f"m {secret}", f"t {secret}", "flakyfailure"),
            Result(Outcome.FAILED, "", f"m {secret}", f"t {secret}"),
        ],
        output=[f"o {secret}"],
        properties={f"p{secret}": f"v{secret}"},
    )
    bad = raw(f"n {secret}", f"c {secret}", f"f {secret}", outcome=Outcome.FAILED, extra=told)
    cases = list(fold([[raw(f"plain {secret}"), bad]], redact=lambda text: text.replace(secret, "***")))
    assert secret not in repr(cases)
    assert repr(cases).count("***") >= 9


def test_names_are_redacted_one_by_one_where_a_batch_holds_a_secret() -> None:
    raws = [raw(f"n{i}") for i in range(1200)]
    raws[700] = raw("hunter2secret")
    names = [case.id for case in fold([raws], redact=lambda text: text.replace("hunter2secret", "***"))]
    assert names == [*(f"n{i}" for i in range(700)), "***", *(f"n{i}" for i in range(701, 1200))]


def test_names_that_are_equal_only_when_masked_are_numbered() -> None:
    names = [
        case.id for case in fold([[raw("n one"), raw("n two")]], redact=lambda text: re.sub("one|two", "***", text))
    ]
    assert names == ["n ***", "n ***#2"]


def test_a_skip_beside_a_failure_does_not_explain_it() -> None:
    case = only(failing(Result(Outcome.FAILED, "", "boom", ""), Result(Outcome.SKIPPED, "", "later", "")))
    assert case.message == "boom"


def test_an_exceptions_name_stays_with_its_message() -> None:
    assert (
        only(failing(Result(Outcome.ERROR, "java.io.IOException", "no disk", ""))).message
        == "java.io.IOException: no disk"
    )
    assert (
        only(failing(Result(Outcome.FAILED, "AssertionError", "AssertionError: 1", ""))).message == "AssertionError: 1"
    )
    assert only(failing(Result(Outcome.FAILED, "FAILURE", "plain", ""))).message == "plain"


def test_a_failure_has_a_signature_and_its_output_and_a_pass_has_neither() -> None:
    case = only(failing(Result(Outcome.FAILED, "", "got 403", "trace"), output=("said this",)))
    assert "403" in case.signature
    assert "trace" in case.detail
    assert "said this" in case.detail
    assert only(raw("x")).signature == ""


def test_surefires_flaky_attempts_come_before_the_pass() -> None:
    first = Result(Outcome.FAILED, "", "one", "", "flakyfailure")
    second = Result(Outcome.ERROR, "", "two", "", "flakyerror")
    case = only(raw("x", extra=Extra(results=[first, second])))
    assert [(attempt.outcome, attempt.message) for attempt in case.attempts] == [
        (Outcome.FAILED, "one"), (Outcome.ERROR, "two"),
    ]  # fmt: skip
    assert case.outcome is Outcome.PASSED
    assert case.flaky


def test_surefires_reruns_come_after_the_first_failure() -> None:
    first = Result(Outcome.FAILED, "", "one", "")
    rerun = Result(Outcome.FAILED, "", "two", "", "rerunfailure")
    case = only(failing(first, rerun))
    assert [attempt.message for attempt in case.attempts] == ["one"]
    assert case.message == "two"
