"""`${...}` in values: variables are filled in, secrets and URLs are checked and stay text until the last moment.

${VAR}  ${VAR:-default}     from the process environment; a set but empty variable takes the default too
${secret:VAR}               stays; the variable must be set, and long enough to be masked wherever it appears
${services.NAME.url}        stays; the service must exist
$$                          one dollar sign
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from loop.config.document import Located
from loop.config.problems import Path, Problem, did_you_mean, matches

REFERENCE = re.compile(r"\$\{(?:secret:(?P<secret>[A-Za-z_]\w*)|services\.(?P<service>[\w-]+)\.url)\}")
"""What is left in text after loading, for reveal to fill."""

SHORTEST_SECRET = 8
SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")

SECRET_PLACES = (("services", "*", "env"), ("suites", "*", "env"), ("dependencies", "*"))
URL_PLACES = (*SECRET_PLACES, ("suites", "*", "pytest"))

TEXT_PLACES = (
    ("services", "*", "env"),
    ("services", "*", "secrets"),
    ("services", "*", "labels"),
    ("services", "*", "substitutions"),
    ("suites", "*", "env"),
    ("dependencies", "*", "expect"),
)
"""Where `1.10`, `yes` and `0x1F` mean what is written, for a variable holds text."""

COMMAND_PLACES = (
    ("hooks", "*"),
    ("fix", "command"),
    ("suites", "*", "command"),
    ("suites", "*", "list"),
    ("suites", "*", "setup"),
    ("workspace", "setup"),
)
"""What a shell reads later, with variables of its own."""
OURS = "LOOP_"
"""How the variables begin that a command finds."""

_TOKEN = re.compile(r"\$\$|\$\{(?P<inside>[^{}]*)\}|\$\{")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?::-(?P<default>.*))?", re.DOTALL)
REFUSED = "${secret:...} and ${services...} can neither be escaped nor come out of a variable"
_MEANINGS = "${VAR}, ${VAR:-default}, ${secret:VAR} and ${services.NAME.url} are known, and $${ is a plain ${"


@dataclass(frozen=True, slots=True, kw_only=True)
class Substituted:
    root: Located
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    unset: tuple[str, ...]
    """Variables that are to be exported; each is a problem too."""


def substitute(root: Located, variables: Mapping[str, str]) -> Substituted:
    services = root.keys.get("services")
    filling = _Filling(variables=variables, services=tuple(services.keys) if services else ())
    filled = filling.value(root, ())
    return Substituted(
        root=filled,
        problems=tuple(filling.problems),
        warnings=tuple(filling.warnings),
        unset=tuple(filling.unset),
    )


def secret_word(name: str) -> str | None:
    """The word that makes a variable's name that of a secret."""
    return next((word for word in SECRET_WORDS if word in name.upper()), None)


@dataclass(slots=True, kw_only=True)
class _Filling:
    variables: Mapping[str, str]
    services: tuple[str, ...]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unset: list[str] = field(default_factory=list)

    def value(self, located: Located, path: Path) -> Located:
        match located.value:
            case dict():
                keys = {key: self.value(value, (*path, key)) for key, value in located.value.items()}
                return replace(located, value=keys)
            case list():
                items = [self.value(item, (*path, index)) for index, item in enumerate(located.value)]
                return replace(located, value=items)
            case str():
                return replace(located, value=self.text(located.value, located, path))
            case bool() | int() | float() if any(matches(path, pattern) for pattern in TEXT_PLACES):
                return replace(located, value=located.written)
            case _:
                return located

    def text(self, text: str, located: Located, path: Path) -> str:
        kept = 0

        def fill(token: re.Match[str]) -> str:
            nonlocal kept
            if token[0] == "$$":
                return "$"
            filled, sentence = self.meaning(token["inside"], located, path)
            if sentence:
                self.problems.append(Problem(located.place, path, sentence))
            kept += REFERENCE.fullmatch(filled) is not None
            return filled

        result = _TOKEN.sub(fill, text)
        if len(REFERENCE.findall(result)) > kept:
            self.problems.append(Problem(located.place, path, REFUSED))
        return result

    def meaning(self, inside: str | None, located: Located, path: Path) -> tuple[str, str]:
        """What a `${...}` becomes, and what is wrong with it."""
        whole = "${" + inside + "}" if inside is not None else "${"
        if inside is not None and inside.startswith("secret:"):
            return whole, self.secret(inside.removeprefix("secret:"), path)
        if inside is not None and inside.startswith("services."):
            return whole, self.reference(inside, path)
        variable = _VARIABLE.fullmatch(inside or "")
        if not variable:
            return whole, f"{whole} means nothing; {_MEANINGS}"
        return self.variable(variable["name"], variable["default"], located, path)

    def variable(self, name: str, default: str | None, located: Located, path: Path) -> tuple[str, str]:
        value = self.variables.get(name)
        if default is not None and not value:
            return default, ""
        if value is None and name.startswith(OURS) and _in_a_command(path):
            return "", f"the variable {name} is not set yet; write ${name}: the shell fills it in when the command runs"
        word = secret_word(name)
        if word:
            sentence = f"the name {name} contains {word}, so it is taken as ${{secret:{name}}}; write it so"
            self.warnings.append(Problem(located.place, path, sentence))
            return f"${{secret:{name}}}", self.secret(name, path)
        if value is None:
            self.unset.append(name)
            return "", f"the variable {name} is not set; export it or write ${{{name}:-default}}; $${{ is a plain ${{"
        return value, REFUSED if REFERENCE.search(value) else ""

    def secret(self, name: str, path: Path) -> str:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            return f"${{secret:{name}}} is no variable's name; a secret has no default"
        if not any(matches(path, place) for place in SECRET_PLACES):
            return f"the secret {name} can not stand here, only in env: of a service or suite and in a dependency"
        return secret_problem(name, self.variables)

    def reference(self, inside: str, path: Path) -> str:
        name = inside.removeprefix("services.").removesuffix(".url")
        if inside != f"services.{name}.url" or "." in name:
            return f"${{{inside}}} means nothing; a service's address is ${{services.NAME.url}}"
        if not any(matches(path, place) for place in URL_PLACES):
            return "a service's address can stand only in env: of a service or suite, in pytest: and in a dependency"
        if name not in self.services:
            return f'names the unknown service "{name}"{did_you_mean(name, self.services)}'
        return ""


def _in_a_command(path: Path) -> bool:
    return path[-1] != "timeout" and any(matches(path, place) for place in COMMAND_PLACES)


def secret_problem(name: str, variables: Mapping[str, str]) -> str:
    """Why a variable can not serve as a secret, or nothing. Never shows the value."""
    value = variables.get(name)
    if not value:
        return f"the secret variable {name} is not set"
    if len(value) < SHORTEST_SECRET:
        return f"the secret variable {name} has fewer than {SHORTEST_SECRET} characters, too few to be masked in output"
    return ""
