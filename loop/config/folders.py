"""Services as a repository's folders show them: what `loop init` proposes where nothing is deployed yet.

Pure but for `read`. What is only likely is marked as a guess; a folder's own files are taken at their word.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from loop.config.proposal import Entry, named

Read = Callable[[str], str]
"""The text of a file below the root; "" where it is not text."""

PROCFILE, DOCKERFILE = "Procfile", "Dockerfile"
LIKELY = ("package.json", "requirements.txt")
NOT_SERVICES = frozenset({
    "test", "tests", "e2e", "spec", "docs", "node_modules", "vendor", "third_party", "scripts", "tools",
})  # fmt: skip
SOURCES = (".py", ".js", ".ts", ".mjs", ".go", ".rb", ".java", ".kt", ".php", ".cs", ".rs")
HEALTH = ("/health", "/healthz", "/api/health", "/readyz", "/ready", "/livez", "/ping")
"""In this order, where a source names several."""

_PATH = re.compile(r"[\"'`](/[A-Za-z0-9/_-]{2,40})[\"'`]")
_URL = re.compile(r"\b([A-Z][A-Z0-9_]*?)(?:_SERVICE|_BASE)?_URL\b")
_EXPOSE = re.compile(r"(?im)^\s*EXPOSE\s+(\d+)")
_WEB = re.compile(r"(?m)^web:\s*\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder that looks like a service."""

    path: str
    name: str
    marks: frozenset[str]
    files: tuple[str, ...] = field(repr=False)

    @property
    def likely(self) -> bool:
        """Nothing says how it is started."""
        return not self.marks & {PROCFILE, DOCKERFILE}


def service_folders(files: Sequence[str], read: Read, *, repository: str) -> tuple[Folder, ...]:
    """`repository`: the name for a service that is the whole repository."""
    marks = _marks(files, read)
    found: list[Folder] = []
    for folder in sorted(_outermost(marks)):
        name = named(posixpath.basename(folder) or repository, {f.name for f in found})
        inside = tuple(file for file in files if not folder or file.startswith(f"{folder}/"))
        found.append(Folder(path=folder or ".", name=name, marks=frozenset(marks[folder]), files=inside))
    return tuple(found)


def left_out(files: Sequence[str], read: Read, folders: Sequence[Folder]) -> tuple[str, ...]:
    """Folders that would be services, were nothing surer: each with what it has, outside of those that were taken."""
    taken = {folder.path for folder in folders}
    return tuple(
        f"{folder} ({', '.join(sorted(names))}, no Procfile)"
        for folder, names in sorted(_marks(files, read).items())
        if folder and not any(f"{folder}/".startswith(f"{path}/") for path in taken)
    )


def _marks(files: Sequence[str], read: Read) -> dict[str, set[str]]:
    """Folder -> the files in it that tell of a service."""
    marks: dict[str, set[str]] = {}
    for file in files:
        folder, name = posixpath.split(file)
        if _may_hold_a_service(folder) and _tells(file, name, read):
            marks.setdefault(folder, set()).add(name)
    return marks


def services(folders: Sequence[Folder], read: Read) -> tuple[Entry, ...]:
    texts = {folder.name: _sources(folder, read) for folder in folders}
    named = {folder.name: tuple(_needs(folder, folders, texts[folder.name])) for folder in folders}
    after = _without_circles({name: [other for _, other, _ in needed] for name, needed in named.items()})
    return tuple(
        Entry(
            key=folder.name,
            value=(
                *_built(folder, read),
                _health(texts[folder.name]),
                *_reached(named[folder.name], after[folder.name]),
            ),
        )
        for folder in folders
    )


def notes(folders: Sequence[Folder], *, emulated: bool) -> Iterator[str]:
    for folder in folders:
        if emulated and PROCFILE not in folder.marks:
            yield (
                f"{folder.path} has no Procfile: the emulator builds from one that says how to start it, e.g."
                " `web: python app.py`"
            )


def _may_hold_a_service(folder: str) -> bool:
    parts = folder.split("/") if folder else []
    return not any(part in NOT_SERVICES or part.startswith(".") for part in parts)


def _tells(file: str, name: str, read: Read) -> bool:
    match name:
        case "Procfile":
            return bool(_WEB.search(read(file)))
        case "Dockerfile":
            return True
        case "package.json":
            return "start" in _scripts(read(file))
        case "requirements.txt":
            return "/" in file  # at the root it is as likely what the tests need
        case _:
            return False


def _scripts(text: str) -> dict[str, object]:
    try:
        scripts = json.loads(text).get("scripts", {})
    except (ValueError, AttributeError):
        return {}
    return scripts if isinstance(scripts, dict) else {}


def _outermost(marks: dict[str, set[str]]) -> Iterator[str]:
    """A service's own folders belong to it; the root, which holds them all, is one only where nothing else is."""
    strong = {folder for folder, names in marks.items() if names & {PROCFILE, DOCKERFILE}} or set(marks)
    inner = strong - {""}
    for folder in inner or strong:
        if not any(folder != other and folder.startswith(f"{other}/") for other in inner):
            yield folder


def _built(folder: Folder, read: Read) -> Iterator[Entry]:
    if PROCFILE in folder.marks:
        yield Entry(key="source", value=folder.path, why="built as its Procfile says")
    elif DOCKERFILE in folder.marks:
        yield Entry(key="source", value=folder.path)
        yield Entry(key="build", value="dockerfile", why="by Cloud Build; the emulator builds from a Procfile only")
    else:
        why = f"it has a {min(folder.marks)}; a Procfile would say how it is started"
        yield Entry(key="source", value=folder.path, why=why, guess=True)
    exposed = _EXPOSE.search(read(posixpath.join(folder.path, DOCKERFILE))) if DOCKERFILE in folder.marks else None
    if exposed and exposed[1] != "8080" and PROCFILE not in folder.marks:
        yield Entry(key="port", value=int(exposed[1]), why="its Dockerfile exposes it", guess=True)


def _sources(folder: Folder, read: Read) -> dict[str, str]:
    return {file: read(file) for file in folder.files if file.endswith(SOURCES)}


def _health(texts: dict[str, str]) -> Entry:
    told: dict[str, str] = {}
    for file, text in texts.items():
        for path in _PATH.findall(text):
            told.setdefault(path, file)
    for path in HEALTH:
        if path in told:
            return Entry(key="health", value=path, why=f"{told[path]} names it", guess=True)
    return Entry(key="health", value="/", why="no source names a path such as /health", guess=True)


def _needs(folder: Folder, folders: Sequence[Folder], texts: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Variable, service and file, where a source asks for another service's address."""
    others = {other.name.upper().replace("-", "_"): other.name for other in folders if other.name != folder.name}
    seen: set[str] = set()
    for file, text in texts.items():
        for found in _URL.finditer(text):
            if found[1] in others and found[0] not in seen:
                seen.add(found[0])
                yield found[0], others[found[1]], file


def _reached(needed: Iterable[tuple[str, str, str]], after: Sequence[str]) -> Iterator[Entry]:
    env = tuple(
        Entry(key=variable, value=f"${{services.{other}.url}}", why=f"{file} names the variable", guess=True)
        for variable, other, file in needed
    )
    if env:
        yield Entry(key="env", value=env)
    if after:
        yield Entry(key="after", value=list(after), why="what it calls is deployed first", guess=True)


def _without_circles(needed: dict[str, list[str]]) -> dict[str, list[str]]:
    """Services may call each other in a circle, but can not wait for each other in one."""
    after: dict[str, list[str]] = {name: [] for name in needed}
    for name, others in needed.items():
        for other in dict.fromkeys(others):
            if not _leads(after, other, name):
                after[name].append(other)
    return after


def _leads(after: dict[str, list[str]], start: str, end: str) -> bool:
    return start == end or any(_leads(after, other, end) for other in after[start])
