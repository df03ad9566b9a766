# SPDX-License-Identifier: MIT
"""Machines for the tests, and what is shown when one fails: the end of its serial output and the command that runs just that test."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from session import CPUS, Machine  # noqa: E402

running = []        # machines of the test that runs, the newest last


@pytest.fixture
def machine():
    """machine(...) boots a machine of the test's own, to its prompt (see session.Machine); it is gone when the test ends."""
    mine = []

    def boot(**kwargs):
        wait = kwargs.pop("wait", True)
        new = Machine(wait=False, **kwargs)
        mine.append(new)
        running.append(new)
        if wait:
            new.prompt()
        return new
    yield boot
    for each in mine:
        each.kill()
        running.remove(each)


@pytest.fixture(scope="module")
def _shared():
    kept = {}
    yield kept
    if "machine" in kept:
        kept["machine"].kill()
        running.remove(kept["machine"])


@pytest.fixture
def shell(_shared, request):
    """A machine at its prompt that the tests of a file share; a test that fails gets the next one a new one."""
    if "machine" in _shared and _shared.pop("failed", False):
        _shared["machine"].kill()
        running.remove(_shared.pop("machine"))
    if "machine" not in _shared:
        files = getattr(request.module, "FILES", None)      # or what makes them
        _shared["machine"] = Machine(wait=False, files=files() if callable(files) else files, memory=getattr(request.module, "MEMORY", 128))
        running.append(_shared["machine"])
        _shared["machine"].prompt()
    yield _shared["machine"]
    report = getattr(request.node, "call_report", None)
    _shared["failed"] = report is None or report.failed


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.call_report = report
    if not report.failed:
        return
    for each in running:
        report.sections.append(("the end of the serial output", each.last_screen()))
        report.sections.append(("the machine", " ".join(map(str, each.command))))
    suite = "boot" if CPUS == 1 else f"boot-{CPUS}cpu"
    file, _, name = item.nodeid.split("/")[-1].partition("::")
    report.sections.append(("again", f"./perigee test {suite}/{file.removeprefix('test_').removesuffix('.py')}/{name.removeprefix('test_')}"))
