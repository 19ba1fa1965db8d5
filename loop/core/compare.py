"""Iteration n against n-1 and against the baseline: by case ids and causes, never by counts alone. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple

from loop.core.model import PASSING, UNCOUNTED, Case, ChangeKind, Comparison, Credit, Fixed, Judgement, Outcome
from loop.core.signatures import signature


class Standing(NamedTuple):
    """What a comparison needs of one case; cheap enough for 100,000 of them."""

    outcome: Outcome
    signature: str = ""
    source: str = ""
    """Digest of the case's own test source; empty where unknown."""

    @property
    def failing(self) -> bool:
        return self.outcome not in PASSING and self.outcome not in UNCOUNTED


GONE = Standing(Outcome.NOT_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A judged iteration to compare with; only one for which `stopping.comparable` holds."""

    label: str
    """`iteration 2`, or `staging-41 iteration 3` for one of an earlier run."""
    judgement: Judgement
    cases: Mapping[str, Standing]
    product_changed: bool = False
    """A service serves another revision now than it did then."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Suite -> digest of its test sources."""
    decisive: frozenset[ChangeKind] = frozenset()
    """Kinds of what changed since then and can decide any case (`testside.decisive`); `config`: how suites run."""

    def counted(self) -> set[str]:
        """Cases that can only leave the count when somebody accepts it: what counted then, weakened ones included."""
        ran = {case_id for case_id, case in self.cases.items() if case[0] not in UNCOUNTED}
        return ran.union(self.judgement.weakened)

    def only(self, suites: Collection[str]) -> "Earlier":
        """As if the other suites had never been there."""
        weakened = tuple(case_id for case_id in self.judgement.weakened if suite_of(case_id) in suites)
        cases = {case_id: case for case_id, case in self.cases.items() if suite_of(case_id) in suites}
        sources = {suite: digest for suite, digest in self.sources.items() if suite in suites}
        together = together_digest(sources) if self.sources else self.judgement.sources_digest
        judgement = replace(self.judgement, weakened=weakened, sources_digest=together)
        return replace(self, judgement=judgement, cases=cases, sources=sources)

    def of(self, suites: Collection[str]) -> list[str]:
        return [case_id for case_id in self.cases if suite_of(case_id) in suites]


def together_digest(parts: Mapping[str, str]) -> str:
    """One digest of all suites' digests; empty unless each suite has one, so that unknown never reads as changed."""
    if not parts or not all(parts.values()):
        return ""
    return sha256("\n".join(f"{name} {digest}" for name, digest in sorted(parts.items())).encode()).hexdigest()


def suite_of(case_id: str) -> str:
    return case_id.partition("::")[0]


def standings(cases: Iterable[Case]) -> dict[str, Standing]:
    return {case.id: Standing(case.outcome, cause(case), case.source) for case in cases}


def cause(case: Case) -> str:
    """The signature of a case that counts and did not pass; computed where its reader left it out."""
    if case.signature or case.outcome in PASSING or case.outcome in UNCOUNTED:
        return case.signature
    return signature(case.message, case.detail)


def compare(
    before: Earlier, now: Mapping[str, Standing], *, suites: Collection[str], sources_digest: str
) -> Comparison:
    """All cases of `suites`, those of a valid iteration: in another one a missing case would read as gone."""
    tests_changed = _differ(before.judgement.sources_digest, sources_digest) or ChangeKind.TESTS in before.decisive
    then_ids = before.of(suites)
    new = tuple(case_id for case_id in now if case_id not in before.cases)
    gone = tuple(case_id for case_id in then_ids if case_id not in now)
    same, changed = _still_failing(before, now)
    return Comparison(
        against=before.label,
        fixed=tuple(_fixed(before, now, tests_changed)),
        broken=tuple(_broken(before, now)),
        still_same=tuple(same),
        still_changed=tuple(changed),
        new=new,
        gone=gone,
        case_set_changed=_case_set(len(then_ids), len(now), len(new), len(gone)),
        tests_changed=tests_changed,
    )


def _fixed(before: Earlier, now: Mapping[str, Standing], tests_changed: bool) -> Iterable[Fixed]:
    """Also what had been weakened and runs again; such a case may have had no row before."""
    weakened = set(before.judgement.weakened)
    failing = {case_id: then for case_id, then in before.cases.items() if then.outcome not in PASSING}
    for case_id in (*failing, *sorted(weakened - failing.keys())):
        then = failing.get(case_id, GONE)
        if (then.failing or case_id in weakened) and case_id in now and now[case_id].outcome in PASSING:
            yield Fixed(id=case_id, credit=_credit(before, then, now[case_id], tests_changed))


def _credit(before: Earlier, then: Standing, now: Standing, tests_changed: bool) -> Credit:
    """To the product only where nothing else changed that could decide this case; the files of other cases can not.

    Those explain a gain only where no revision changed, and what belongs to neither (`infra`) explains none alone.
    """
    own = _differ(then.source, now.source) if then.source and now.source else tests_changed
    if before.product_changed:
        return Credit.BOTH if own or before.decisive else Credit.PRODUCT
    tests = own or tests_changed or ChangeKind.CONFIG in before.decisive
    return Credit.TESTS if tests else Credit.UNEXPLAINED


def _broken(before: Earlier, now: Mapping[str, Standing]) -> Iterable[str]:
    for case_id, case in now.items():
        if case.outcome not in PASSING and case.failing:
            then = before.cases.get(case_id)
            if then is not None and not then.failing:
                yield case_id


def _still_failing(before: Earlier, now: Mapping[str, Standing]) -> tuple[list[str], list[str]]:
    same: list[str] = []
    changed: list[str] = []
    for case_id, then in before.cases.items():
        if then.outcome not in PASSING and then.failing and case_id in now and now[case_id].failing:
            (same if _key(then) == _key(now[case_id]) else changed).append(case_id)
    return same, changed


def _key(case: Standing) -> str:
    return case.signature or case.outcome


def _differ(before: str, now: str) -> bool:
    """Only two known digests can be said to differ."""
    return bool(before and now) and before != now


def _case_set(before: int, now: int, new: int, gone: int) -> str:
    if not new and not gone:
        return ""
    swapped = f" ({new} new, {gone} gone)" if new and gone else ""
    return f"cases {before} -> {now}{swapped}"
