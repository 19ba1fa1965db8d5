from loop.console.diagnosis import as_json, diagnosis
from loop.console.text import cells
from loop.core.findings import Topic, exit_code, fix, ok, skip

LONG = (
    "gcloud projects add-iam-policy-binding acme-staging --member=user:someone@example.com --role=roles/run.developer"
)
FINDINGS = [
    ok(Topic.REPOSITORY, "tree", "main at 1a2b3c4d5e6f, clean"),
    fix(
        Topic.PLATFORM, "permissions", "run.services.update is not granted on the project acme-staging, nor anywhere",
        LONG, code=3, names=("run.services.update",),
    ),
    skip(Topic.SERVICES, "a-service-with-a-long-name", "not deployed yet: the first run does it"),
    fix(Topic.FIXER, "fixer", "the shell finds no program ./fix.sh", "chmod +x ./fix.sh", code=5),
]  # fmt: skip


def test_sections_marks_and_what_mends_stand_in_columns() -> None:
    assert list(diagnosis(FINDINGS, "staging", width=80)) == [
        "Repository",
        "  ok    tree             main at 1a2b3c4d5e6f, clean",
        "",
        "Platform",
        "  fix   permissions      run.services.update is not granted on the project",
        "                         acme-staging, nor anywhere",
        f"        -> {LONG}",
        "",
        "Services",
        "  skip  a-service-with-a-long-name  not deployed yet: the first run does it",
        "",
        "Fixer",
        "  fix   fixer            the shell finds no program ./fix.sh",
        "        -> chmod +x ./fix.sh",
        "",
        "2 to fix, 1 ok, 1 skipped. Nothing was changed by looking.",
        "Next: mend the first, then: loop doctor --env staging",
    ]


def test_only_a_command_to_copy_is_wider_than_the_terminal() -> None:
    for width in (60, 80, 200):
        wide = [line for line in diagnosis(FINDINGS, "staging", width=width) if cells(line) > width]
        assert all(LONG in line or "a-service-with-a-long-name" in line for line in wide)


def test_colours_mark_the_standing_and_nothing_is_lost_without_them() -> None:
    coloured = "\n".join(diagnosis(FINDINGS, "staging", colour=True))
    assert "\x1b[31;1mfix \x1b[0m" in coloured
    assert "\x1b[32mok  \x1b[0m" in coloured
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == "\n".join(diagnosis(FINDINGS, "staging"))


def test_a_finding_is_shown_before_the_next_one_is_known() -> None:
    def finding():
        yield FINDINGS[0]
        raise AssertionError("asked for the second before the first was shown")

    lines = diagnosis(finding(), "staging")
    assert [next(lines), next(lines)][1].startswith("  ok    tree")


def test_all_well_names_the_run_as_next_and_the_exit_code_is_that_of_the_first_fault() -> None:
    well = [f for f in FINDINGS if not f.exit_code]
    assert list(diagnosis(well, "staging"))[-2:] == [
        "0 to fix, 1 ok, 1 skipped. Nothing was changed by looking.",
        "Next: loop run --env staging",
    ]
    assert exit_code(well) == 0
    assert exit_code(FINDINGS) == 3


def test_json_has_every_key_of_every_finding() -> None:
    told = as_json(FINDINGS, "staging")
    assert told["exit_code"] == 3
    findings = told["findings"]
    assert isinstance(findings, list)
    assert findings[1] == {
        "topic": "platform",
        "about": "permissions",
        "standing": "fix",
        "said": FINDINGS[1].said,
        "mend": LONG,
        "exit_code": 3,
        "names": ["run.services.update"],
    }
