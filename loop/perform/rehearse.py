"""What a run would start in its worktree, tried in the user's own tree: do suites collect, is the fixer there?"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from loop import config, source
from loop.config.checks import url_variable
from loop.core.environment import Charter, Environment, Fix, Suite
from loop.core.findings import Finding, Topic, fix, ok, skip
from loop.errors import FixerError
from loop.perform.patient import Patient
from loop.perform.setting import inherited
from loop.suites.collect import collect, missing_program

_INVALID = 4
"""Exit code of a run whose results say nothing (design section 10)."""
_NODE = frozenset({"npx", "npm", "yarn", "pnpm"})
"""Programs that look for packages in the folder that they run in."""


def rehearsed(patient: Patient, environment: Environment) -> Iterator[Finding]:
    """Nothing but collecting is done, so a suite's `setup:` and the workspace's are not run."""
    charter = environment.charter
    tree = patient.root / charter.root
    with tempfile.TemporaryDirectory(prefix="loop-doctor-") as scratch:
        for suite in charter.suites:
            found = _suite(suite, tree, environment, Path(scratch), patient)
            yield found
            if not found.exit_code:
                yield from _left_behind(suite, charter, patient)
        yield _fixer(charter.fix, tree, Path(scratch), patient)


def _suite(suite: Suite, tree: Path, environment: Environment, scratch: Path, patient: Patient) -> Finding:
    revealed, env = _as_run(suite, environment, patient)
    found = collect(revealed, root=tree, env=env, scratch=scratch, redact=patient.redact)
    if found.problem is not None:
        sentence = f"{found.problem.sentence}{_last_words(found.problem.output)}"
        return fix(Topic.SUITES, suite.name, sentence, _by_hand(suite), code=_INVALID)
    if found.count is None:
        said = "its cases are not known before it runs; `list:` or `minimum:` would say how many to expect"
        return skip(Topic.SUITES, suite.name, said)
    by = f"pytest {found.versions['pytest']}, Python {found.versions['python']}" if found.versions else "`list:`"
    return ok(Topic.SUITES, suite.name, f"{found.count} {'case' if found.count == 1 else 'cases'} collected ({by})")


def _as_run(suite: Suite, environment: Environment, patient: Patient) -> tuple[Suite, dict[str, str]]:
    """With addresses that answer nobody: a suite that calls a service while it collects is not to change one."""
    urls = {service.name: f"http://{service.name.lower()}.invalid" for service in environment.services}

    def revealed(text: str) -> str:
        return config.reveal(text, secrets=patient.variables, urls=urls)

    told = {url_variable(name): url for name, url in urls.items()}
    told |= {"LOOP_RUN": f"{environment.charter.name}-0", "LOOP_ITERATION": "0"}
    own = {name: revealed(text) for name, text in suite.env.items()}
    arguments = suite.pytest and tuple(map(revealed, suite.pytest))
    return replace(suite, pytest=arguments), {**inherited(patient.variables), **told, **own}


def _left_behind(suite: Suite, charter: Charter, patient: Patient) -> Iterator[Finding]:
    """What is ignored by git lies in this tree only: a worktree lacks it, unless `workspace:` brings it."""
    if suite.setup or charter.workspace.setup:
        return
    for path in _needed(suite, patient.root / charter.root):
        name = str(PurePosixPath(charter.root, path))
        linked = any(PurePosixPath(name).is_relative_to(link) for link in charter.workspace.link)
        if not linked and (patient.root / name).exists() and source.ignored(patient.repository, name):
            said = f"{name} is ignored by git, so the worktree of a run will lack it"
            yield fix(Topic.SUITES, suite.name, said, f"workspace: {{link: [{_top(name)}]}}", code=_INVALID)


def _needed(suite: Suite, tree: Path) -> list[str]:
    """Below `root:`."""
    if suite.pytest is not None:
        named = suite.python or ".venv/bin/python"
        return [named] if "/" in named and not named.startswith("/") else []
    words = (suite.command or "").split()
    packages = str(PurePosixPath(suite.workdir, "node_modules"))
    return [packages] if words and words[0] in _NODE and (tree / packages).is_dir() else []


def _top(name: str) -> str:
    """The folder to link: that of the environment, not the program in it."""
    return name.partition("/bin/")[0]


def _by_hand(suite: Suite) -> str:
    if suite.pytest is None:
        return f"see for yourself: {suite.list or suite.command}"
    return f"see for yourself: {suite.python or 'python3'} -m pytest --collect-only {' '.join(suite.pytest)}"


def _fixer(settings: Fix | None, tree: Path, scratch: Path, patient: Patient) -> Finding:
    if settings is None:
        return skip(Topic.FIXER, "fixer", "none: a red run ends after Initial and waits for your commit")
    if settings.command is None:
        return ok(Topic.FIXER, "fixer", "a person, whose commit is awaited")
    absent = missing_program(settings.command, cwd=tree, env=patient.variables, scratch=scratch)
    if absent:
        command = f"install it, make it executable (chmod +x {absent}), or correct fix.command"
        return fix(Topic.FIXER, "fixer", f"the shell finds no program {absent}", command, code=FixerError.exit_code)
    return ok(Topic.FIXER, "fixer", settings.command)


def _last_words(output: str) -> str:
    """The line that tells most of what a runner wrote: pytest's own `E` lines, else its last one."""
    lines: Sequence[str] = [line.strip() for line in output.splitlines() if line.strip(" =-_")]
    told = [line for line in lines if line.startswith("E ")] or lines
    return f" {told[-1].removeprefix('E ').strip()}" if told else ""
