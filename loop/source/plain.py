"""Whether the tracked files of a worktree are, byte for byte, those of the commit that a report will name.

Asked in a git folder of ours, for what works in a worktree can make git look away there: flags in its index, filters
in the configuration, attributes in `info/`, replaced objects. Here none of that is seen and nothing is converted.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from loop.source.git import NOWHERE, Repository, encode, fields, run, start
from loop.source.repository import pending

FOLDER = "loop-plain"
"""In the worktree's own git folder: its index is the cache that spares a read of every file at every question."""
NO_CONVERSION = "* -text !eol !ident !filter !working-tree-encoding\n"
CONVERSIONS = ("filter", "ident", "working-tree-encoding", "eol")
OFF = ("unspecified", "unset", "lf")
"""Values of these attributes with which a checkout writes a blob as it is."""


def put_right(tree: Repository, commit: str) -> None:
    """Read every tracked file anew and write back what git took for unchanged, or wrote otherwise than committed."""
    _made(tree, commit)
    write_back(tree, differing(tree, commit))


def differing(tree: Repository, commit: str) -> tuple[str, ...]:
    """Tracked files that are not as committed; where the commit's own attributes convert a file, git is believed."""
    plain = _opened(tree, commit)
    run(plain, "update-index", "-q", "--refresh", "--ignore-submodules", accept=(0, 1))
    ask = ("diff-files", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all")
    found = fields(run(plain, *ask).out)
    converted = _converted(plain, found)
    believed = set(pending(tree, "no")) if converted else set()
    return tuple(path for path in found if path not in converted or path in believed)


def write_back(tree: Repository, paths: Iterable[str]) -> None:
    """The bytes of the commit that was asked about last; what can not be written is found by the next question."""
    listed = b"".join(encode(path) + b"\0" for path in paths)
    if listed:
        plain = Repository(root=tree.root, git_dir=tree.git_dir / FOLDER)
        run(plain, "checkout-index", "--force", "--quiet", "-z", "--stdin", stdin=listed, accept=(0, 1, 128))


def _opened(tree: Repository, commit: str) -> Repository:
    folder = tree.git_dir / FOLDER
    head = folder / "HEAD"
    whole = head.exists() and (folder / "index").exists() and head.read_text().strip() == commit
    return Repository(root=tree.root, git_dir=folder) if whole else _made(tree, commit)


def _made(tree: Repository, commit: str) -> Repository:
    """`git init` also finds out what the file system can tell, such as executable bits."""
    folder = tree.git_dir / FOLDER
    if folder.exists():
        shutil.rmtree(folder)
    format_ = run(tree, "rev-parse", "--show-object-format").text
    start(["init", "--quiet", "--bare", "--template=", f"--object-format={format_}", str(folder)], cwd=tree.root)
    for name, text in (("objects/info/alternates", f"{tree.common / 'objects'}\n"), ("info/attributes", NO_CONVERSION)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    plain = Repository(root=tree.root, git_dir=folder)
    run(plain, "read-tree", commit)
    (folder / "HEAD").write_text(f"{commit}\n")
    return plain


def _converted(plain: Repository, paths: list[str]) -> set[str]:
    """Those whose committed `.gitattributes` ask for another form in the worktree, as Git LFS does."""
    if not paths:
        return set()
    with tempfile.TemporaryDirectory(dir=plain.git_dir.parent, prefix="loop-attributes-") as place:
        copy = Repository(root=plain.root, git_dir=Path(place, "git"))
        shutil.copytree(plain.git_dir, copy.git_dir, ignore=shutil.ignore_patterns("attributes"))
        ask = ("-c", f"core.attributesFile={NOWHERE}", "check-attr", "--cached", "-z", "--stdin", *CONVERSIONS)
        listed = b"".join(encode(path) + b"\0" for path in paths)
        told = iter(fields(run(copy, *ask, stdin=listed, env={"GIT_ATTR_NOSYSTEM": "1"}).out))
    return {path for path, _, value in zip(told, told, told, strict=True) if value not in OFF}
