"""What docs/emulator.md and docs/live.md name is there, and what is there is named."""

import re
from dataclasses import fields
from pathlib import Path

from loop.emulator.faults import KEYS
from loop.emulator.quotas import Quotas

ROOT = Path(__file__).parents[3]
EMULATOR = (ROOT / "docs/emulator.md").read_text()
LIVE = (ROOT / "docs/live.md").read_text()


def test_every_quota_stands_on_the_page_with_its_default():
    for field in fields(Quotas):
        assert f"`{field.name.replace('_', '-')}` ({field.default}" in EMULATOR


def test_every_key_of_a_fault_stands_on_the_page_and_no_other():
    table = EMULATOR.partition("| key | meaning |")[2].partition("A list sets several")[0]
    named = re.findall(r"^  \| (`.*?`) \|", table, re.MULTILINE)
    assert {key for cell in named for key in re.findall(r"`(\w+)`", cell)} == set(KEYS)


def test_every_offered_method_stands_on_the_page(pytestconfig):
    ledger = pytestconfig.pluginmanager.get_plugin("conformance-ledger")
    table = EMULATOR.partition("## Methods")[2].partition("`make conformance`")[0]
    rows = {line.split("|")[1].strip(" `"): line.split("|")[2] for line in table.splitlines() if line.startswith("| `")}
    for method in ledger.offered():
        service, name = method.split("/") if "/" in method else re.fullmatch(r"(\w+\.v\d)\.(.+)", method).groups()
        short = name if name in rows[service] else re.match("[A-Z][a-z]+", name)[0]
        assert short in rows[service], method


def test_every_place_and_test_that_an_assumption_names_is_there():
    rows = [line.split("|")[1:-1] for line in LIVE.partition("## Assumptions")[2].splitlines() if line.startswith("| ")]
    assert len(rows) > 15
    for _, depends, checked in rows[1:]:
        source = "".join((ROOT / "loop" / path).read_text() for path in re.findall(r"`(cloud/\w+\.py)`", depends))
        for name in re.findall(r"`(\w+)`", depends):
            assert f"def {name}(" in source, name
        for name in re.findall(r"`(test_\w+\.py)`", checked):
            assert (ROOT / "tests/conformance" / name).is_file()


def test_nothing_has_run_against_google_until_a_table_says_so():
    assert ("**Nothing here has run against Google.**" in LIVE) == ("*not run yet*" in LIVE)
