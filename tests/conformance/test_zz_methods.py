"""Runs last: every method that is offered was put to the target."""

import os

import pytest


def test_every_offered_method_was_called(request, target):
    """Only where the whole suite ran: a selection can not call everything."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("each worker makes a part of the calls")
    suite = {item.path.name for item in request.session.items if item.path.parent == request.path.parent}
    if (
        not {"test_services.py", "test_operations.py", "test_builds.py", "test_logs.py"} <= suite
        or request.config.option.keyword
    ):
        return
    module = next(each for each in request.config.pluginmanager.get_plugins() if hasattr(each, "CALLS") and each.CALLS)
    called = {method for method, _ in module.CALLS}
    offered = {f"{service}/{method}" for service, methods in module.METHODS.items() for method in methods}
    assert offered <= called
