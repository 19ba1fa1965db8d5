"""No secret reaches what loop writes: ten kinds are planted wherever text comes from, then everything is searched.

The values come from a file outside the repository, so that no source holds them. Not searched are what is not loop's to
mask: git's objects, and the emulator's own state, which stands for the platform.
"""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

DECLARED = "planted/s3cr3t value&more"
KEY = ("MIIEvPlantedKeyLine0" + "Qx7" * 15)[:64]
KEY_END = "PlantedLastLineOfTheKey0x=="
PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY}\n{KEY[::-1]}\n{KEY_END}\n-----END PRIVATE KEY-----"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
ACCOUNT = json.dumps({"type": "service_account", "private_key_id": KEY_ID, "private_key": PEM.replace("PEvP", "PEvQ")})
BEARER = "plantedBearer0token1of2the3test"
PLANTED = {
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLW9mLXRoZS1wbGFudA",
    "bearer token": f"Authorization: Bearer {BEARER}",
    "basic URL": "https://ann:planted-Passw0rd@db.internal/x",
    "private key": PEM,
    "AWS key": "AKIAPLANTEDKEY012345",
    "Google key": "AIza" + "PlantedGoogleKey0123456789abcdefghi"[:35],
    "service account": ACCOUNT,
    "declared": DECLARED,
    "declared, for a URL": quote(DECLARED, safe=""),
    "declared, in base64": base64.b64encode(b"user:" + DECLARED.encode()).decode(),
}
RAW = (
    PLANTED["JWT"], PLANTED["JWT"].split(".")[1], BEARER, "planted-Passw0rd", KEY, KEY[::-1], KEY_END, KEY_ID,
    PLANTED["AWS key"], PLANTED["Google key"], DECLARED, quote(DECLARED), quote(DECLARED, safe=""),
    base64.b64encode(DECLARED.encode()).decode().rstrip("=")[:-1], PLANTED["declared, in base64"].rstrip("=")[8:-1],
)  # fmt: skip

READ = "import json, os, sys, time, pathlib\nPLANTED = json.loads(pathlib.Path(os.environ['PLANTED']).read_text())\n"
SAY = """
def say(write):
    for name, value in PLANTED.items():
        half = len(value) // 2
        write(f"{name}: {value[:half]}")
        write(f"{value[half:]}\\n")
    write(PLANTED["private key"] + "\\n")
"""
CASES = (
    READ
    + SAY
    + """
import urllib.request, pytest

def ask(path, headers={}):
    return urllib.request.urlopen(urllib.request.Request(os.environ["LOOP_URL_A"] + path, headers=headers)).status

def test_prints(capfd):
    with capfd.disabled():
        say(lambda text: os.write(1, text.encode()))
    say(sys.stdout.write)
    say(sys.stderr.write)
    print(dict(os.environ))
    assert False, PLANTED["JWT"]

def test_asks():
    for name, value in PLANTED.items():
        path = "/" + urllib.parse.quote(value)
        ask(path + "?token=" + urllib.parse.quote(value, safe=""), {"Authorization": "Bearer " + PLANTED["JWT"]})
    assert json.dumps(PLANTED) == "\\n".join(PLANTED.values())

@pytest.mark.parametrize("value", [PLANTED["JWT"], PLANTED["AWS key"], PLANTED["declared"]])
def test_named_for_a_secret(value, record_property):
    record_property(value, value)
    raise ValueError("\\n".join(PLANTED.values()))

def test_skipped():
    pytest.skip("; ".join(PLANTED.values()))
"""
)
FIXER = (
    READ
    + SAY
    + """
import shutil, subprocess
outside = pathlib.Path(os.environ["PLANTED"]).parent
for variable in ("LOOP_BRIEF", "LOOP_BRIEF_MARKDOWN"):
    shutil.copy(os.environ[variable], outside / f"{variable}-{os.environ['LOOP_ITERATION']}")
say(lambda text: os.write(1, text.encode()))
text = "\\n".join(PLANTED.values())
pathlib.Path(os.environ["LOOP_NOTES"]).write_text("I read\\n" + text)
if os.environ["LOOP_ITERATION"] != "0":
    pathlib.Path(os.environ["LOOP_NOTES"]).write_text("gave up: " + " ".join(PLANTED.values()))
    sys.exit(3)
pathlib.Path("services/a/answer.txt").write_text("right\\n")
line = " ".join(value.replace("\\n", " ") for name, value in PLANTED.items() if "private" not in value.lower())
message = f"Use {line}\\n\\n{text}\\n\\nRoot-cause: {line}\\nLearned: {line}"
subprocess.run(["git", "commit", "-qam", message], check=True)
"""
)
ALOUD = "say(lambda text: (sys.stdout.write(text), sys.stdout.flush()))\n"
LOUD = READ + SAY + ALOUD
ASKED = "    def do_GET(self):\n"
LOUD_WHEN_ASKED = ASKED + f"        if self.path != '/health': {ALOUD}"


@pytest.fixture
def planted(stack: Any) -> Any:
    """The stack, its secrets beside it; suite and service a know where, and the declared one in their environment."""
    (stack.root.parent / "planted.json").write_text(json.dumps(PLANTED))
    env = f'PLANTED: "{stack.root.parent}/planted.json", PASS_PHRASE: "${{secret:STACK_SECRET}}"'
    stack.configure("timeout: 60s", f"timeout: 60s, env: {{{env}}}")
    stack.configure("a, health: /health}", f"a, health: {{path: /health, within: 1s}}, env: {{{env}}}}}")
    stack.write("services/a/app.py", LOUD + stack.read("services/a/app.py").replace(ASKED, LOUD_WHEN_ASKED))
    stack.write("tests/test_smoke.py", CASES)
    stack.write("fix.py", FIXER)
    stack.commit("Plant")
    return stack


def run(stack: Any, *commands: tuple[str, ...]) -> str:
    """Everything that the commands printed."""
    env = {"STACK_SECRET": DECLARED, "PLANTED": f"{stack.root.parent}/planted.json", "SOME_TOKEN": PLANTED["JWT"]}
    runs = [stack.loop(*command, env=env) for command in commands]
    assert not [each for each in runs if "Traceback (most recent call last):\n  File" in each.stderr], runs
    return "".join(each.stdout + each.stderr for each in runs)


def leaks(stack: Any, printed: str) -> list[str]:
    """Where a raw value stands; also across the ends of lines, and escaped as JSON or XML escape it."""
    found = [f"printed: {raw}" for raw in RAW if raw in printed]
    for path in written(stack):
        data = path.read_bytes()
        found += [f"{path.relative_to(stack.root.parent)}: {raw}" for raw in RAW if raw.encode() in data]
    return found


def written(stack: Any) -> list[Path]:
    briefs = stack.root.parent.glob("LOOP_BRIEF*")
    below = [path for name in (".loop", "reports") for path in (stack.root / name).rglob("*")]
    emulator = stack.root / ".loop" / "emulator"
    return [p for p in (*briefs, *below) if p.is_file() and not p.is_symlink() and not p.is_relative_to(emulator)]


LOOK = (("show", "local-1"), ("show", "local-1", "0"), ("report", "local-1"), ("history",), ("flaky",), ("status",))


def test_ten_kinds_of_secrets_are_written_nowhere(planted: Any) -> None:
    said = run(planted, ("run", "--env", "local"), *LOOK)
    assert planted.record(1, 0)["judgement"]["verdict"] == "failed"
    assert planted.report(1, 0).count("[redacted") > 10, "the plants must have come through"
    assert list(planted.root.parent.glob("LOOP_BRIEF*")), "the fixer must have run"
    (log,) = planted.record(1, 0)["suites"]["smoke"]["evidence"]["logs"]
    assert "[redacted" in planted.read(f"reports/local/1/evidence/0/{log['path']}"), "the service must have said them"
    assert leaks(planted, said) == []


@pytest.mark.full
def test_the_stream_of_events_holds_none_either(planted: Any) -> None:
    said = run(planted, ("run", "--env", "local", "--json"))
    assert "[redacted" in said
    assert leaks(planted, said) == []


@pytest.mark.full
@pytest.mark.parametrize("how", ["crashes", "sick", "build", "setup", "junit", "lying"])
def test_no_secret_is_in_what_a_failure_tells(planted: Any, how: str) -> None:
    text = planted.read("services/a/app.py")
    if how == "crashes":
        planted.write("services/a/app.py", LOUD + "raise SystemExit(json.dumps(PLANTED))\n")
    if how == "sick":
        body = "'\\n'.join(PLANTED.values())"
        sick = text.replace("send_response(200)", "send_response(500)").replace("json.dumps(body)", body)
        planted.write("services/a/app.py", sick)
    if how == "lying":
        planted.write(
            "services/a/app.py", text.replace('os.environ["K_REVISION"], "answer"', 'PLANTED["JWT"], "answer"')
        )
        planted.configure("within: 1s}", "within: 1s, identity: {json: revision}}")
    if how == "build":
        planted.write("services/a/Procfile", f"nothing: {PLANTED['JWT']}\n")
    if how == "setup":
        planted.write("say.py", LOUD + "sys.exit(7)\n")
        text = planted.read("configs/local.yaml")
        planted.write("configs/local.yaml", text + "workspace: {setup: python3 say.py}\n")
    if how == "junit":
        junit(planted)
    planted.without_fixer()
    planted.commit("It fails")
    said = run(planted, ("run", "--env", "local"), *LOOK)
    assert planted.record(1, 0)["judgement"]["verdict"] != "passed"
    assert how == "build" or "[redacted" in planted.report(1, 0)
    assert [leak for leak in leaks(planted, said) if how != "build" or "worktrees" not in leak] == []


def junit(stack: Any) -> None:
    stack.write(
        "say.py",
        LOUD + "from xml.sax.saxutils import escape, quoteattr\n"
        "text = '\\n'.join(PLANTED.values())\n"
        "pathlib.Path('results.xml').write_text(f'<testsuite><testcase name={quoteattr(PLANTED[\"JWT\"])}>'\n"
        "  f'<failure message={quoteattr(text)}>{escape(text)}</failure><system-out>{escape(text)}</system-out>'\n"
        "  f'<properties><property name={quoteattr(text)} value={quoteattr(text)}/></properties>'\n"
        "  '</testcase></testsuite>')\n",
    )
    config = stack.read("configs/local.yaml")
    start, end = config.index("pytest: tests"), config.index(", timeout: 60s")
    stack.write("configs/local.yaml", config[:start] + "command: python3 say.py, junit: results.xml" + config[end:])
