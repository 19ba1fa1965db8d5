"""`${...}`: plain variables are filled in, secrets and addresses stay text until they are revealed."""

from typing import Any

import pytest

from loop.config import load, reveal, secrets
from loop.errors import ConfigError

SECRET = "correct-horse"


def env_of(files: Any, value: str, **variables: str) -> str:
    """What a service's variable becomes whose value is written so."""
    text = files["configs/e.yaml"].replace("{source: services/web}", f"{{source: web, env: {{V: '{value}'}}}}")
    loaded = load("e", read={**files, "configs/e.yaml": text}.get, variables=variables)
    return str(loaded.environment.services[0].env["V"])


def sentence(files: Any, value: str, **variables: str) -> str:
    with pytest.raises(ConfigError) as raised:
        env_of(files, value, **variables)
    assert len(raised.value.problems) == 1
    return raised.value.problems[0].removeprefix("configs/e.yaml:4: services.web.env.V: ")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${A:-2}", "1"),
        ("${B:-2}", "2"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$$$$", "$$"),
        ("$HOME costs $5", "$HOME costs $5"),
        ("${services.web.url}/x", "${services.web.url}/x"),
        ("${secret:S}", "${secret:S}"),
        ("${B_TOKEN:-none}", "none"),
    ],
)
def test_what_is_filled_in_and_what_stays(files: Any, written: str, meant: str) -> None:
    assert env_of(files, written, A="1", EMPTY="", S=SECRET) == meant


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("${B}", "the variable B is not set; export it or write ${B:-default}; $${ is a plain ${"),
        ("${secret:B}", "the secret variable B is not set"),
        ("${secret:EMPTY}", "the secret variable EMPTY is not set"),
        ("${secret:SHORT}", "the secret variable SHORT has fewer than 8 characters, too few to be masked in output"),
        ("${secret:S:-x}", "${secret:S:-x} is no variable's name; a secret has no default"),
        ("${services.wed.url}", 'names the unknown service "wed"; did you mean "web"?'),
        ("${services.web.port}", "${services.web.port} means nothing; a service's address is ${services.NAME.url}"),
        ("${services.a.b.url}", "${services.a.b.url} means nothing; a service's address is ${services.NAME.url}"),
        ("$${secret:S}", "${secret:...} and ${services...} can neither be escaped nor come out of a variable"),
        ("${SLY}", "${secret:...} and ${services...} can neither be escaped nor come out of a variable"),
    ],
)
def test_what_can_not_be_filled_in_says_why(files: Any, written: str, said: str) -> None:
    assert sentence(files, written, EMPTY="", SHORT="1234567", S=SECRET, SLY="${services.web.url}") == said


@pytest.mark.parametrize("written", ["${a.b}", "${}", "${1}", "${", "${A", "${A?x}"])
def test_an_unknown_kind_of_reference_lists_the_known_ones(files: Any, written: str) -> None:
    assert "means nothing; ${VAR}, ${VAR:-default}" in sentence(files, written, A="1")


def test_a_short_secret_is_never_shown(files: Any) -> None:
    assert "hunter2" not in sentence(files, "${secret:S}", S="hunter2")


@pytest.mark.parametrize("name", ["API_TOKEN", "client_secret", "DB_PASSWORD", "APIKEY", "GCP_CREDENTIALS"])
def test_a_variable_with_a_secrets_name_is_a_secret_and_warned_of(files: Any, name: str) -> None:
    written = files["configs/e.yaml"].replace("{source: services/web}", f"{{source: web, env: {{V: '${{{name}}}'}}}}")
    loaded = load("e", read={**files, "configs/e.yaml": written}.get, variables={name: SECRET})
    assert loaded.environment.services[0].env["V"] == f"${{secret:{name}}}"
    assert secrets(loaded.environment, {name: SECRET}) == {name: SECRET}
    assert loaded.warnings[0].startswith(f"configs/e.yaml:4: services.web.env.V: the name {name} contains ")
    assert SECRET not in str(loaded)
    assert sentence(files, f"${{{name}}}") == f"the secret variable {name} is not set"


def test_secrets_and_addresses_stand_only_where_they_are_revealed(given: Any) -> None:
    problems = given("""\
        title: ${secret:S}
        mission: see ${services.web.url}
        fix: {command: "./fix ${API_KEY}"}
        """).problems(S=SECRET, API_KEY=SECRET)
    assert problems == [
        (
            "configs/e.yaml:7: title: the secret S can not stand here, "
            "only in env: of a service or suite and in a dependency"
        ),
        (
            "configs/e.yaml:8: mission: a service's address can stand only in env: of a service or suite, in pytest: "
            "and in a dependency"
        ),
        (
            "configs/e.yaml:9: fix.command: the secret API_KEY can not stand here, only in env: of a service or suite "
            "and in a dependency"
        ),
    ]


def test_lists_and_numbers_are_substituted_too(given: Any) -> None:
    files = given("limits: {iterations: '${N}', time: '${T:-8h}'}\nworkspace: {link: ['${L}']}\n")
    charter = files.load(N="4", L="node_modules").environment.charter
    assert (charter.limits.iterations, charter.limits.time, charter.workspace.link) == (4, 28800.0, ("node_modules",))


def test_a_missing_variable_is_not_also_a_wrong_type(given: Any) -> None:
    assert given("limits: {iterations: '${N}'}\n").problems() == [
        (
            "configs/e.yaml:7: limits.iterations: the variable N is not set; export it or write ${N:-default}; "
            "$${ is a plain ${"
        )
    ]


def test_reveal_fills_both_kinds_and_nothing_else() -> None:
    text = "${services.web-2.url}/x?k=${secret:S}&h=${HOME}$$"
    assert reveal(text, secrets={"S": "a$b"}, urls={"web-2": "http://h:1"}) == "http://h:1/x?k=a$b&h=${HOME}$$"


def test_reveal_fills_once_so_a_secret_is_never_read_as_a_reference() -> None:
    assert reveal("${secret:S}", secrets={"S": "${secret:T}", "T": "no"}, urls={}) == "${secret:T}"


@pytest.mark.parametrize("text", ["${secret:S}", "${services.web.url}"])
def test_reveal_names_what_it_does_not_know(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        reveal(text, secrets={}, urls={})
    assert raised.value.problems == (f"{text} is not known here",)


def test_secrets_are_found_wherever_they_stand_and_all_missing_ones_are_named(given: Any) -> None:
    files = given("""\
        dependencies: {api: {http: "http://u:${secret:A}@x/", expect: {k: "${secret:B}"}}}
        """)
    files["configs/e.yaml"] = files["configs/e.yaml"].replace(
        "{pytest: tests}", "{pytest: tests, env: {C: '${secret:C}'}}"
    )
    values = {"A": "aaaaaaaa", "B": "bbbbbbbb", "C": "cccccccc"}
    environment = files.load(**values).environment
    assert secrets(environment, {**values, "D": "dddddddd"}) == values
    with pytest.raises(ConfigError) as raised:
        secrets(environment, {"B": "bbbbbbbb", "C": "short"})
    assert raised.value.problems == (
        "the secret variable A is not set",
        "the secret variable C has fewer than 8 characters, too few to be masked in output",
    )


def test_where_variables_alone_are_missing_the_hint_names_the_environment_and_what_to_export(files: Any) -> None:
    text = files["configs/e.yaml"].replace("{source: services/web}", "{source: '${A}/${B}/${A}'}")
    with pytest.raises(ConfigError) as raised:
        load("e", read={**files, "configs/e.yaml": text}.get, variables={})
    assert raised.value.hint == "for e: export A=VALUE B=VALUE, then: loop config check --env e"
    with pytest.raises(ConfigError) as raised:
        load("e", read={**files, "configs/e.yaml": text + "misson: x\n"}.get, variables={})
    assert raised.value.hint.startswith("`loop config docs`")
