"""`--live PROJECT`: the conformance suite against Google, with default credentials; a plugin of `tests/conftest.py`.

Only tests that use `target` are left, and of these only such as can hold on Google.
"""

from typing import Any

import pytest

LOGIN = "sign in first: gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"


class Live:
    def __init__(self, project: str) -> None:
        self._project = project
        self.credentials: Any = None
        self.left: list[str] = []
        """What the clean-up said."""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        if session.config.option.collectonly:
            return  # shows what would run, for which nobody need sign in
        try:
            self.credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        except GoogleAuthError as error:
            message = f"the project {self._project} can not be tested: {str(error).splitlines()[0]} ({LOGIN})"
            pytest.exit(message, returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept = [item for item in items if "target" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
        for item in items:
            if mark := item.get_closest_marker("emulator_only"):
                item.add_marker(pytest.mark.skip(reason=f"emulator only: {mark.args[0]}"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.left:
            terminalreporter.section("clean-up")
        for line in self.left:
            terminalreporter.write_line(line)
