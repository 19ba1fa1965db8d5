"""What a fixer's answer must satisfy before it is graded. A tripped guard is an outcome, never an error."""

from collections.abc import Sequence


def refusal(*, descends: bool, files: Sequence[str], restored: Sequence[str], max_files: int | None) -> str | None:
    """Why an answer is not taken, as a sentence; None where it is.

    `files` differ from where the fixer started, after the protected ones in `restored` were put back.
    """
    if not descends:
        return "history was rewritten: the answer does not descend from the commit that the fixer started from"
    if not files and restored:
        return f"only protected files were changed: {_some(restored)}"
    if not files:
        return "nothing was changed"
    if max_files is not None and len(files) > max_files:
        return f"{len(files)} files were changed, {max_files} are allowed: {_some(files)}"
    return None


def _some(paths: Sequence[str], limit: int = 5) -> str:
    more = len(paths) - limit
    return ", ".join(paths[:limit]) + (f" and {more} more" if more > 0 else "")
