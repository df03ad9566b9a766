# SPDX-License-Identifier: MIT
"""How `./perigee test` runs suites side by side (tools/lanes.py), and what becomes of one that does not come to its end."""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
LIMIT_S = 60

# Its own process, as ./perigee is: tells what it is told, each in a line.
HEAD = f"""
import os, signal, subprocess, sys, threading, time
sys.path.insert(0, sys.argv[1])
import lanes
signal.alarm({LIMIT_S})     # nothing of this takes long

class Tell:
    def started(self, name): print("started", name, flush=True)
    def line(self, name, text): print("line", name, text, flush=True)
    def reported(self, name, what): print("reported", name, what, flush=True)
    def ended(self, name, why): print("ended", name, why, flush=True)
    def quiet(self): print("quiet", flush=True)

def run(lanes_, *works):
    lanes.run([(work.__name__, work, getattr(work, "memory", 1)) for work in works], lanes_, 10, Tell())
"""


def started(script):
    return subprocess.Popen([sys.executable, "-B", "-c", HEAD + script, TOOLS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)


def told(script):
    """The lines that are told, and that nothing else than those is printed."""
    process = started(script)
    text = process.communicate()[0]
    assert process.returncode == 0, text
    return text.splitlines()


def test_one_after_the_other():
    assert told("""
def one(report): report(1); report(["two", 3])
def other(report): report("it is next")
run(1, one, other)
""") == ["started one", "reported one 1", "reported one ['two', 3]", "ended one None", "started other", "reported other it is next", "ended other None"]


def test_side_by_side():
    """Each waits for the other, which works only if both are there; the third, which needs them gone, comes when a lane is free."""
    lines = told("""
ours, theirs = [os.pipe() for _ in range(2)]
def first(report): os.write(ours[1], b"x"); os.read(theirs[0], 1)
def second(report): os.read(ours[0], 1); os.write(theirs[1], b"x")
def third(report): pass
run(2, first, second, third)
""")
    assert lines[:2] == ["started first", "started second"]
    assert lines.index("started third") > min(lines.index("ended first None"), lines.index("ended second None"))
    assert sorted(lines[2:]) == ["ended first None", "ended second None", "ended third None", "started third"]


def test_one_that_needs_more_memory_than_is_left_lets_others_go_first():
    """The small one comes beside the first, which waits for it; the largest, which needs all, when both have ended, and one that needs more, too."""
    lines = told("""
gate = os.pipe()
def first(report): os.read(gate[0], 1)
def large(report): pass
def too_large(report): pass
def small(report): os.write(gate[1], b"x")
first.memory, large.memory, too_large.memory, small.memory = 6, 10, 99, 4
run(2, first, large, too_large, small)
""")
    assert lines[:2] == ["started first", "started small"] and sorted(lines[2:4]) == ["ended first None", "ended small None"]
    assert lines[4:] == ["started large", "ended large None", "started too_large", "ended too_large None"]


def test_lines_are_whole():
    """Both write theirs byte by byte, as their programs do, and long ones."""
    lines = told("""
def work(letter):
    for i in range(200):
        for byte in f"{letter}{i}\\n": os.write(1, byte.encode())
    subprocess.run(["sh", "-c", f"echo {letter} of a program; echo {letter} of its errors >&2"], check=True)
    print(letter * 300000)
    print(letter + " without an end", end="")
def a(report): work("a")
def b(report): work("b")
run(2, a, b)
""")
    for letter in "ab":
        own = [line.removeprefix(f"line {letter} ") for line in lines if line.startswith(f"line {letter} ")]
        assert own == [*[f"{letter}{i}" for i in range(200)], f"{letter} of a program", f"{letter} of its errors", letter * 300000, f"{letter} without an end"]
    assert len(lines) == 2 * 204 + 4


@pytest.mark.parametrize("end, why", [("raise ValueError('wrong')", "status 1"), ("sys.exit('no such package')", "status 1"), ("sys.exit(0)", "status 0"),
                                      ("os._exit(7)", "status 7"), ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"), ("os.abort()", "SIGABRT")])
def test_one_that_does_not_come_to_its_end(end, why):
    """It is told how, with what it printed last and what it had reported, and the others go on."""
    lines = told(f"""
def bad(report):
    report("before")
    print("last words", flush=True)
    {end}
def good(report): report("after")
run(1, bad, good)
""")
    text = "\n".join(lines)
    assert "reported bad before" in lines and "ended bad None" not in lines
    head = text.index("\nended bad ")
    assert why in text[head:].splitlines()[1]
    assert "  | last words" in text[head:]
    assert lines[-2:] == ["reported good after", "ended good None"]
    if "Error" in end or "package" in end:
        assert ("ValueError: wrong" if "Error" in end else "no such package") in text[head:]


# What has a session of its own, as QEMU has, and what has lost its parent, beside a job's own child.
LEAVES = """
def leaves(report):
    own = subprocess.Popen(["sleep", "300"])
    apart = subprocess.Popen(["sleep", "300"], start_new_session=True)
    lost = int(subprocess.run(["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"], capture_output=True, check=True).stdout)
    report(" ".join(map(str, (own.pid, apart.pid, lost))))
"""


def test_one_that_dies_leaves_nothing():
    lines = told(LEAVES + """
def dies(report):
    leaves(report)
    os.kill(os.getpid(), signal.SIGKILL)
run(1, dies)
""")
    for pid in lines[1].split()[2:]:
        assert not pathlib.Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number, before", [("SIGINT", "default_int_handler"), ("SIGTERM", "default_int_handler"), ("SIGTERM", "SIG_IGN")])
def test_interrupted(number, before, tmp_path):
    """Both jobs clean up, and all that they have started is gone, before who waits for them is; also where it was started with SIGINT ignored."""
    process = started(LEAVES + f"""
signal.signal(signal.SIGINT, signal.{before})
def work(name, report):
    try:
        leaves(report)
        time.sleep(300)
    finally:
        open("{tmp_path}/" + name, "w").close()
def a(report): work("a", report)
def b(report): work("b", report)
run(2, a, b)
""")
    pids, jobs = [], 0
    while jobs < 2:
        line = process.stdout.readline()
        assert line, "it ended"
        if line.startswith("reported"):
            jobs += 1
            pids += line.split()[2:]
    os.kill(process.pid, getattr(signal, number))
    process.stdout.read()
    assert process.wait() not in (0, -signal.SIGALRM)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    for pid in pids:
        assert not pathlib.Path(f"/proc/{pid}").exists()


def test_it_is_told_when_nothing_comes():
    lines = told("""
lanes.QUIET_S = 0.1
gate = os.pipe()
class Opens(Tell):
    def quiet(self):
        super().quiet()
        os.write(gate[1], b"x")
def waits(report): os.read(gate[0], 1)
lanes.run([("waits", waits, 1)], 1, 10, Opens())
""")
    assert lines[0] == "started waits" and "quiet" in lines and lines[-1] == "ended waits None"
