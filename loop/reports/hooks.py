"""Which hooks were called, how they ended, and where all that they wrote can be read."""

from collections.abc import Iterator

from loop.core.events import HookFinished
from loop.core.wording import duration, resume_command
from loop.reports.document import Block, Bullet, Bullets, Code, Output, Paragraph, Strong, line
from loop.reports.subject import Subject, evidence_link


def hooks(subject: Subject) -> Iterator[Block]:
    called = tuple(subject.iteration.hooks.values())
    if called:
        yield Paragraph(line("Hooks:"))
        yield Bullets(tuple(_called(subject, hook) for hook in called))
    if subject.last and subject.state.interrupted and subject.state.owes:
        again = Code(resume_command(subject.state))
        yield Paragraph(line("The hook ", Strong("on_end"), " was interrupted; ", again, " calls it again."))
    for hook in called:
        if hook.reason and hook.log:
            text = "\n".join(hook.log)
            yield Output(line("Last lines of the hook ", Strong(hook.hook), ", which failed:"), text)


def _called(subject: Subject, hook: HookFinished) -> Bullet:
    how = Strong(hook.reason) if hook.reason else "exit status 0"
    head = line(Strong(hook.hook), ": ", Code(hook.command), " - ", how, f", {duration(hook.seconds)}")
    return Bullet(head, tuple(line(evidence_link(subject.iteration, each)) for each in hook.evidence))
