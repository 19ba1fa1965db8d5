"""Secrets of the emulator's own file: a revision that prints one does not bring it into what loop writes."""

from typing import Any

SECRET = "local-value-of-a-secret"
REFERENCE = '{name: DB, valueSource: {secretKeyRef: {secret: db, version: "1"}}}'


def test_a_secret_that_a_revision_prints_is_written_nowhere(stack: Any) -> None:
    stack.write(".loop/emulator/secrets.yaml", f'db: {{1: "{SECRET}"}}\n')
    template = f"template: {{containers: [{{env: [{REFERENCE}]}}]}}"
    stack.configure("{source: services/a, health: /health}", f"{{source: services/a, health: /health, {template}}}")
    app = stack.read("services/a/app.py")
    stack.write("services/a/app.py", f"import os, sys\nprint('can not open', os.environ['DB'])\nsys.exit(3)\n{app}")
    stack.commit("A revision that prints its secret")
    run = stack.loop("run", "--env", "local", "--iterations", "1")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "can not open [redacted db/versions/1]" in stack.report(1, 0)
    assert SECRET not in run.stdout + run.stderr
    written = [path for path in (stack.root / "reports").rglob("*") if path.is_file()]
    written += [stack.root / ".loop" / name for name in ("journal.db", "journal.db-wal")]
    assert not [path for path in written if path.exists() and SECRET.encode() in path.read_bytes()]
