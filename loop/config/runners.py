"""Suites as a repository's folders show them: what `loop init` proposes as tests. Pure but for `read`."""

import json
import posixpath
import re
from collections.abc import Iterator, Sequence

from loop.config.folders import Read
from loop.config.proposal import Entry

END_TO_END = ("e2e", "staging", "integration", "acceptance", "smoke", "live")
"""Names of folders whose tests want a deployed stack, in the field's own words."""

_PYTEST = re.compile(r"(?:test_[^/]+|[^/]+_test)\.py")
_PLAYWRIGHT = re.compile(r"playwright\.config\.(?:js|ts|mjs|cjs|mts)")
_JEST = re.compile(r"jest\.config\.(?:js|ts|mjs|cjs|json)")
_UNTOLD = re.compile(r"[^a-z0-9]+")


def suites(files: Sequence[str], read: Read, *, within: Sequence[str]) -> tuple[Entry, ...]:
    """`within`: the services' folders, whose own tests are unit tests and no suite."""
    outside = [file for file in files if not any(file.startswith(f"{folder}/") for folder in within)]
    found = [*_pytest(outside, read), *_playwright(outside), *_jest(outside, read)]
    return tuple(found) or (_none(),)


def workspace(links: Sequence[str]) -> tuple[Entry, ...]:
    """`links`: untracked folders at the root that tests may need."""
    if not links:
        return ()
    return (Entry(key="link", value=list(links), why="untracked, so a worktree would lack it"),)


def _pytest(files: Sequence[str], read: Read) -> Iterator[Entry]:
    tests = [file for file in files if _PYTEST.fullmatch(posixpath.basename(file))]
    against_a_stack = [file for file in tests if _end_to_end(file)] or [f for f in tests if "LOOP_URL_" in read(f)]
    places: dict[str, list[str]] = {}
    for file in against_a_stack or tests:
        places.setdefault(_place(file), []).append(file)
    for place, those in sorted(places.items()):
        sure = any("LOOP_URL_" in read(file) for file in those)
        why = "its cases ask for LOOP_URL_<SERVICE>" if sure else "they are taken for tests of the deployed stack"
        argument = place or " ".join(sorted(those))
        key = _UNTOLD.sub("-", posixpath.basename(place).lower()).strip("-") or "tests"
        yield Entry(key=key, value=(Entry(key="pytest", value=argument, why=why, guess=not sure),))


def _end_to_end(file: str) -> bool:
    return any(part in END_TO_END for part in file.split("/")[:-1])


def _place(file: str) -> str:
    """The folder to name: down to the one that says what kind they are, else the outermost; "" for the root."""
    parts = file.split("/")[:-1]
    depth = next((n for n, part in enumerate(parts) if part in END_TO_END), 0)
    return "/".join(parts[: depth + 1])


def _playwright(files: Sequence[str]) -> Iterator[Entry]:
    for file in files:
        if _PLAYWRIGHT.fullmatch(posixpath.basename(file)):
            env = Entry(key="env", value=(Entry(key="PLAYWRIGHT_JUNIT_OUTPUT_NAME", value="results/playwright.xml"),))
            command = Entry(key="command", value="npx playwright test --reporter=junit", why=f"{file} is there")
            result = Entry(key="junit", value="results/playwright.xml")
            yield Entry(key="browser", value=(command, result, env, *_workdir(file)))
            return


def _jest(files: Sequence[str], read: Read) -> Iterator[Entry]:
    for file in files:
        if _JEST.fullmatch(posixpath.basename(file)) or (
            posixpath.basename(file) == "package.json" and _uses(read(file))
        ):
            env = Entry(key="env", value=(Entry(key="JEST_JUNIT_OUTPUT_DIR", value="results"),))
            why = f"{file} is there; needs the package jest-junit"
            command = "npx jest --reporters=default --reporters=jest-junit"
            result = Entry(key="junit", value="results/*.xml")
            yield Entry(
                key="jest",
                value=(Entry(key="command", value=command, why=why, guess=True), result, env, *_workdir(file)),
            )
            return


def _uses(package: str) -> bool:
    try:
        said = json.loads(package)
    except ValueError:
        return False
    return isinstance(said, dict) and ("jest" in said or "jest" in (said.get("devDependencies") or {}))


def _workdir(file: str) -> Iterator[Entry]:
    folder = posixpath.dirname(file)
    if folder:
        yield Entry(key="workdir", value=folder)


def _none() -> Entry:
    why = "no tests were found here; put some there, or name yours"
    return Entry(key="e2e", value=(Entry(key="pytest", value="tests/e2e", why=why, guess=True),))
