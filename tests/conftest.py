"""Options and plugins that pytest must know before it collects; all of it is the conformance suite's."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

CONFORMANCE = Path(__file__).parent / "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--live", metavar="PROJECT", help="run the conformance suite against this project on Google")
    group.addoption("--live-region", metavar="REGION", default="us-central1", help="its region (us-central1)")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_module("ledger").Ledger(config), "conformance-ledger")
    if config.getoption("--live"):
        config.pluginmanager.register(_module("live").Live(config.getoption("--live")), "conformance-live")


@pytest.fixture(scope="session")
def targets() -> ModuleType:
    """The conformance suite's clients; loaded only where they are used, for they load Google's."""
    _module("rest")  # the target imports it by the name that it has here
    return _module("target")


def _module(name: str) -> ModuleType:
    """By its path, for the folders of tests are no packages."""
    full = f"loop_conformance_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, CONFORMANCE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]
