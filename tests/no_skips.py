"""A pytest plugin for .ci/run: a skipped test fails the run."""

from __future__ import annotations

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        reporter.write_line("a test was skipped, which fails this run", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
