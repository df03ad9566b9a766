# SPDX-License-Identifier: MIT
"""Debian's programs that read /proc, dynamic ones, on Perigee: procps, psmisc, lsof, htop."""
import re

import pytest
import tools_image
from session import Machine, plain

TOOLS = "/usr/bin/"     # the shell has programs of its own by the same names


@pytest.fixture(scope="module")
def machine():
    m = Machine(files=tools_image.files(), cpus=2, size=(40, 132))
    yield m
    m.kill()


def table(text):
    """The lines of a table as lists of words, by the words of its first line."""
    head, *rows = [line.split() for line in text.strip().splitlines()]
    return [dict(zip(head, [*row[:len(head) - 1], " ".join(row[len(head) - 1:])])) for row in rows]


def test_ps_of_all(machine):
    rows = {row["PID"]: row for row in table(machine.out(TOOLS + "ps aux"))}
    assert rows["1"]["USER"] == "root" and rows["1"]["COMMAND"] == "/bin/sh /init" and rows["1"]["STAT"].startswith("S")
    assert any(row["COMMAND"] == TOOLS + "ps aux" and row["STAT"].startswith("R") and row["TTY"] == "ttyS0" for row in rows.values())
    assert all(0 < int(row["RSS"]) <= int(row["VSZ"]) for row in rows.values())


def test_ps_of_a_terminal_and_with_columns(machine):
    assert [row["CMD"] for row in table(machine.out(TOOLS + "ps"))] == ["session", "sh", "ps"]
    rows = table(machine.out(TOOLS + "ps -o pid,ppid,ni,pri,wchan:20,stat,comm -p $$"))
    assert rows[0]["WCHAN"] == "proc_wait" and rows[0]["NI"] == "0" and rows[0]["COMMAND"] == "sh" and rows[0]["PRI"] == "19"
    assert machine.out(TOOLS + "ps -o lstart= -p $$").split()[-1] >= "2024"


def test_ps_of_states(machine):
    machine.run("sleep 1000 & kill -STOP $!")
    machine.wait_until(TOOLS + "ps -o stat= -p $! | cut -c1", "T")
    machine.run("kill -9 $!; kill -CONT $!")


def test_top_in_batch(machine):
    text = machine.out(TOOLS + "top -b -n2 -d0.2")
    assert len(re.findall(r"^Tasks: +\d+ total, +\d+ running", text, re.M)) == 2
    cpus = re.findall(r"^%Cpu\(s\): +([\d.]+) us, +([\d.]+) sy, +[\d.]+ ni, +([\d.]+) id", text, re.M)
    assert len(cpus) == 2 and all(99 < sum(map(float, figures)) < 101 for figures in cpus)
    assert re.search(r"^ +\d+ root +20 +0 +\d+ +\d+ +\d+ R +[\d.]+ +[\d.]+ +\d+:\d\d\.\d\d top", text, re.M)


def test_top_on_the_terminal(machine):
    machine.sendline(TOOLS + "top -d 0.5")
    machine.expect(r"load average:")
    machine.expect(r"COMMAND")
    machine.expect(r"top")
    machine.send("q")
    machine.prompt()


def test_htop(machine):
    machine.sendline(TOOLS + "htop -d 5")
    machine.expect(r"Tasks: ")
    machine.expect(r"Load average: ")
    machine.expect(r"PID")
    machine.expect(r"Quit")
    machine.send("q")
    machine.prompt()


def test_free_agrees_with_the_kernel(machine):
    rows = table("name " + machine.out(TOOLS + "free -k"))
    memory = rows[0]
    total = int(machine.out("grep MemTotal /proc/meminfo").split()[1])
    assert memory["name"] == "Mem:" and int(memory["total"]) == total
    assert 0 < int(memory["used"]) < total and 0 < int(memory["free"]) < total


def test_vmstat(machine):
    lines = machine.out(TOOLS + "vmstat 1 2").splitlines()
    figures = dict(zip(lines[1].split(), map(int, lines[3].split())))
    assert 98 <= figures["us"] + figures["sy"] + figures["id"] + figures["wa"] + figures["st"] <= 102
    assert figures["free"] > 1000 and figures["swpd"] == 0
    assert "K total memory" in machine.out(TOOLS + "vmstat -s")
    assert "dentry" in machine.out(TOOLS + "vmstat -m")


def test_pgrep_and_pkill(machine):
    machine.run("sleep 4321 & sleep 4322 &")
    machine.wait_until(TOOLS + "pgrep -f '^sleep 432' | wc -l", "2")
    assert machine.out(TOOLS + "pgrep -x -P $$ -n -l sleep").endswith(" sleep")
    assert machine.run(TOOLS + "pkill -f 'sleep 432'")[1] == 0
    machine.wait_until(TOOLS + "pgrep -c -f 'sleep 432'", "0")


def test_killall(machine):
    machine.run("tail -f /dev/null & tail -f /dev/null &")
    machine.wait_until(TOOLS + "pgrep -c -x tail", "2")
    assert machine.run(TOOLS + "killall sleep77")[0].strip() == "sleep77: no process found"
    assert machine.run(TOOLS + "killall -w tail")[1] == 0
    assert machine.run(TOOLS + "pgrep -c -x tail")[0].split()[0] == "0"


def test_pmap(machine):
    text = machine.out(TOOLS + "pmap -x $$")
    assert re.search(r"^[0-9a-f]+ +\d+ +\d+ +\d+ r-x-- busybox$", text, re.M) and "[ stack ]" in text
    total = [int(n) for n in text.splitlines()[-1].split()[2:]]
    status = machine.out("grep -E 'VmSize|VmRSS' /proc/$$/status").split()
    assert total[0] == int(status[1]) and abs(total[1] - int(status[4])) < 400
    assert "Private_Dirty" in machine.out(TOOLS + "pmap -XX $$")


def test_uptime_and_w_without_utmp(machine):
    assert re.search(r" up +\d+ min, +0 user.*load average: \d+\.\d\d, ", machine.out(TOOLS + "uptime"))
    assert machine.out(TOOLS + "w").splitlines()[1].split() == ["USER", "TTY", "FROM", "LOGIN@", "IDLE", "JCPU", "PCPU", "WHAT"]


def test_lsof(machine):
    machine.run("exec 7>/tmp/held")
    rows = machine.out(TOOLS + "lsof -p $$").splitlines()
    assert any(re.search(r"^sh +\d+ root +txt +REG .* /bin/busybox$", row) for row in rows)
    assert any(re.search(r"^sh +\d+ root +7w +REG .* /tmp/held$", row) for row in rows)
    assert any(re.search(r"^sh +\d+ root +cwd +DIR .* /root$", row) for row in rows)
    assert machine.out(TOOLS + "lsof -t /tmp/held") == machine.out("echo $$")
    machine.run("exec 7>&-")
    assert machine.run(TOOLS + "lsof -t /tmp/held")[1] == 1


def test_fuser(machine):
    machine.run("sleep 500 </etc/passwd &")
    machine.wait_until(TOOLS + "fuser /etc/passwd 2>/dev/null", machine.out("echo $!"))
    machine.run(TOOLS + "fuser -k /etc/passwd; wait $!")
    machine.wait_until(TOOLS + "fuser /etc/passwd 2>/dev/null | wc -w", "0")


def test_pstree(machine):
    assert re.search(r"^init\(1\)-\+-.*session\(\d+\)---sh\(\d+\)---pstree\(\d+\)", machine.out(TOOLS + "pstree -p"))


def test_slabtop_and_prtstat(machine):
    assert re.search(r"^ +\d+ +\d+ +\d+% .* dentry", machine.out(TOOLS + "slabtop -o -s l"), re.M)
    assert re.search(r"Process: sh .*State: S", machine.out(TOOLS + "prtstat $$"))
    assert machine.out(TOOLS + "pwdx $$").endswith(": /root")


def test_sysctl(machine):
    values = dict(line.split(" = ", 1) for line in machine.out(TOOLS + "sysctl -a 2>/dev/null").splitlines())
    assert values["kernel.ostype"] == "Linux" and int(values["fs.file-max"]) > 0 and values["vm.overcommit_memory"] == "0"
    name = machine.out("hostname")
    assert machine.out(TOOLS + "sysctl -w kernel.hostname=other; hostname").splitlines()[-1] == "other"
    machine.out(f"hostname {name}")


def test_nothing_is_left(machine):
    assert "perigee" in plain(machine.output)
    before = machine.counts()
    machine.out(TOOLS + "ps aux >/dev/null; " + TOOLS + "lsof >/dev/null; " + TOOLS + "pmap -XX 1 >/dev/null")
    before = machine.counts()
    machine.out(TOOLS + "ps aux >/dev/null; " + TOOLS + "lsof >/dev/null; " + TOOLS + "pmap -XX 1 >/dev/null")
    machine.back_to(before)
