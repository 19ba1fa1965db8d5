"""The command line: composition happens here and nowhere else. Commands import what they need when they are called, so
that `loop --help` pays for none of it.
"""

import atexit
import gc
import re
import sys
import traceback

import typer

from loop.cli import baseline, config, doctor, emulator, flaky, init, known, logs, look, results, run, traffic
from loop.errors import ConfigError, LoopError, PlatformError

COLLECT_EVERY = 50_000
"""Objects."""
TURNING = frozenset({"run", "resume", "promote", "rollback"})
"""The commands whose work `loop resume` goes on with."""

app = typer.Typer(
    name="loop",
    help="Build, deploy, test, report, fix, repeat - on Cloud Run, with numbers that can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(run.run)
app.command()(run.resume)
app.command()(traffic.promote)
app.command()(traffic.rollback)
app.command()(traffic.prune)
app.command()(init.init)
app.command()(look.plan)
app.command()(doctor.doctor)
app.command()(look.status)
app.command()(look.history)
app.command()(look.show)
app.command()(look.report)
app.command()(logs.logs)
app.command()(results.results)
app.command()(flaky.flaky)
app.add_typer(
    known.app, name="known", help="Known issues: cases that may fail, with a signature, an owner and a last day."
)
app.add_typer(baseline.app, name="baseline", help="The baseline: show it, accept what was weakened since.")
app.add_typer(config.app, name="config", help="Check, show and explain configurations.")
app.command()(emulator.emulator)


def main() -> None:
    """The one place where errors become text and an exit code."""
    # What a command imports lives as long as the process. To look through it at every 700th new object, and once more
    # at the end, would take half a second of `loop run`.
    gc.set_threshold(COLLECT_EVERY)
    atexit.register(gc.freeze)
    try:
        app()
    except LoopError as error:
        sys.stderr.write(_shown(error))
        sys.exit(error.exit_code)
    except Exception:  # whatever else comes up here is a defect of ours, and told apart from every answer of the tool
        traceback.print_exc()
        sys.stderr.write("error: a defect in loop itself\nhint: the journal is intact: loop resume goes on\n")
        sys.exit(LoopError.exit_code)


def _shown(error: LoopError) -> str:
    from loop.core.redact import Redactor

    what = error.problems if isinstance(error, ConfigError) else (error.message,)
    lines = [f"error: {sentence}" for sentence in what]
    lines += [f"where: {error.where}"] if error.where else []
    lines += [f"hint: {_next_step(error)}"] if error.hint else []
    return Redactor({})("\n".join(lines)) + "\n"


def _next_step(error: LoopError) -> str:
    """What the platform refused is resumed where a run is under way; every other command is given again."""
    if isinstance(error, PlatformError) and not TURNING.intersection(sys.argv[1:2]):
        return re.sub(
            r"(, then:? )?loop (?:resume|run)$",
            lambda found: ", then try again" if found[1] else "try again",
            error.hint,
        )
    return error.hint
