"""Names the raw cases of result files and redacts their texts: what leaves here may be written anywhere. Pure.

Names are redacted in batches, for a redactor costs more per call than per character.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from loop.children import uncoloured
from loop.core.model import Case, CaseAttempt, Outcome
from loop.core.plain import plain_case
from loop.core.quiet import no_collections
from loop.core.signatures import signature
from loop.suites.excerpts import detail_excerpt, message_excerpt
from loop.suites.ids import case_id, numbered
from loop.suites.junit_builder import Extra, Raw, Result
from loop.suites.outcomes import FAILING

BATCH = 100
CHUNK = 5_000
"""Cases that are made at once, while no cycles are looked for; whoever takes them one by one holds no more."""
NOBODY = "unnamed"


def _unknown(_: str) -> str:
    return ""


def fold(
    files: Iterable[Sequence[Raw]],
    *,
    suite: str = "",
    redact: Callable[[str], str],
    place: Callable[[str], str] = str,
    source_of: Callable[[str], str] = _unknown,
) -> Iterator[Case]:
    """In document order. `place` makes a file's name relative to the root; `source_of` gives its content's digest."""
    raws = list(chain.from_iterable(files))
    names = _names(raws, place, redact)
    prefix = case_id(suite, "") if suite else ""
    known = _Files(redact, place, source_of)
    parts = ((raws[at : at + CHUNK], names[at : at + CHUNK]) for at in range(0, len(raws), CHUNK))
    return chain.from_iterable(_cases(*part, prefix, known, redact) for part in parts)


class _Files(dict[str, tuple[str, str]]):
    """The redacted place of a case's file and its digest. Few files hold many cases: each is looked at once."""

    def __init__(
        self, redact: Callable[[str], str], place: Callable[[str], str], source_of: Callable[[str], str]
    ) -> None:
        super().__init__({"": ("", "")})
        self._redact = redact
        self._place = place
        self._source_of = source_of

    def __missing__(self, file: str) -> tuple[str, str]:
        place = self._place(file)
        found = self[file] = (self._redact(place), self._source_of(place))
        return found


def _cases(
    raws: Sequence[Raw], names: Sequence[str], prefix: str, known: _Files, redact: Callable[[str], str]
) -> list[Case]:
    cases: list[Case] = []
    with no_collections():
        for name, raw in zip(names, raws, strict=True):
            # Taken apart at once, here and below: one field asked of a named tuple costs as much as all of this.
            _, file, _, _, seconds, outcome, extra, suite_file = raw
            place, source = known[file or suite_file]
            if extra is None:
                cases.append(plain_case(prefix + name, outcome, seconds, place, source))
            else:
                cases.append(_told_case(prefix + name, raw, extra, place, source, redact))
    return cases


def _names(raws: Sequence[Raw], place: Callable[[str], str], redact: Callable[[str], str]) -> list[str]:
    """Names of enclosing suites stand in front only where two cases would be called the same."""
    plain = [
        f"{classname}::{name}" if classname and name and not file else _odd_name(suites, file, classname, name, place)
        for suites, file, classname, name, _, _, _, _ in raws
    ]
    if _distinct(plain):
        clean = _redacted(plain, redact)
        if clean == plain:  # as nearly always; a mask may stand in two names, and then they are the same
            return clean
    else:
        count = Counter(plain)
        together = zip(raws, plain, strict=True)
        clean = _redacted(
            ["::".join((*raw.suites, name)) if count[name] > 1 else name for raw, name in together], redact
        )
    return clean if _distinct(clean) else numbered(clean)


def _distinct(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)


def _odd_name(suites: Sequence[str], file: str, classname: str, name: str, place: Callable[[str], str]) -> str:
    parts = (place(file) if file else "", classname, name)
    return "::".join(filter(None, parts)) or "::".join(suites) or NOBODY


def _redacted(names: list[str], redact: Callable[[str], str]) -> list[str]:
    clean: list[str] = []
    for at in range(0, len(names), BATCH):
        batch = names[at : at + BATCH]
        joined = "\n".join(batch)
        clean += batch if redact(joined) == joined else map(redact, batch)
    return clean


def _told_case(name: str, raw: Raw, extra: Extra, file: str, source: str, redact: Callable[[str], str]) -> Case:
    *earlier, last = _attempts(extra)
    message = _message(last, redact)
    detail = _detail(last, extra, redact) if raw.outcome in _EXPLAINED else ""
    return Case(
        id=name,
        outcome=raw.outcome,
        seconds=raw.seconds,
        message=message,
        detail=detail,
        signature=signature(message, detail) if raw.outcome in FAILING else "",
        attempts=tuple(_attempt(results, redact) for results in earlier),
        properties={redact(name): redact(value) for name, value in extra.properties.items()},
        file=file,
        source=source,
    )


_EXPLAINED = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.UNFINISHED})


def _attempts(extra: Extra) -> list[list[Result]]:
    """Surefire's way: `flaky...` are failed attempts before a pass, `rerun...` the failed ones after `failure`."""
    flaky = [[result] for result in extra.results if result.attempt.startswith("flaky")]
    rerun = [[result] for result in extra.results if result.attempt.startswith("rerun")]
    plain = [result for result in extra.results if not result.attempt]
    if rerun:
        return [*([plain] if plain else []), *rerun]
    return [*flaky, plain]


def _attempt(results: list[Result], redact: Callable[[str], str]) -> CaseAttempt:
    return CaseAttempt(outcome=results[0].outcome, message=_message(results, redact))


def _message(results: list[Result], redact: Callable[[str], str]) -> str:
    """Of the worst result: failures explain more than a skip beside them."""
    told = sorted(results, key=lambda result: result.outcome in (Outcome.SKIPPED, Outcome.XFAILED))
    return message_excerpt(redact(uncoloured(_spoken(told[0])))) if told else ""


def _spoken(result: Result) -> str:
    text = result.message or result.text
    kind = result.type
    return f"{kind}: {text}" if kind.endswith(("Error", "Exception")) and kind not in text else text


def _detail(results: list[Result], extra: Extra, redact: Callable[[str], str]) -> str:
    told = [result.text or result.message for result in results]
    return detail_excerpt(redact(uncoloured("\n\n".join(filter(None, [*told, *extra.output])))))
