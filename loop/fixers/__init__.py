"""Fixers: what they are told and how they are run. Their work is gathered in source and judged in core.guards."""

from loop.fixers.brief import Json, brief
from loop.fixers.command import Done, Failed, GaveUp, Outcome, run
from loop.fixers.markdown import markdown

__all__ = ["Done", "Failed", "GaveUp", "Json", "Outcome", "brief", "markdown", "run"]
