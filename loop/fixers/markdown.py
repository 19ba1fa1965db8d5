"""The brief for readers of prose: the same facts as the JSON, and no other. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def markdown(brief: Json) -> str:
    parts = [
        _head(brief),
        _failures(brief),
        _problems(brief["problems"]),
        _services(brief["services"]),
        _hooks(brief.get("hooks", ())),
        _change(brief["change"]),
        _attempts(brief["attempts"]),
        _rules(brief),
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(brief: Json) -> Iterable[str]:
    yield f"# {brief['run']}, iteration {brief['iteration']}: what is to be fixed"
    yield ""
    if brief["mission"]:
        yield from (f"Mission: {brief['mission']}", "")
    rates = brief["rates"]
    passed = rates.get("adjusted") or rates.get("raw") or "no rate"
    yield f"Goal: {brief['goal'] or 'none'}. Now: {passed} passed, verdict {brief['verdict'] or 'none'}."
    yield from [brief["rule"]] if brief["rule"] else []
    yield from (f"- {reason}" for reason in brief["reasons"])
    yield f"Commit {brief['commit']}, branch {brief['branch']}."
    yield ""


def _failures(brief: Json) -> Iterable[str]:
    groups, omitted = brief["failures"], brief["failures_omitted"]
    if groups:
        yield from ("## Failing cases, by signature", "")
    for group in groups:
        yield f"### {group['count']} x {group['signature'] or group['message'] or group['outcome']}"
        yield ""
        yield from (f"- `{case}`" for case in group["cases"])
        layer = group["layer"]
        yield f"Probable layer: {layer['probable']}{' (from ' + layer['from'] + ')' if layer['from'] else ''}."
        yield f"Not passing since iteration {group['failing_since']}. Output of `{group['example']}`:"
        yield from fenced(group["output"] or group["message"])
        if group["service_lines"]:
            yield "What the services wrote while it ran:"
            yield from fenced("\n".join(map(_service_line, group["service_lines"])))
    if omitted:
        yield from (f"{omitted} more signatures are left out here.", "")
    if brief["known_issues"]:
        yield from ("## Known issues, not to be fixed now", "")
        yield from (f"- `{issue['case']}`: {issue['known']}" for issue in brief["known_issues"])
        yield ""


def _service_line(line: Json) -> str:
    marks = ", ".join(mark for mark in (line["severity"], f"by {line['joined_by']}") if mark)
    return f"{line['service']} ({marks}): {line['text']}"


def _problems(problems: Sequence[Json]) -> Iterable[str]:
    if problems:
        yield from ("## Why results are invalid", "")
    for problem in problems:
        yield f"- {problem['kind']}: {problem['sentence']}"
        if problem["output"]:
            yield from fenced(problem["output"])


def _services(services: Sequence[Json]) -> Iterable[str]:
    yield from ("## Services", "")
    for service in services:
        revision = service["revision"] or "no revision"
        yield f"- **{service['name']}** ({service['source'] or 'no source'}): {service['state']}, {revision}"
        if service["reason"]:
            yield f"  {service['reason']}"
        if service["log"]:
            yield from fenced("\n".join(service["log"]))
    yield ""


def _hooks(hooks: Sequence[Json]) -> Iterable[str]:
    failed = [hook for hook in hooks if hook["reason"]]
    if failed:
        yield from ("## Failed hooks", "")
    for hook in failed:
        yield f"- **{hook['hook']}**, `{hook['command']}`: {hook['reason']}"
        if hook["log"]:
            yield from fenced("\n".join(hook["log"]))
    if failed:
        yield ""


def _change(change: Json | None) -> Iterable[str]:
    if change is None:
        return
    yield f"## Changed since the last iteration ({', '.join(change['kinds']) or 'nothing'})"
    yield ""
    yield from (_commit(commit) for commit in change["commits"])
    yield from (f"- {f['status']} `{f['path']}` (+{f['added']} -{f['removed']}, {f['kind']})" for f in change["files"])
    if change["files_omitted"]:
        yield f"- and {change['files_omitted']} more files"
    yield ""


def _commit(commit: Json) -> str:
    words = "; ".join(f"{name}: {' / '.join(values)}" for name, values in commit["trailers"].items())
    return f"- {commit['sha'][:12]} {commit['subject']}" + (f" ({words})" if words else "")


def _attempts(attempts: Sequence[Json]) -> Iterable[str]:
    if attempts:
        yield from ("## Earlier attempts", "")
    for attempt in attempts:
        if attempt["outcome"] == "rejected":
            yield f"- After iteration {attempt['iteration']}: rejected, {attempt['reason']}"
            yield from fenced("\n".join(attempt["log"])) if attempt["log"] else ()
        else:
            yield f"- After iteration {attempt['iteration']}: {attempt['rate'] or 'no rate'} passed afterwards"
            yield from (f"  {_commit(commit)}" for commit in attempt["commits"])
    if attempts:
        yield ""


def _rules(brief: Json) -> Iterable[str]:
    limits = brief["limits"]
    yield from ("## Rules", "", "- Your commits on this branch are the answer; what is left uncommitted is committed.")
    if limits.get("protect"):
        yield f"- These are put back: {', '.join(f'`{glob}`' for glob in limits['protect'])}"
    if limits.get("max_files") is not None:
        yield f"- At most {limits['max_files']} files may be changed."
    yield "- Exit with 3 when there is nothing you can do; the next iteration alone says whether a fix worked."


def fenced(text: str) -> list[str]:
    """A code block that its own text can not close."""
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return ["", fence, text.rstrip("\n"), fence, ""]
