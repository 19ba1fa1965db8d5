"""What performing needs beside the action and the state: the repository, the platform, secrets, the clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loop import config, source
from loop.cloud import Platform
from loop.core.environment import Environment, Service
from loop.core.loglines import plain_lines
from loop.core.redact import Redactor
from loop.core.state import IterationState, RunState


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """What a suite and a hook take over from the command's environment: nothing that steers the recorder or pytest.

    Such a variable would change which cases run without a trace in the configuration or in the command shown.
    """
    return {
        name: value for name, value in variables.items()
        if name not in _STEERING and (not name.startswith("LOOP_") or name.startswith("LOOP_EMULATOR_"))
    }  # fmt: skip


_STEERING = frozenset({"PYTEST_ADDOPTS", "PYTEST_PLUGINS"})


class Mask(Redactor):
    """A redactor that learns further secrets: a fix may bring a service that names a new one."""

    def __init__(self) -> None:
        super().__init__({})
        self._secrets: dict[str, str] = {}

    def learn(self, secrets: Mapping[str, str]) -> None:
        if not secrets.items() <= self._secrets.items():
            self._secrets |= secrets
            super().__init__(self._secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    repository: source.Repository
    """The user's; only read, but for `.loop/`, `reports/`, refs and branches of ours."""
    variables: Mapping[str, str]
    """The environment of the command."""
    redact: Mask
    platform: Callable[[], Platform]
    """Connects at the first call; Google's clients are not imported before."""
    clock: Callable[[], datetime]
    fence: str = ""
    """The lease's fencing number: an update by a lower one is refused."""

    @property
    def root(self) -> Path:
        return self.repository.root

    @property
    def folder(self) -> Path:
        """What loop keeps between runs; ignored by git."""
        return source.state_folder(self.repository)

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def learn_secrets(self, environment: Environment) -> None:
        """From now on the secrets that this configuration names are masked wherever text is written."""
        self.redact.learn(config.secrets(environment, self.variables))

    def redact_lines(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Of one log, as a whole: a private key goes over many lines, and the first of them may be cut off."""
        plain = [line for entry in lines for line in plain_lines(entry)]
        return tuple(self.redact("\n".join(plain)).split("\n")) if plain else ()

    def scratch(self, state: RunState, *names: str) -> Path:
        """A folder of the run for raw output, readable by its owner only; removed once ingested."""
        folder = self.folder / "scratch" / state.uid
        for part in ("", *names):
            folder = folder / part
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def worktree(self, state: RunState, commit: str) -> source.Worktree:
        """The run's worktree, put to exactly that commit; what a killed attempt left there is kept first."""
        place = self.folder / "worktrees" / state.name
        branch = f"loop/{state.name}"
        link = state.charter.workspace.link
        return source.worktree(self.repository, place, commit, uid=state.uid, branch=branch, link=link)

    def reveal(self, text: str, it: IterationState) -> str:
        """Fill in secrets and addresses; the result is never written anywhere."""
        platform = self.platform()
        urls = {s.name: platform.url(s) for s in it.definitions}
        return config.reveal(text, secrets=self.variables, urls=urls)

    def reveal_tested(self, text: str, it: IterationState, *, encode: Callable[[str], str] = str) -> str:
        """As `reveal`, but with the addresses that the iteration tests: those of its candidates."""
        urls = {name: service.url for name, service in it.services.items()}
        return config.reveal(text, secrets=self.variables, urls=urls, encode=encode)

    def told(self, state: RunState, it: IterationState) -> dict[str, str]:
        """What suites and hooks find in their environment: the command's own, the services' addresses, the run."""
        urls = {config.url_variable(name): service.url for name, service in it.services.items() if service.url}
        return {**inherited(self.variables), **urls, "LOOP_RUN": state.name, "LOOP_ITERATION": str(it.number)}

    def environment(self, service: Service, it: IterationState) -> dict[str, str]:
        """The service's variables as they are deployed."""
        return {name: self.reveal(text, it) for name, text in service.env.items()}
