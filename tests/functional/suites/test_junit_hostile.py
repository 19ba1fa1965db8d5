"""Result files as no reporter should write them, and as they are met: what is read, what is said, what is refused."""

import codecs
import gc
import time
from pathlib import Path

import pytest

from loop.core.model import ProblemKind
from loop.suites.junit import Document, read
from loop.suites.junit_builder import MAX_DEPTH, TEXT_LIMIT
from loop.suites.junit_fold import fold

OK = '<testcase classname="c" name="ok"/>'
BAD = '<testcase classname="c" name="bad"><failure message="boom">trace</failure></testcase>'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def doc(inner: str) -> str:
    return f'{HEAD}<testsuites><testsuite name="s">{inner}</testsuite></testsuites>'


def case(inner: str = "", attributes: str = "") -> str:
    return f'<testcase classname="c" name="x" {attributes}>{inner}</testcase>'


READ = {  # a document, and the counts that it gives
    "failure as bare text": (doc(case("<failure>text</failure>")), {"failed": 1}),
    "empty failure": (doc(case("<failure/>")), {"failed": 1}),
    "error as bare text": (doc(case("<error>text</error>")), {"error": 1}),
    "two failures in a case": (doc(case("<failure/><failure/>")), {"failed": 1}),
    "failure and error": (doc(case("<failure/><error/>")), {"error": 1}),
    "failure beside a skip": (doc(case("<skipped/><failure/>")), {"failed": 1}),
    "failure after its output": (doc(case("<system-out>o</system-out><failure/>")), {"failed": 1}),
    "error on a suite without a case": (doc("<error message='no import'/>"), {"error": 1}),
    "failure on a suite beside cases": (doc(OK + "<failure>late</failure>"), {"passed": 1, "failed": 1}),
    "suites in suites": (
        doc(f"<testsuite name='t'><testsuite name='u'>{BAD}</testsuite>{OK}</testsuite>{OK}"),
        {"passed": 2, "failed": 1},
    ),
    "counts only as attributes": ('<testsuite tests="6" failures="2"/>', {"error": 1}),
    "attributes that claim a failure that no case has": (
        f'<testsuite tests="1" errors="1">{OK}</testsuite>',
        {"passed": 1, "error": 1},
    ),
    "status notrun": (doc(case(attributes='status="notrun"')), {"skipped": 1}),
    "result suppressed": (doc(case(attributes='status="run" result="suppressed"')), {"skipped": 1}),
    "status disabled": (doc(case(attributes='status="disabled"')), {"skipped": 1}),
    "status failed without an element": (doc(case(attributes='status="failed"')), {"failed": 1}),
    "status run": (doc(case(attributes='status="run" result="completed"')), {"passed": 1}),
    "status disabled with a failure": (doc(case("<failure/>", 'status="disabled"')), {"failed": 1}),
    "disabled element": (doc(case("<disabled/>")), {"skipped": 1}),
    "xfail of pytest": (doc(case('<skipped type="pytest.xfail"/>')), {"xfailed": 1}),
    "cases without a name": (doc("<testcase/><testcase><failure/></testcase>"), {"passed": 1, "failed": 1}),
    "a namespace prefix": (
        '<j:testsuite xmlns:j="urn:j"><j:testcase name="a"><j:failure/></j:testcase></j:testsuite>',
        {"failed": 1},
    ),
    "a default namespace": (f'<testsuite xmlns="urn:j">{BAD}</testsuite>', {"failed": 1}),
    "upper case": ('<TestSuite><TestCase name="a"><Failure/></TestCase></TestSuite>', {"failed": 1}),
    "a case as the root": (BAD, {"failed": 1}),
    "an unknown root": (f"<report><testsuite>{BAD}</testsuite></report>", {"failed": 1}),
    "unknown elements": (doc(case("<steps><step/></steps><failure><b>x</b></failure><x/>")), {"failed": 1}),
    "flaky attempts before a pass": (doc(case("<flakyFailure/><flakyError/>")), {"passed": 1}),
    "reruns after a failure": (
        doc(case("<failure/><rerunFailure><stackTrace>t</stackTrace></rerunFailure>")),
        {"failed": 1},
    ),
    "reruns without a failure": (doc(case("<rerunError/>")), {"error": 1}),
    "equal ids": (doc(OK * 3), {"passed": 3}),
    "a doctype without declarations": (f"<!DOCTYPE testsuite><testsuite>{OK}</testsuite>", {"passed": 1}),
    "comments and instructions": (
        f"{HEAD}<!-- <testcase/> --><?pi <failure?><testsuite>{OK}</testsuite><!-- -->",
        {"passed": 1},
    ),
    "tags in CDATA": (doc(case("<system-out><![CDATA[<testcase/><failure/>]]></system-out>")), {"passed": 1}),
    "utf-8 with a byte order mark": (codecs.BOM_UTF8 + doc(BAD).encode(), {"failed": 1}),
    "utf-16": (doc(BAD).replace("UTF-8", "UTF-16").encode("utf-16"), {"failed": 1}),
    "latin-1, declared": (
        doc(case("<failure>caf\xe9</failure>")).replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        {"failed": 1},
    ),
    "windows-1252, declared": (
        doc(BAD).replace("UTF-8", "windows-1252").replace("boom", "\u2019").encode("cp1252"),
        {"failed": 1},
    ),
}
RECOVERED = {
    "text before the document": ("npm WARN something\n" + doc(OK + BAD), {"passed": 1, "failed": 1}),
    "a blank line before the declaration": ("\n" + doc(BAD), {"failed": 1}),
    "text after the document": (doc(OK + BAD) + "\nDone in 3 s.\n", {"passed": 1, "failed": 1}),
    "two documents": (doc(OK) + doc(BAD), {"passed": 1, "failed": 1}),
    "control characters": (doc(case("<failure>\x00\x1b[31mred\x08</failure>")), {"failed": 1}),
    "references to control characters": (doc(case("<failure message='&#x1;&#0;'/>")), {"failed": 1}),
    "a raw & in text": (doc(case("<failure>a & b &nbsp; c</failure>")), {"failed": 1}),
    "a raw & in an attribute": (doc('<testcase name="a & b"/>' + BAD), {"passed": 1, "failed": 1}),
    "a raw < in text": (doc(case("<failure>expected <foo> but got < bar</failure>") + OK), {"failed": 1, "passed": 1}),
    "a raw < in an attribute": (doc('<testcase name="a < b <c>"/>' + BAD), {"passed": 1, "failed": 1}),
    "undeclared latin-1": (doc(case("<failure>caf\xe9</failure>")).encode("latin-1"), {"failed": 1}),
    "utf-16 without a byte order mark": (doc(BAD).encode("utf-16-le"), {"failed": 1}),
    "an unknown encoding": (doc(BAD).replace("UTF-8", "klingon-8"), {"failed": 1}),
    "an encoding that is none of text": (doc(BAD).replace("UTF-8", "hex"), {"failed": 1}),
    "an encoding of several bytes": (doc(BAD).replace("UTF-8", "shift_jis"), {"failed": 1}),
    "an attribute twice": (doc('<testcase name="a" name="b"/>' + BAD), {"passed": 1, "failed": 1}),
    "attributes without quotes": (doc("<testcase name=a classname=c/>" + BAD), {"passed": 1, "failed": 1}),
    "an attribute without a value": (doc("<testcase name='a' flaky/>" + BAD), {"passed": 1, "failed": 1}),
}
BROKEN = {
    "an end tag is missing": (doc('<testcase name="a"><failure>text' + OK), {"failed": 1, "passed": 1}),
    "the end of a case is missing": (
        f'<testsuite><testcase name="a"><failure/>{OK}</testsuite>',
        {"failed": 1, "passed": 1},
    ),
    "an end without a start": (doc(OK + "</testcase>" + BAD), {"passed": 1, "failed": 1}),
    "suites closed in the wrong order": (f"<testsuites><testsuite>{BAD}</testsuites></testsuite>", {"failed": 1}),
    "a quote that is never closed": ('<testsuite><testcase name="a><failure/></testcase></testsuite>', {"failed": 1}),
}
NOT_JUNIT = {
    "empty": b"",
    "blank": b" \n\n ",
    "html": b"<!DOCTYPE html><html><body>Not found</body></html>",
    "json": b'{"tests": 1, "failures": 0}',
    "another dialect of XML": b"<TestRun><Results><UnitTestResult outcome='Failed'/></Results></TestRun>",
    "binary": bytes(range(256)) * 50,
    "zeros": b"\0" * 5000,
}
LEVELS = "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(7))
BOMB = f'<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa">{LEVELS}]><testsuite><testcase name="&h;"/></testsuite>'
REFUSED = {
    "an entity bomb": (BOMB, "entities"),
    "a quadratic entity": (
        f'<!DOCTYPE t [<!ENTITY a "{"a" * 50000}">]><testsuite name="{"&a;" * 50000}"/>',
        "entities",
    ),
    "an external entity": ('<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>', "entities"),
    "a bomb in a broken document": (f"junk & {BOMB}", "entities"),
    "deep suites": ("<testsuite>" * 5000, f"deeper than {MAX_DEPTH}"),
    "deep unknown elements": (f"<testsuite>{'<a>' * 5000}", f"deeper than {MAX_DEPTH}"),
    "deep elements in a text": (f"<testsuite><testcase><failure>{'<a>' * 5000}", f"deeper than {MAX_DEPTH}"),
    "deep suites in a broken document": (f"& {'<testsuite>' * 5000}", f"deeper than {MAX_DEPTH}"),
}


def parse(path: Path, content: str | bytes) -> Document:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path)


def counts(document: Document) -> dict[str, int]:
    return {str(outcome): count for outcome, count in document.counts.items()}


@pytest.mark.parametrize(("content", "expected"), READ.values(), ids=READ)
def test_well_formed_dialects_are_read(tmp_path: Path, content: str | bytes, expected: dict[str, int]) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert counts(document) == expected
    assert document.usable
    assert not any("recovered" in flag for flag in document.flags)


@pytest.mark.parametrize(("content", "expected"), RECOVERED.values(), ids=RECOVERED)
def test_a_complete_document_that_is_not_well_formed_is_recovered_and_flagged(
    tmp_path: Path, content: str | bytes, expected: dict[str, int]
) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert counts(document) == expected
    assert any(flag.startswith("recovered: ") for flag in document.flags)
    assert document.usable


@pytest.mark.parametrize(("content", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_document_with_parts_missing_keeps_its_cases_and_carries_no_verdict(
    tmp_path: Path, content: str, expected: dict[str, int]
) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert counts(document) == expected
    assert document.problem in (ProblemKind.RESULT_FILE_UNREADABLE, ProblemKind.RESULT_FILE_TRUNCATED)


@pytest.mark.parametrize("content", NOT_JUNIT.values(), ids=NOT_JUNIT)
def test_what_is_no_junit_xml_is_unreadable(tmp_path: Path, content: bytes) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert document.problem is ProblemKind.RESULT_FILE_UNREADABLE
    assert str(tmp_path / "r.xml") in document.sentence
    assert document.raws == []


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_a_document_that_would_harm_its_reader_is_refused(tmp_path: Path, content: str, why: str) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert document.problem is ProblemKind.RESULT_FILE_UNREADABLE
    assert why in document.sentence
    assert "root:" not in repr(document)


def test_a_document_that_is_cut_anywhere_is_never_usable_and_never_loses_a_failure_before_the_cut(
    tmp_path: Path,
) -> None:
    whole = doc(OK + BAD + case("<system-out><![CDATA[a <b> c]]></system-out>") + OK)
    failure_begins = whole.index("<failure") + len("<failure")
    for size in range(len(HEAD) + 12, len(whole) - 1):
        document = parse(tmp_path / "r.xml", whole[:size])
        assert not document.usable, whole[:size]
        if size > whole.index("</failure>"):
            assert document.counts.get("failed") == 1, whole[:size]
        if size > failure_begins + 20:
            assert f"truncated at byte {size}" in document.flags


def test_cases_before_the_cut_are_kept_and_the_open_one_is_unfinished(tmp_path: Path) -> None:
    document = parse(tmp_path / "r.xml", doc(OK * 3 + BAD + "<testcase name='open'><system-out>so far"))
    content = (tmp_path / "r.xml").read_bytes().removesuffix(b"</testsuite></testsuites>")
    document = parse(tmp_path / "r.xml", content)
    assert counts(document) == {"passed": 3, "failed": 1, "unfinished": 1}


def test_a_cut_inside_cdata_is_found(tmp_path: Path) -> None:
    document = parse(tmp_path / "r.xml", doc(BAD + "<testcase name='y'><failure><![CDATA[never closed"))
    assert document.problem is ProblemKind.RESULT_FILE_TRUNCATED
    assert counts(document) == {"failed": 2}


def test_a_long_text_is_cut_with_a_sentence_and_bounded(tmp_path: Path) -> None:
    text = "head" + "x" * 3_000_000 + "tail"
    document = parse(tmp_path / "r.xml", doc(case(f"<failure>{text}</failure>")))
    (raw,) = document.raws
    assert raw.extra is not None
    kept = raw.extra.results[0].text
    assert kept.startswith("head")
    assert kept.endswith("tail")
    assert len(kept) < TEXT_LIMIT + 100
    assert any("text cut" in flag for flag in document.flags)


@pytest.mark.parametrize("broken", ["", "<testcase name='a & b'/>"], ids=["well-formed", "recovered"])
def test_a_huge_attribute_is_read_and_bounded_in_the_case(tmp_path: Path, broken: str) -> None:
    document = parse(tmp_path / "r.xml", doc(case(f'<failure message="{"m" * 11_000_000}"/>') + broken))
    (told, *_) = fold([document.raws], redact=str)
    assert told.outcome == "failed"
    assert len(told.message) < 2_000


@pytest.mark.parametrize(
    "content",
    [
        "<testsuite><testcase name='a'" + " " * 400_000 + "<",
        "&<testsuite><testcase" + " a='b'" * 100_000 + "'",
        "&<testsuite>" + "<" * 400_000,
        "&<testsuite><testcase name='a'><failure>" + "<failure" * 60_000,
        "&<testsuite>" + "</testcase>" * 40_000,
        "&" + "<!--" * 100_000,
        "&<testsuite>" + "<![CDATA[" * 50_000,
        "&<testsuite><testcase name='" + "\"'" * 200_000,
        "&<!DOCTYPE " + "<" * 400_000,
    ],
    ids=["spaces", "attributes", "brackets", "nested tags", "ends", "comments", "cdata", "quotes", "doctype"],
)
def test_a_hostile_document_takes_time_in_proportion_to_its_size(tmp_path: Path, content: str) -> None:
    began = time.process_time()
    assert not parse(tmp_path / "r.xml", content).usable
    assert time.process_time() - began < 5


def test_durations_are_read_in_their_spellings(tmp_path: Path) -> None:
    spelled = ["1,234.5", "0:00:01.5", "-3", "<<computed>>", "", "nan"]
    inner = "".join(f'<testcase name="{i}" time="{text.replace("<", "&lt;")}"/>' for i, text in enumerate(spelled))
    document = parse(tmp_path / "r.xml", doc(inner + '<testcase name="none"/>'))
    assert [raw.seconds for raw in document.raws] == [1234.5, 1.5, None, None, None, None, None]


def test_properties_of_a_case_are_kept_and_those_of_a_suite_are_not_mixed_in(tmp_path: Path) -> None:
    own = '<properties><property name="ms" value="12"/><property name="note">text</property></properties>'
    inner = '<properties><property name="suite" value="1"/></properties>' + case(own)
    (told,) = fold([parse(tmp_path / "r.xml", doc(inner)).raws], redact=str)
    assert told.properties == {"ms": "12", "note": "text"}


def test_both_readers_agree_on_a_well_formed_document(tmp_path: Path) -> None:
    inner = OK + BAD + case("<skipped message='no'/>") + case("<flakyFailure message='f'>t</flakyFailure>", 'time="1"')
    by_expat = parse(tmp_path / "a.xml", doc(inner))
    recovered = parse(tmp_path / "b.xml", "log line\n" + doc(inner))
    assert recovered.raws == by_expat.raws
    assert any("recovered" in flag for flag in recovered.flags)


PLAIN = {  # attributes of a case in which nothing stands
    "name, class and time": 'name="a" classname="c" time="0.5"',
    "others that say nothing to us": 'name="a" classname="c" time="0.5" line="3" id="x"',
    "no time": 'name="a" classname="c"',
    "no class": 'name="a" time="1"',
    "an empty class, and its older name": 'name="a" classname="" class="c" time="1"',
    "a file": 'name="a" classname="c" time="1" file="t.py"',
    "a status": 'name="a" classname="c" time="1" status="failed"',
    "a result": 'name="a" classname="c" time="1" result="skipped"',
    "a negative time": 'name="a" classname="c" time="-1"',
    "a time that is no number": 'name="a" classname="c" time="nan"',
    "an infinite time": 'name="a" classname="c" time="inf"',
    "a grouped time": 'name="a" classname="c" time="1,234.5"',
}


@pytest.mark.parametrize("attributes", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize(
    "around", ["{}", '<testsuite name="s" file="s.py">{}</testsuite>'], ids=["alone", "in a suite"]
)
def test_a_case_in_which_nothing_stands_is_the_same_to_both_readers(
    tmp_path: Path, attributes: str, around: str
) -> None:
    content = around.format(f"<testcase {attributes}/>")
    by_expat = parse(tmp_path / "a.xml", content)
    recovered = parse(tmp_path / "b.xml", "log line\n" + content)
    assert len(by_expat.raws) == 1
    assert by_expat.raws == recovered.raws
    assert by_expat.flags == []


def test_plain_cases_are_counted_with_all_others(tmp_path: Path) -> None:
    inner = '<testcase name="a" classname="c" time="1"/>' * 2 + BAD
    assert parse(tmp_path / "r.xml", f'<testsuite tests="3">{inner}</testsuite>').flags == []


HOLDS_ONE = f'<testsuite name="s" tests="1">{OK}</testsuite>'
CLAIMS = {  # documents that claim more than they hold where that may be a dialect's way, and what is flagged
    "a suite": (f'<testsuite name="s" tests="25">{OK}</testsuite>', "s says 25 tests and holds 1"),
    "a suite of suites, and they do so too": (
        f'<testsuites tests="9"><testsuite name="s" tests="9">{OK}</testsuite></testsuites>',
        "the root says 9 tests and holds 1",
    ),
    "a suite of suites, one of them silent": (
        f'<testsuites tests="8">{HOLDS_ONE}<testsuite>{OK}</testsuite></testsuites>',
        "the root says 8 tests and holds 2",
    ),
    "a suite that holds a case beside suites": (
        f'<testsuite name="t" tests="8">{OK}{HOLDS_ONE}</testsuite>',
        "t says 8 tests and holds 2",
    ),
}
LOST = {  # documents that claim more than the suites in them do, and what is flagged
    "suites of the root": (f'<testsuites tests="25">{HOLDS_ONE * 2}</testsuites>', "the root says 25 tests"),
    "suites of a suite": (
        f'<testsuites tests="1"><testsuite name="t" tests="1,025">{HOLDS_ONE}</testsuite></testsuites>',
        "t says 1025 tests",
    ),
    "suites of a document that is recovered": (f'log\n<testsuites tests="2">{HOLDS_ONE}</testsuites>', "says 2 tests"),
}
COMPLETE = {
    "equal claims": f'<testsuites tests="2">{HOLDS_ONE * 2}</testsuites>',
    "a claim of fewer": f'<testsuites tests="1">{HOLDS_ONE * 2}</testsuites>',
    "more cases than the suites in it claim": f'<testsuites tests="2"><testsuite tests="1">{OK * 2}</testsuite>'
    "</testsuites>",
    "no claim at all": f"<testsuites>{HOLDS_ONE}</testsuites>",
    "a claim that is no number": f'<testsuites tests="many">{HOLDS_ONE}</testsuites>',
}


@pytest.mark.parametrize(("content", "flag"), CLAIMS.values(), ids=CLAIMS)
def test_a_claim_of_more_cases_than_there_are_is_flagged(tmp_path: Path, content: str, flag: str) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert f"counts disagree: {flag}" in document.flags
    assert document.usable


@pytest.mark.parametrize(("content", "flag"), LOST.values(), ids=LOST)
def test_a_document_that_lost_suites_carries_no_verdict(tmp_path: Path, content: str, flag: str) -> None:
    document = parse(tmp_path / "r.xml", content)
    assert document.problem is ProblemKind.FEWER_THAN_EXPECTED
    assert flag in document.sentence
    assert any(told.startswith("suites are missing: ") and flag in told for told in document.flags)
    assert document.counts["passed"] >= 1


@pytest.mark.parametrize("content", COMPLETE.values(), ids=COMPLETE)
def test_a_document_is_not_said_to_have_lost_suites_without_a_claim_that_says_so(tmp_path: Path, content: str) -> None:
    assert parse(tmp_path / "r.xml", content).problem is None


def test_what_was_cut_off_is_told_as_that(tmp_path: Path) -> None:
    document = parse(tmp_path / "r.xml", f'<testsuites tests="25">{HOLDS_ONE}')
    assert document.problem is ProblemKind.RESULT_FILE_TRUNCATED


def test_what_read_a_document_goes_without_a_search_for_cycles(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    path.write_text('<testsuite><testcase name="a"><failure>no</failure></testcase></testsuite>')
    read(path)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            read(path)
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()
