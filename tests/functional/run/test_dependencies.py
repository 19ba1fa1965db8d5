"""Dependencies through the command line: asked before test time is spent, as whom the address says."""

import json
from pathlib import Path
from typing import Any

PASSWORD = "p@ss/w:rd% one"


def depends(stack: Any, dependencies: str) -> None:
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "dependencies:\n" + dependencies)
    stack.commit("Dependencies")


def told(stack: Any) -> dict[str, str]:
    return {name: probe["detail"] for name, probe in stack.record(1, 0)["dependencies"].items()}


def test_a_database_and_a_cache_are_asked_with_secrets_that_are_shown_nowhere(
    stack: Any, postgres: str, redis: int
) -> None:
    host = f"127.0.0.1:{redis}"
    depends(
        stack,
        f'  database: {{postgres: "postgresql://ann:${{secret:DB_PASS}}{postgres}"}}\n'
        f'  cache: {{redis: "redis://:${{secret:DB_PASS}}@{host}/1"}}\n'
        '  whole: {redis: "${secret:CACHE_URL}"}\n'
        '  backend: {http: "${services.a.url}/health", expect: {status: ok}}\n'
        f'  port: {{tcp: "{host}"}}\n',
    )
    url = f"redis://default:p%40ss%2Fw%3Ard%25%20one@{host}"
    run = stack.loop("run", "--env", "local", env={"DB_PASS": PASSWORD, "CACHE_URL": url})
    assert run.returncode == 0, run.stderr
    found = told(stack)
    assert found.pop("database").endswith("answers SELECT 1")
    assert found == {
        "cache": "Redis answers PONG",
        "whole": "Redis answers PONG",
        "backend": "HTTP 200, status is ok",
        "port": "accepts connections",
    }
    assert "database**: reachable in" in stack.report(1, 0)
    shown = [p.read_bytes() for p in Path(stack.root).rglob("*") if p.is_file() and ".git" not in p.parts]
    for secret in (PASSWORD, "p%40ss%2Fw%3Ard%25%20one"):
        assert secret not in run.stdout + run.stderr
        assert not [text for text in shown if secret.encode() in text]


def test_one_that_lets_nobody_in_is_invalid_with_its_reason_before_any_test(stack: Any, postgres: str) -> None:
    depends(
        stack,
        f'  database: {{postgres: "postgresql://ann:${{secret:DB_PASS}}{postgres}", within: 500ms}}\n'
        '  cache: {redis: "redis://127.0.0.1:1", within: 500ms}\n',
    )
    run = stack.loop("run", "--env", "local", env={"DB_PASS": "not-the-password"})
    assert run.returncode == 4
    judgement = stack.record(1, 0)["judgement"]
    assert (judgement["verdict"], judgement["counts"]) == ("invalid", {})
    first, second = judgement["reasons"]  # in the order in which they were told
    first, second = (first, second) if "database" in first else (second, first)
    assert first.startswith("dependency database was not reachable: PostgreSQL: connection")
    assert 'password authentication failed for user "ann"' in first
    assert second == "dependency cache was not reachable: Redis at 127.0.0.1:1: Connection refused"
    assert stack.record(1, 0)["suites"]["smoke"]["result"] is None


def test_a_missing_driver_is_the_operators_to_install_before_anything_is_built(stack: Any, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "psycopg.py").write_text("raise ImportError('no libpq here')\n")
    depends(stack, '  database: {postgres: "postgresql://127.0.0.1/x"}\n')
    env = {"PYTHONPATH": str(tmp_path / "without")}
    run = stack.loop("run", "--env", "local", "--json", env=env)
    assert run.returncode == 2
    assert "psycopg" in run.stderr
    assert "pip install 'loop[postgres]'" in run.stderr
    types = {json.loads(line)["type"] for line in run.stdout.splitlines()}
    assert types.isdisjoint({"IterationStarted", "BuildSubmitted"})
    assert stack.loop("plan", "--env", "local", env=env).returncode == 2
