"""Whether a suite judged the files of the commit: what its set-up or its runner changed is said, and then put back."""

from dataclasses import dataclass, field

from loop import source
from loop.core.state import IterationState
from loop.core.wording import count
from loop.perform.setting import Setting

SHOWN = 5
"""Files that a mark names."""


@dataclass(slots=True)
class TrackedFiles:
    """Asked before a suite, after its set-up and after its runner."""

    tree: source.Repository | None
    """None where somebody took the worktree away: the suite itself says so then."""
    commit: str
    marks: list[str] = field(default_factory=list)
    _before: frozenset[str] = frozenset()
    _seen: frozenset[str] = frozenset()

    def begun(self) -> None:
        """What `workspace.setup:` or a hook changed stays so, for suites may need it; each suite says it."""
        self._tell("{} differed from the commit before the suite began: {}")
        self._before = self._seen

    def set_up(self) -> None:
        self._tell("set-up changed {}: {}")

    def ended(self) -> None:
        """The next suite finds again what this one found."""
        self._tell("changed {} while it ran: {}")
        if self.tree is not None:
            source.write_back(self.tree, sorted(self._seen - self._before))

    def _tell(self, sentence: str) -> None:
        now = frozenset(source.differing(self.tree, self.commit)) if self.tree else frozenset()
        new = sorted(now - self._seen)
        if new:
            more = f" and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
            self.marks.append(sentence.format(count(len(new), "tracked file"), ", ".join(new[:SHOWN]) + more))
        self._seen |= now


def tracked_files(it: IterationState, setting: Setting) -> TrackedFiles:
    files = TrackedFiles(source.find_worktree(setting.repository, setting.root / it.worktree), it.commit)
    files.begun()
    return files
