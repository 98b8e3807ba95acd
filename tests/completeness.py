"""A pytest plugin: the run fails if a collected test is not run.

pytest-xdist runs one of several tests with the same id and loses the others. The plugin counts in
the process that prints the summary, with and without pytest-xdist.
"""

from collections.abc import Sequence

import pytest


class Completeness:
    """Counts the collected tests and those that have finished."""

    def __init__(self) -> None:
        self._collected = 0
        self._finished = 0
        self._failure = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = max(self._collected, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Count the tests that a worker of pytest-xdist has collected; all collect the same."""
        self._collected = len(ids)

    def pytest_runtest_logfinish(self) -> None:
        self._finished += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        is_stopped = session.shouldstop or session.shouldfail or session.config.option.collectonly
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not is_stopped:
            lost = self._collected - self._finished
            if lost > 0:
                self._failure = f"{lost} of {self._collected} collected tests were not run"
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._failure:
            terminalreporter.write_sep("=", f"{self._failure} (equal ids?)", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin, but not in the workers of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Completeness())
