"""Whatever a suite looks like: written as JUnit XML, read and folded it is the same; and no bytes crash the reader."""

import random
import re
import resource
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.core.model import Outcome
from loop.suites.junit import read
from loop.suites.junit_fold import fold

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=30
)
NAME = TEXT.map(str.strip).filter(bool)
ELEMENTS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


@dataclass(frozen=True)
class Written:
    classname: str
    name: str
    seconds: float | None
    outcome: Outcome
    message: str
    properties: dict[str, str]


CASES = st.builds(
    Written,
    classname=st.one_of(st.just(""), NAME),
    name=NAME,
    seconds=st.one_of(st.none(), st.floats(0, 1e6).map(lambda value: round(value, 3))),
    outcome=st.sampled_from([Outcome.PASSED, *ELEMENTS]),
    message=NAME,
    properties=st.dictionaries(NAME, NAME, max_size=2),
)
SUITES = st.recursive(
    st.lists(CASES, max_size=4).map(lambda cases: ("suite", cases)),
    lambda inner: st.lists(inner, max_size=3).map(lambda suites: ("suites", suites)),
    max_leaves=6,
)


def element(suite: tuple[str, list]) -> ET.Element:
    kind, inner = suite
    node = ET.Element("testsuite" if kind == "suite" else "testsuites", name=kind)
    for each in inner:
        node.append(element(each) if isinstance(each, tuple) else case_element(each))
    return node


def case_element(case: Written) -> ET.Element:
    node = ET.Element("testcase", name=case.name)
    if case.classname:
        node.set("classname", case.classname)
    if case.seconds is not None:
        node.set("time", str(case.seconds))
    properties = ET.SubElement(node, "properties")
    for name, value in case.properties.items():
        ET.SubElement(properties, "property", name=name, value=value)
    if case.outcome in ELEMENTS:
        ET.SubElement(node, ELEMENTS[case.outcome], message=case.message).text = case.message
    return node


def cases_of(suite: tuple[str, list]) -> list[Written]:
    return [case for each in suite[1] for case in (cases_of(each) if isinstance(each, tuple) else [each])]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(suite=SUITES, log=st.sampled_from(["", "a log line\n"]))
def test_a_suite_survives_being_written_read_and_folded(tmp_path: Path, suite: tuple[str, list], log: str) -> None:
    written = cases_of(suite)
    path = tmp_path / "r.xml"
    path.write_bytes(log.encode() + ET.tostring(element(suite), encoding="utf-8", xml_declaration=True))
    document = read(path)
    cases = list(fold([document.raws], redact=str))
    assert document.problem is None
    assert [(case.outcome, case.seconds, case.properties) for case in cases] == [
        (case.outcome, case.seconds, case.properties) for case in written
    ]
    assert [case.message for case in cases if case.outcome in ELEMENTS] == [
        case.message for case in written if case.outcome in ELEMENTS
    ]
    assert len({case.id for case in cases}) == len(cases)
    plain = ["::".join(filter(None, [case.classname, case.name])) for case in written]
    for case, name in zip(cases, plain, strict=True):
        assert case.id == name if plain.count(name) == 1 and f"{name}#2" not in case.id else name in case.id


SEED = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3"><testsuite name="s" errors="1"><properties><property name="a" value="b"/></properties>
<testcase classname="c" name="a" time="1,234.5"><failure type="E" message="m &amp; n">t &lt; u</failure></testcase>
<testcase name="b"><system-out><![CDATA[x <y> z]]></system-out><skipped/></testcase><!-- note -->
<testcase name="c" status="run"><rerunFailure><stackTrace>s</stackTrace></rerunFailure><error/></testcase>
</testsuite></testsuites>"""
TAGS_AND_TEXTS = re.findall(r"<[^>]*>|[^<]+", SEED)
PIECES = [*TAGS_AND_TEXTS, "<![CDATA[", "]]>", "<!DOCTYPE x [", "&", "<", ">", '"', "\0", "\x1b[0m", "é"]


def mangled(random_: random.Random) -> bytes:
    pieces = random_.choices(PIECES, k=random_.randint(1, 60)) if random_.random() < 0.4 else list(TAGS_AND_TEXTS)
    for _ in range(random_.randint(0, 5)):
        at = random_.randrange(len(pieces))
        action = random_.randrange(4)
        if action == 0:
            del pieces[at : at + random_.randint(1, 4)]
        elif action == 1:
            pieces[at:at] = random_.choices(PIECES, k=random_.randint(1, 5)) * random_.choice([1, 1, 200])
        else:
            pieces[at] = pieces[at][: random_.randint(0, len(pieces[at]))]
        pieces = pieces or [""]
    data = bytearray("".join(pieces).encode(random_.choice(["utf-8"] * 6 + ["utf-16", "latin-1"]), "replace"))
    for _ in range(random_.choice([0, 0, 1, 5, 50])):
        if data:
            data[random_.randrange(len(data))] = random_.randrange(256)
    return bytes(data[: random_.randint(0, len(data))] if random_.random() < 0.3 else data)


def fuzz(folder: Path, *, seconds: float, seed: int) -> int:
    """Reads mangled documents for so long; fails on a crash, on a slow document and on a lost failure."""
    random_ = random.Random(seed)
    path = folder / "fuzzed.xml"
    count = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        data = mangled(random_)
        path.write_bytes(data)
        began = time.process_time()
        document = read(path)
        told = list(fold([document.raws], redact=str))
        assert time.process_time() - began < 2, data
        assert len({case.id for case in told}) == len(told), data
        assert document.problem is None or document.sentence, data
        count += 1
    return count


def peak() -> int:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_mangled_documents_crash_nothing(tmp_path: Path) -> None:
    assert fuzz(tmp_path, seconds=3, seed=1) > 100


@pytest.mark.full
def test_a_minute_of_mangled_documents_crashes_nothing_and_needs_no_memory(tmp_path: Path) -> None:
    before = peak()
    count = fuzz(tmp_path, seconds=60, seed=int(time.time()))
    assert count > 2000
    assert peak() - before < 100
