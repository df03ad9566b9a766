# SPDX-License-Identifier: MIT
"""Machines with several CPUs: which are found and shown, the words that say how many, work for all of them, and ends from any of them."""
import re
import time

import pytest
from session import DEBUG_EXIT, plain, script_initrd

HOG = "while :; do :; done"
PANIC = 2 * 0x7f + 1


def cpus_shown(m):
    """How many CPUs the machine says it has, each way of asking."""
    listed = [int(n) for n in re.findall(r"^processor\s*: (\d+)$", m.out("cat /proc/cpuinfo"), re.M)]
    counted = re.findall(r"^cpu(\d+) ", m.out("cat /proc/stat"), re.M)
    assert listed == list(range(len(listed))) == [int(n) for n in counted]
    assert int(m.out("nproc")) == len(listed)
    # The word's width is the program's own; its value is one bit for each CPU.
    assert int(m.out("taskset -p $$").split()[-1], 16) == (1 << len(listed)) - 1
    return len(listed)


@pytest.mark.parametrize("count", [1, 2, 4, 8, 32])
def test_all_are_used(machine, count):
    m = machine(cpus=count, quiet=False)
    assert cpus_shown(m) == count
    if count > 1:
        assert f"{count} of {count} CPUs run" in m.output
    assert m.out("seq 1 1000 | sort -n | tail -n 1; sleep 0.1") == "1000"
    m.sendline("exit")
    assert m.end() == 0


def test_more_than_it_can_use(machine):
    assert cpus_shown(machine(cpus=40)) == 32


# MP tables name one CPU of each socket.
SOCKETS = ["-smp", "4,sockets=4"]


@pytest.mark.parametrize("words, count", [("nosmp", 1), ("maxcpus=0", 1), ("maxcpus=1", 1), ("maxcpus=2", 2), ("maxcpus=3", 3), ("maxcpus=99", 4),
                                          ("nolapic", 1), ("noapic", None), ("acpi=off", 4), ("acpi=off maxcpus=2", 2)])
def test_words(machine, words, count):
    m = machine(cpus=4, append=words, extra=SOCKETS)
    found = cpus_shown(m)
    assert count is None or found == count
    assert m.out("seq 1 100 | sort -n | tail -n 1; sleep 0.1") == "100"


MACHINES = {
    "q35": (4, ["-machine", "q35"]), "mp_tables": (4, ["-machine", "pc,acpi=off", *SOCKETS]), "no_hpet": (4, ["-machine", "pc,hpet=off"]),
    "qboot": (2, ["-bios", "qboot.rom"]), "pentium2": (2, ["-cpu", "pentium2"]), "pentium3": (2, ["-cpu", "pentium3"]), "max": (2, ["-cpu", "max"]),
    "threads": (4, ["-smp", "4,sockets=1,cores=2,threads=2"]), "sockets": (4, ["-smp", "4,sockets=2,cores=2,threads=1"]),
    "odd_numbers": (6, ["-smp", "6,sockets=2,cores=3,threads=1"]), "no_tsc": (2, ["-cpu", "pentium2,-tsc"]),
    "bare": (4, [*SOCKETS, "-cpu", "pentium2,-pge,-pse,-sep", "-machine", "pc,acpi=off,hpet=off"]), "small": (2, ["-m", "16"]),
}


@pytest.mark.parametrize("kind", MACHINES)
def test_machines(machine, kind):
    count, extra = MACHINES[kind]
    m = machine(cpus=count, extra=extra)
    assert cpus_shown(m) == count
    assert m.out("for i in 1 2 3 4; do seq 1 1000 | sort -n | tail -n 1 & done; wait; sleep 0.1; echo up").endswith("up")
    m.sendline("reboot -f")
    assert m.end() == 0


@pytest.mark.parametrize("cpu", ["qemu32,-apic", "486"])
def test_without_apic_one_works(machine, cpu):
    m = machine(extra=["-cpu", cpu] if cpu != "486" else ["-cpu", "pentium2,-apic", "-machine", "pc,acpi=off,hpet=off"])
    assert cpus_shown(m) == 1


def stat_fields(m, pid):
    """(CPU seconds used, the CPU that it ran on last) of a process."""
    fields = m.out(f"cat /proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100, int(fields[36])


def start(m, command):
    """A process in the background; its number."""
    m.out(f"{command} & echo $! >/tmp/pid")
    return int(m.out("cat /tmp/pid"))


def start_hogs(m, count, prefix=""):
    return [start(m, f"{prefix} sh -c '{HOG}'") for _ in range(count)]


def soon(measured, good, tries=10):
    """Measures until it is good: a host that has a CPU of the machine wait, or the one on which it is measured, spoils some of them, but not all."""
    for _ in range(tries):
        found = measured()
        if good(found):
            return
    raise AssertionError(found)


@pytest.mark.parametrize("count", [2, 4])
def test_each_hog_has_a_cpu(machine, count):
    """As many endless loops as CPUs: each gets one for itself, which the machine's own accounts say, and top."""
    m = machine(cpus=count)
    hogs = start_hogs(m, count)

    def shares():
        before, since = [stat_fields(m, pid)[0] for pid in hogs], float(m.out("cut -d' ' -f1 /proc/uptime"))
        time.sleep(2)
        after, until = [stat_fields(m, pid) for pid in hogs], float(m.out("cut -d' ' -f1 /proc/uptime"))
        return [(used - first) / (until - since) for (used, _), first in zip(after, before)]

    def shown_by_top():
        output = m.out("top -b -n 2 -d 1").split(" PPID ")[-1]
        return [float(share) for share in re.findall(r"(\d+\.?\d*)%? (?:\{\w+\} )?sh -c while", output)]
    soon(shares, lambda found: min(found) > 0.8)
    soon(shown_by_top, lambda found: len(found) == count and min(found) > 0.8 * 100 / count)       # of the whole machine
    m.out("kill " + " ".join(map(str, hogs)))


def test_times_of_each_cpu(machine):
    """An endless loop that may run on the third of four CPUs only: /proc/stat has its time there; the others are mostly idle, and nothing is lost."""
    m = machine(cpus=4)
    start_hogs(m, 1, "taskset -c 2")

    def times():
        rows = re.findall(r"^cpu\d+ (.*)$", m.out("cat /proc/stat"), re.M)
        return [[int(n) / 100 for n in row.split()] for row in rows], float(m.out("cut -d' ' -f1 /proc/uptime"))

    def spent_in_two_seconds():
        before = times()
        time.sleep(2)
        after = times()
        return after[1] - before[1], [[new - old for new, old in zip(now, then)] for now, then in zip(after[0], before[0])]

    def as_it_should_be(found):
        span, spent = found
        return (all(0.8 * span < sum(row) < 1.2 * span for row in spent) and spent[2][0] > 0.8 * span and spent[2][3] < 0.2 * span
                and all(spent[cpu][0] < 0.4 * span for cpu in (0, 1, 3)))
    soon(spent_in_two_seconds, as_it_should_be)


def test_affinity(machine):
    m = machine(cpus=4)
    for cpu in range(4):
        pid = start(m, f"taskset -c {cpu} sh -c '{HOG}'")
        m.wait_until(f"cut -d' ' -f39 /proc/{pid}/stat", str(cpu))
        assert {stat_fields(m, pid)[1] for _ in range(20)} == {cpu}
        # It moves at once when it has to.
        other = (cpu + 1) % 4
        m.out(f"taskset -pc {other} {pid}")
        m.wait_until(f"cut -d' ' -f39 /proc/{pid}/stat", str(other))
        assert {stat_fields(m, pid)[1] for _ in range(20)} == {other}
        m.out(f"kill {pid}")
    output, status = m.run("taskset -c 4 true")
    assert status != 0 and "nvalid argument" in output
    assert m.out("taskset -c 2,4-7 nproc") == "1"
    assert m.out("taskset -c 1-3 nproc") == "3"
    assert m.out("taskset 5 sh -c 'taskset -p $$'").split()[-1].lstrip("0") == "5"


def test_interrupted_pipeline(machine):
    m = machine(cpus=4)
    before = m.counts()
    for _ in range(5):
        m.sendline("(echo be''gun >&2; exec yes) | cat | tr y n | cat >/dev/null")
        m.exact("begun")
        m.send("\x03")
        m.prompt()
    assert m.out("pidof yes tr cat || echo none") == "none"
    m.wait_until("sed -n 's/^processes *//p' /proc/perigee/counts", re.search(r"processes (\d+)", before)[1])


@pytest.mark.parametrize("command", ["poweroff -f", "reboot -f", "halt -f"])
@pytest.mark.parametrize("cpu", [0, 1, 3])
def test_ends_from_any(machine, command, cpu):
    """With all of the others busy."""
    m = machine(cpus=4)
    start_hogs(m, 4)
    m.sendline(f"taskset -c {cpu} {command}")
    if command.startswith("halt"):
        m.exact("alt")
        time.sleep(0.5)
        assert m.alive()
        return
    assert m.end() == 0


@pytest.mark.parametrize("status", [0, 5])
def test_status_of_init(machine, status):
    script = f"#!/bin/sh\nfor i in 1 2 3 4; do (while :; do :; done) & done\nexec taskset -c 2 sh -c 'exit {status}'\n"
    m = machine(cpus=4, initrd=script_initrd(f"busy{status}", script), append="debug_exit=0xf4", extra=DEBUG_EXIT, quiet=False, wait=False)
    m.exact(f"init exited with status {status}")
    assert m.end() == 2 * status + 1


@pytest.mark.parametrize("cpu", [0, 1, 3])
def test_panic(machine, cpu):
    """One report, in one piece, of the CPU that it happened on; the others, busy printing, are stopped and print nothing into it."""
    m = machine(cpus=4, append="debug_exit=0xf4", extra=DEBUG_EXIT)
    start_hogs(m, 3)
    m.out("(while :; do ls / >/dev/null; done) &")
    m.sendline(f"(while :; do echo noise; done) & taskset -c {cpu} sh -c 'echo c >/proc/sysrq-trigger'")
    m.exact("Kernel panic: ")
    m.exact("---[ end of panic ]---")
    assert m.end() == PANIC
    text = plain(m.output)
    report = text[text.index("Kernel panic: "):]
    assert report.count("Kernel panic: ") == report.count("---[ end of panic ]---") == 1, report
    assert "noise" not in report, report
    assert re.search(r"[0-9a-f]{8} \w*sysrq\w*\+0x", report), report
    assert "dispatch_syscall+0x" in report, report
    assert re.search(rf"^\[.*\] process: \d+ \w+, cpu {cpu}$", report, re.M), report


def test_panics_on_two_at_once(machine):
    """Both want to be the one that reports: one does, the machine ends."""
    m = machine(cpus=4, append="debug_exit=0xf4", extra=DEBUG_EXIT)
    go = "while [ ! -e /tmp/go ]; do :; done; echo c >/proc/sysrq-trigger"
    m.out("; ".join(f"taskset -c {cpu} sh -c '{go}' &" for cpu in (1, 2, 3)).replace("&;", "&"))
    m.sendline("touch /tmp/go")
    assert m.end() == PANIC
    assert plain(m.output).count("---[ end of panic ]---") == 1


def test_time_is_one(machine):
    """A process that goes from CPU to CPU never sees the clock go back."""
    m = machine(cpus=4)
    m.out("for i in $(seq 50); do for c in 0 1 2 3; do taskset -c $c date +%s%N; done; done >/tmp/times", timeout=120)
    assert m.out("sort -n -c /tmp/times && wc -l </tmp/times") == "200"


def test_work_goes_on_beside(machine):
    """Compressing, sorting and counting on all CPUs at once gives what one after the other gives."""
    m = machine(cpus=4)
    m.out("seq 1 20000 >/tmp/in; for i in 1 2 3 4; do gzip -c /tmp/in | gunzip -c | sort -rn | md5sum >/tmp/one.$i; done", timeout=120)
    m.out("for i in 1 2 3 4 5 6 7 8; do (gzip -c /tmp/in | gunzip -c | sort -rn | md5sum >/tmp/many.$i) & done; wait", timeout=120)
    assert m.out("cat /tmp/one.* /tmp/many.* | sort -u | wc -l") == "1"
    assert m.out("ls /tmp/many.* | wc -l") == "8"
