"""A JUnit file as a big product's suites write it: a hundred thousand cases, some failed and some skipped."""

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

CASES = 100_000
SUITES = 100
FAILED_EVERY, SKIPPED_EVERY = 50, 100
"""2% fail, 1% are skipped."""
COUNTED = CASES - CASES // SKIPPED_EVERY
TRACEBACK = 1_000
"""Characters of a failure's text."""

SECRETS = {"API_KEY": "k3y-0123456789abcdef", "DB_PASSWORD": "correct horse battery staple", "TOKEN": "t0k3n/+=&%value"}
"""Declared, for every text is looked through for them; none of them stands in the file."""

_MESSAGES = (
    "AssertionError: assert 403 == 200 for order {n} of customer c-{n:08x}",
    "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: http://127.0.0.1:8{n:03}/api/orders/{n}",
    "TimeoutError: no answer from backend-00042-abc within {n}.5 s",
    "KeyError: 'field_{n}'",
    "AssertionError: assert [{n}, 'open'] == [{n}, 'closed'] at 2026-11-22T10:11:12.{n:06}Z",
)


def write(path: Path, *, turn: int = 0) -> None:
    """`turn` moves which cases fail: that of another turn has other failures, some of them the same."""
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n')
        for suite in range(SUITES):
            file.writelines(_suite(suite, turn))
        file.write("</testsuites>\n")


def fails(case: int, turn: int) -> bool:
    """Three of four failures are in the same cases in every turn."""
    place = case % (4 * FAILED_EVERY)
    return place % FAILED_EVERY == (turn % 10 if place < FAILED_EVERY else 0)


def skipped(case: int) -> bool:
    return case % SKIPPED_EVERY == SKIPPED_EVERY - 1


def _suite(suite: int, turn: int) -> Iterator[str]:
    cases = range(suite * CASES // SUITES, (suite + 1) * CASES // SUITES)
    failures, left_out = sum(fails(n, turn) for n in cases), sum(map(skipped, cases))
    yield (
        f'<testsuite name="suite {suite}" tests="{len(cases)}" errors="0" failures="{failures}" skipped="{left_out}" '
        f'time="{len(cases) * 0.012:.3f}" timestamp="2026-11-22T10:00:00+00:00" hostname="ci">\n'
    )
    yield from (_case(suite, n, turn) for n in cases)
    yield "</testsuite>\n"


def _case(suite: int, case: int, turn: int) -> str:
    head = f'<testcase classname="tests.part_{suite:03}.TestOrders{case // 100}" name="test_order_{case}[{case % 7}]" '
    head += f'time="{case % 97 / 1000:.3f}"'
    if fails(case, turn):
        message = _MESSAGES[case // FAILED_EVERY % len(_MESSAGES)].format(n=case % 1000)
        return (
            f"{head}><failure message={quoteattr(message)}>{escape(_traceback(case, message))}</failure></testcase>\n"
        )
    if skipped(case):
        return f'{head}><skipped type="pytest.skip" message="needs feature {case % 13}"/></testcase>\n'
    return head + "/>\n"


def _traceback(case: int, message: str) -> str:
    frames = "".join(
        f"tests/part_{frame}.py:{case % 300 + frame}: in call_{frame}\n    answer = client.get('/api/orders/{case}')\n"
        for frame in range(20)
    )
    tail = f"E   {message}\n"
    return frames[: TRACEBACK - len(tail)] + "\n" + tail
