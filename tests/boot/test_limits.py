# SPDX-License-Identifier: MIT
"""Too many processes, too little memory, full files: those who ask for too much are told so, and the machine goes on."""
import re

import pexpect
from session import PROMPT

FILES = {
    # Starts $1 processes that all live at the same time, says so, and ends them.
    "root/many.sh": (0o100755, b"""#!/bin/sh
i=0 pids=
while [ $i -lt $1 ]; do
	sleep 100000 &
	pids="$pids $!"
	i=$((i + 1))
done
set -- $(cat /proc/perigee/counts)
while [ $# -gt 0 ]; do
	[ $1 != processes ] || echo alive $2
	shift 2
done
echo sleepers $(pidof sleep | wc -w)
kill $pids
wait
"""),
    "root/bomb.sh": (0o100755, b"bomb() { bomb | bomb & }\nbomb\n"),
    # Never gives any memory back.
    "root/eater.sh": (0o100755, b"x=0123456789abcdef\nwhile :; do x=$x$x; done\n"),
}


def test_five_hundred_processes(shell):
    """All alive at once; when they are gone everything is back, whichever way they ended."""
    for _ in range(2):      # the shell and the caches have what they need after a first round
        shell.out("./many.sh 500 >/dev/null 2>&1")
        before = shell.counts()
    output = shell.out("./many.sh 500 2>/dev/null")
    assert int(re.search(r"alive (\d+)", output)[1]) >= 500
    assert int(re.search(r"sleepers (\d+)", output)[1]) >= 500
    shell.back_to(before)


def test_five_hundred_in_one_pipeline(shell):
    assert shell.out("eval \"echo through $(for i in $(seq 500); do echo '| cat'; done | tr '\\n' ' ')\"") == "through"


def processes(shell):
    return int(shell.out("grep processes /proc/perigee/counts").split()[1])


def test_fork_bomb_of_a_user(shell):
    """ulimit -u holds a user's processes down; root's shell is as usable as before, and can end all of them."""
    shell.out("chmod 755 /root /root/bomb.sh")
    before = processes(shell)
    # A shell that cannot fork gives up, so that the bomb goes out by itself: there is always a next one.
    shell.sendline("while :; do su nobody -s /bin/sh -c 'ulimit -u 60; sh /root/bomb.sh'; done >/dev/null 2>&1 &")
    shell.prompt()
    highest = 0
    for n in range(300):
        if n >= 20 and highest > before + 5:
            break
        assert shell.out("echo usable; ls /bin/busybox") == "usable\n/bin/busybox"
        highest = max(highest, processes(shell))
    assert before + 5 < highest <= before + 120     # some have ended, and only their structures are still to be freed
    shell.sendline("kill -9 %1; wait %1")
    shell.prompt()
    # Stopped first, so that none of them is forking while the others are killed.
    for signal in ("STOP", "STOP", "STOP", "KILL"):
        shell.run(f"for p in $(ps -o user,pid | grep ^nobody | tr -dc '0-9\\n'); do kill -{signal} $p; done 2>/dev/null")
    shell.wait_until("ps -o user | grep -c nobody", "0")
    assert shell.run("true")[1] == 0


def test_limit_of_processes_is_said(shell):
    output = shell.run("su nobody -s /bin/sh -c 'ulimit -u 3; sleep 7 & sleep 7 & sleep 7 & sleep 7 & wait'")[0]
    assert "can't fork: Resource temporarily unavailable" in output


def test_out_of_memory(machine):
    """The process that eats all memory is killed, the log says so, and the shell goes on with its memory back."""
    m = machine(memory=32, files=FILES)
    m.out("sh -c true")
    before = int(re.search(r"Mem: +\d+ +\d+ +(\d+)", m.out("free -k"))[1])
    for _ in range(3):
        output, status = m.run("sh eater.sh")
        assert status == 128 + 9 and "Killed" in output, output
    assert re.search(r"Out of memory: killed process \d+ \(sh\), \d+ KiB resident", m.out("dmesg"))
    after = int(re.search(r"Mem: +\d+ +\d+ +(\d+)", m.out("free -k"))[1])
    assert after > before - 512
    assert m.out("seq 1 1000 | sort -n | tail -n 1") == "1000"


def test_out_of_memory_with_many_processes(machine):
    m = machine(memory=32, files=FILES)
    m.sendline("for i in 1 2 3 4 5 6; do sh eater.sh & done; wait; echo al''l ended")
    m.exact("all ended")
    m.prompt()
    assert m.out("echo goes on") == "goes on"
    assert m.out("ps -o args | grep -c '^sh [e]ater'; true") == "0"


def test_memory_eaten_by_a_user(machine):
    """His processes are killed, one after the other; root works meanwhile, and others log in afterwards."""
    m = machine(memory=48, files=FILES)
    m.out("chmod 755 /root /root/eater.sh")
    m.sendline("for i in 1 2 3; do su nobody -s /bin/sh -c 'sh /root/eater.sh'; done >/dev/null 2>&1 &")
    m.prompt()
    for _ in range(5):
        assert m.out("echo usable; ls /bin/busybox") == "usable\n/bin/busybox"
    assert m.run("wait")[1] == 0
    assert re.search(r"Out of memory: killed process \d+ \(sh\)", m.out("dmesg"))
    assert m.out("ps -o user,args | grep -c '^nobody'; true") == "0"
    assert m.out("su nobody -s /bin/sh -c 'id -un'") == "nobody"


def test_more_processes_than_memory(machine):
    """Processes are killed, the shells among them, since nothing else is larger: what is left goes on, or init ends the machine as it is told."""
    m = machine(memory=16, files=FILES)
    m.sendline("i=0; while [ $i -lt 3000 ]; do sleep 1000 & i=$((i + 1)); done >/dev/null 2>&1")
    on = m.child.expect([PROMPT, pexpect.EOF]) == 0      # a fork failed
    if on:
        m.sendline("echo go''es on")    # on another CPU, those that were forked last may still be taking memory
        on = m.child.expect(["goes on", pexpect.EOF]) == 0
    assert on or "Out of memory: killed process" in m.output
    assert "Kernel panic" not in m.output


def test_file_system_of_memory_fills_up(shell):
    shell.out("mkdir -p /tmp/small; mount -t tmpfs -o size=1m small /tmp/small; cd /tmp/small")
    output, status = shell.run("dd if=/dev/zero of=big bs=64k count=100")
    assert status == 1 and "No space left on device" in output
    assert shell.out("stat -c %s big; df -k . | tail -n 1 | tr -s ' ' | cut -d' ' -f2-5") == "1048576\n1024 1024 0 100%"
    assert "No space left on device" in shell.run("echo x >other")[0]
    shell.out("rm big; echo fits >other; cat other; cd /root; umount /tmp/small")


def test_memory_full_of_files(machine):
    """Files in memory without a limit: the writer gets ENOSPC or is killed, and what is removed can be used again."""
    m = machine(memory=32)
    m.out("mkdir /tmp/all; mount -t tmpfs -o size=1g all /tmp/all")
    output, status = m.run("dd if=/dev/zero of=/tmp/all/big bs=1M count=100")
    assert status != 0, output
    assert m.out("rm /tmp/all/big; seq 1 1000 | tail -n 1") == "1000"
    m.out("dd if=/dev/zero of=/tmp/all/big bs=1M count=4 2>/dev/null; cmp -n 4000000 /tmp/all/big /dev/zero; rm /tmp/all/big")


def test_descriptors(shell):
    output, status = shell.run("sh -c 'ulimit -n 20; exec 19>/dev/null && echo nineteen; exec 25>/dev/null; echo never'")
    assert "nineteen" in output and "never" not in output and status != 0
    assert shell.out("ulimit -n") != "20"


def test_size_of_a_file(shell):
    output, status = shell.run("sh -c 'ulimit -f 16; trap \"\" XFSZ; dd if=/dev/zero of=/tmp/f bs=1024 count=100'")
    assert status == 1 and "File too large" in output
    assert shell.out("stat -c %s /tmp/f; rm /tmp/f") in ("8192", "16384")
