# SPDX-License-Identifier: MIT
"""What one CPU sees and stops of the others: backtraces on request, panics, one that hangs."""
import re

import pytest
from session import DEBUG_EXIT, ROOT

CPUS = 4
HOGS = "for i in 1 2 3; do (while :; do :; done) & done"
CALLERS = "for i in 1 2 3; do (exec dd if=/dev/zero of=/dev/null bs=1 2>/dev/null) & done"


def seen(text):
    """{CPU: the text that a request printed of it}"""
    parts = re.split(r"cpu (\d+): (?=process|does not)", text)
    return dict(zip(map(int, parts[1::2]), parts[2::2]))


@pytest.fixture(name="busy")
def fixture_busy(machine):
    m = machine(cpus=CPUS)
    m.out(HOGS)
    return m


def test_backtraces_on_request(busy):
    found = seen(busy.out("dmesg -c >/dev/null; echo l >/proc/sysrq-trigger; dmesg"))
    assert sorted(found) == list(range(CPUS))
    assert not [text for text in found.values() if "does not answer" in text], found
    assert sum("sysrq" in text for text in found.values()) == 1, found
    assert sum("in user mode" in text for text in found.values()) >= 1, found


def test_interrupting_anything_is_harmless(machine):
    """Many such requests while the others go in and out of the kernel all the time."""
    m = machine(cpus=CPUS)
    m.out(CALLERS)
    m.out("n=0; while [ $n -lt 300 ]; do echo l >/proc/sysrq-trigger; n=$((n+1)); done", timeout=180)
    assert m.out("jobs | grep -c Running") == "3"
    found = seen(m.out("dmesg | tail -60"))
    assert found, "no backtraces"


def test_panic_stops_and_shows_all(machine):
    m = machine(cpus=CPUS, append="debug_exit=0xf4", extra=DEBUG_EXIT)
    m.out(HOGS)
    m.sendline("echo c >/proc/sysrq-trigger")
    m.exact("Kernel panic: sysrq triggered crash")
    m.exact("backtrace:")
    m.exact("---[ end of panic ]---")
    found = seen(m.output[m.output.index("backtrace:"):])
    assert len(found) == CPUS - 1, found
    assert not [text for text in found.values() if "does not answer" in text], found
    m.end()


def test_a_cpu_that_hangs_is_noticed(machine, monkeypatch):
    """The debug build's neighbour watch: the CPU that hangs is shown where it is."""
    debug = ROOT / "build" / "i386-debug" / "perigee.elf"
    if not debug.exists():
        pytest.skip("no debug build (./perigee build --debug)")
    monkeypatch.setenv("PERIGEE_KERNEL", str(debug))
    m = machine(cpus=CPUS, append="debug_exit=0xf4", extra=DEBUG_EXIT)
    m.sendline("echo y >/proc/sysrq-trigger")
    m.expect(r"cpu (\d) takes no interrupts", timeout=90)
    hung = m.child.match[1]
    m.exact(f"Kernel panic: cpu {hung} hangs")
    m.exact("---[ end of panic ]---")
    found = seen(m.output[m.output.index("backtrace:"):])
    assert "sysrq_store" in found[int(hung)], found
    m.end()
