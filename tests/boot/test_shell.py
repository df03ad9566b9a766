# SPDX-License-Identifier: MIT
"""A shell session at the serial terminal: commands, job control from the keyboard, programs that use the whole screen."""
import re
import time

FILES = {"root/lines": (0o100644, "".join(f"line {i} of the file\n" for i in range(1, 201)).encode()),
         "root/hello.sh": (0o100755, b"#!/bin/sh\necho \"hello from $0 with $# words: $*\"\nexit 7\n")}


def test_session(shell):
    assert shell.out("echo hello; pwd; id -u; tty") == "hello\n/root\n0\n/dev/ttyS0"
    assert shell.out("uname -s; uname -m; hostname") == "Linux\ni686\nperigee"
    assert shell.run("false") == ("", 1)
    assert shell.run("/no/such/program")[1] == 127
    assert shell.out("stty size") == "24 80"


def test_files(shell):
    shell.out("mkdir -p /tmp/d/e && echo one >/tmp/d/a && cp /tmp/d/a /tmp/d/e/b && ln -s e/b /tmp/d/l && mv /tmp/d/a /tmp/d/c")
    assert shell.out("find /tmp/d | sort") == "/tmp/d\n/tmp/d/c\n/tmp/d/e\n/tmp/d/e/b\n/tmp/d/l"
    assert shell.out("cat /tmp/d/l; readlink /tmp/d/l; stat -c %a:%s:%h /tmp/d/c") == "one\ne/b\n644:4:1"
    shell.out("chmod 600 /tmp/d/c && tar -C /tmp -czf /tmp/d.tgz d && rm -r /tmp/d && tar -C /tmp -xzf /tmp/d.tgz && rm /tmp/d.tgz")
    assert shell.out("stat -c %a /tmp/d/c; rm -r /tmp/d; ls /tmp") == "600"


def test_script_with_interpreter(shell):
    assert shell.run("./hello.sh a 'b c'") == ("hello from ./hello.sh with 2 words: a b c\n", 7)


def test_line_editing_and_history(shell):
    shell.send("echo wrold\x7f\x7f\x7f\x7forld typed\x01\x05\r")
    shell.exact("\nworld typed\n")
    shell.prompt()
    shell.send("\x1b[A\r")
    shell.exact("\nworld typed\n")
    shell.prompt()
    shell.send("echo one two\x17\x17cut\r")
    shell.exact("\ncut\n")
    shell.prompt()
    shell.send("cat /root/hel\t | head -n 1\r")
    shell.exact("\n#!/bin/sh\n")
    shell.prompt()


def foreground(shell, program):
    """Starts a program that waits, in the foreground; it has the terminal when this returns."""
    shell.sendline(f"sh -c 'echo re''ady; exec {program}'")
    shell.exact("ready\n")


def test_canonical_line_editing(shell):
    foreground(shell, "cat >/tmp/typed")
    shell.send("wrong\x15right wrod\x7f\x7f\x7ford\rsecond last\x17line\r\x04")
    shell.prompt()
    assert shell.out("cat /tmp/typed; rm /tmp/typed") == "right word\nsecond line"


def test_interrupt_kills_the_foreground_only(shell):
    shell.sendline("sleep 1000 &")
    shell.prompt()
    foreground(shell, "cat")
    shell.send("\x03")
    shell.prompt()
    foreground(shell, "sh -c \"sleep 2000 | sleep 3000\"")
    shell.send("\x03")
    shell.prompt()
    shell.sendline("echo st''atus $?; ps -o args | grep '^sleep [123]000$'")
    shell.exact("status 130\nsleep 1000\n")
    shell.prompt()
    shell.sendline("sleep 2000 | sh -c 'echo re''ady; exec sleep 4000'")
    shell.exact("ready\n")
    shell.send("\x03")
    shell.prompt()
    assert shell.out("ps -o args | grep '^sleep [1234]000$'") == "sleep 1000"
    shell.sendline("kill %1; wait %1")
    shell.prompt()
    assert shell.run("ps -o args | grep '^sleep [1234]000$'") == ("", 1)


def test_interrupt_at_the_prompt(shell):
    shell.send("echo never run\x03")
    shell.prompt()
    assert shell.out("echo next") == "next"


def test_quit_character(shell):
    foreground(shell, "sleep 1000")
    shell.send("\x1c")
    shell.prompt()
    shell.sendline("echo st''atus $?")
    shell.exact("status 131")
    shell.prompt()


def test_stop_and_continue(shell):
    state = "ps -o stat,args | grep ' sleep 5000$' | cut -c1"
    foreground(shell, "sleep 5000")
    shell.send("\x1a")
    shell.exact("Stopped")
    shell.prompt()
    assert re.fullmatch(r"\[1\]\+ +Stopped +sh -c .*sleep 5000.*", shell.out("jobs"))
    shell.wait_until(state, "T")
    shell.sendline("bg")
    shell.prompt()
    shell.wait_until(state, "S")
    assert "Running" in shell.out("jobs")
    shell.sendline("fg %1")
    shell.expect(r"\nsh -c .*sleep 5000.*\r+\n")
    shell.send("\x1a")
    shell.exact("Stopped")
    shell.prompt()
    shell.sendline("kill %1; fg")
    shell.expect(r"\nsh -c .*sleep 5000.*\r+\n")
    shell.prompt()
    assert shell.out(state) == "" and shell.out("jobs") == ""


def test_background_reader_stops(shell):
    shell.sendline("cat &")
    shell.prompt()
    shell.wait_until("ps -o stat,args | grep ' [c]at$' | cut -c1", "T")
    shell.sendline("kill -9 %1; wait %1")
    shell.prompt()
    assert shell.run("pidof cat") == ("", 1)


def test_background_jobs_and_wait(shell):
    shell.sendline("for i in 1 2 3 4 5; do (sleep 0.$i; echo $i >>/tmp/order; exit $i) & done; wait; echo w''aited $?")
    shell.exact("waited 0")
    shell.prompt()
    assert shell.out("sort /tmp/order | tr -d '\\n'; rm /tmp/order") == "12345"
    shell.sendline("(exit 9) & wait $!; echo st''atus $?")
    shell.exact("status 9")
    shell.prompt()


def test_end_of_file(shell):
    foreground(shell, "cat")
    shell.send("a line\r")
    shell.exact("a line\na line\n")
    shell.send("\x04")
    shell.prompt()
    shell.sendline("sh -c 'exec sh'; echo in''ner ended")
    shell.prompt()
    shell.send("\x04")
    shell.exact("inner ended")
    shell.prompt()


def test_pipeline_of_five(shell):
    assert shell.out("seq 1 20000 | grep 7 | sed s/7/x/ | sort -r | head -n 3 | tr '\\n' ' '") == "x999 x998 x997 "
    assert shell.out("yes | head -n 20000 | cat | wc -l | tr -d ' '") == "20000"


def vi(shell, *steps):
    """Types each of the keys; what ends an insertion is waited for, since ESC and a key at once are another key."""
    for keys in steps:
        shell.send(keys.removesuffix("\x1b"))
        if keys.endswith("\x1b"):
            shell.exact("I /tmp/v")
            shell.send("\x1b")
            shell.exact("- /tmp/v [Modified]")


def test_vi_edits_and_saves(shell):
    shell.out("printf 'first\\nsecond\\nthird\\n' >/tmp/v")
    shell.sendline("vi /tmp/v")
    shell.exact("third")
    shell.exact("/tmp/v 1/3")
    # Swaps the last two lines, adds to the last and above the first, changes a word everywhere, takes a deletion back, copies a line.
    vi(shell, "jddp", "A changed\x1b", "ggOtop\x1b", ":%s/first/FIRST/\r", "G", "x", "u", "0ithe \x1b", "\x1b[A", "yyP", ":wq\r")
    shell.prompt()
    assert shell.out("cat /tmp/v; rm /tmp/v") == "top\nFIRST\nthird\nthird\nthe second changed"


def test_vi_leaves_without_saving(shell):
    shell.out("echo kept >/tmp/v")
    shell.sendline("vi /tmp/v")
    shell.exact("/tmp/v 1/1")
    vi(shell, "ddilost\x1b", ":q!\r")
    shell.prompt()
    assert shell.out("cat /tmp/v; stty -a | grep -o ' icanon'") == "kept\n icanon"


def test_less(shell):
    shell.sendline("less lines")
    shell.exact("line 23 of the file")
    shell.send(" ")
    shell.exact("line 46 of the file")
    shell.send("G")
    shell.exact("line 200 of the file")
    shell.send("g")
    shell.exact("line 1 of the file")
    shell.expect(r"\x1b\[K(:|.*lines)")
    shell.send("\x1b[B")
    shell.exact("line 24 of the file")
    shell.send("q")
    shell.prompt()


def test_less_after_a_pipe(shell):
    shell.sendline("seq 1 500 | less")
    shell.exact("23")
    shell.send("G")
    shell.exact("500")
    shell.send("q")
    shell.prompt()


def test_top_refreshes(shell):
    shell.sendline("top -d 1")
    for _ in range(2):
        shell.expect(r"Mem: \d+K used, \d+K free")
        shell.expect(r"CPU: .*idle")
        shell.exact("Load average: ")
        shell.expect(r"\s1 +0 +root .*init")
    shell.send("q")
    shell.prompt()


def test_top_of_a_busy_machine(shell):
    shell.out("sh -c 'while :; do :; done' &")
    shell.wait_until("ps -o args | grep -c '^sh -c [w]hile'", "1")
    assert re.search(r"^ *\d+ +\d+ +root +R +\d+ .* sh -c while", shell.out("top -b -n 1; kill %1"), re.M)
    shell.sendline()
    shell.prompt()


def test_ps(shell):
    lines = shell.out("ps -o pid,ppid,user,stat,comm").split("\n")
    assert lines[0].split() == ["PID", "PPID", "USER", "STAT", "COMMAND"]
    found = {line.split()[-1]: line.split() for line in lines[1:]}
    assert found["init"][:3] == ["1", "0", "root"] and found["ps"][3].startswith("R")
    assert found["ps"][1] == shell.out("echo $$")
    assert "init" in shell.out("ps") and shell.out("pidof init") == "1"


def test_figures_of_the_system(shell):
    total, used, free = map(int, re.search(r"Mem: +(\d+) +(\d+) +(\d+)", shell.out("free -k")).groups())
    assert 100 << 10 < total <= 128 << 10 and 0 < used < 32 << 10 and free < total
    assert re.search(r"\d\d:\d\d:\d\d up .*load average: \d+\.\d\d, \d+\.\d\d, \d+\.\d\d", shell.out("uptime"))
    first = float(shell.out("cut -d' ' -f1 /proc/uptime"))
    shell.out("sleep 1")
    assert 0.9 < float(shell.out("cut -d' ' -f1 /proc/uptime")) - first < 30


def test_mount_and_df(shell):
    mounts = shell.out("mount")
    for line in ("rootfs on / type rootfs", "proc on /proc type proc", "on /dev type devtmpfs"):
        assert line in mounts
    shell.out("mkdir -p /tmp/m && mount -t tmpfs -o size=1m,mode=700 box /tmp/m && echo x >/tmp/m/x")
    assert re.search(r"^box +1024 +4 +1020 +0% +/tmp/m$", shell.out("df -k /tmp/m"), re.M)
    assert shell.run("cd /tmp/m && umount /tmp/m")[1] != 0
    assert shell.run("cd /; umount /tmp/m; ls -A /tmp/m; rmdir /tmp/m; grep -c box /proc/mounts")[0] == "0\n"


def test_date_and_time(shell):
    assert abs(int(shell.out("date +%s")) - time.time()) < 30
    shell.out("date -s '2001-02-03 04:05:06'")
    assert shell.out("date +%Y-%m-%dT%H:%M") == "2001-02-03T04:05"


def test_exit_ends_the_machine(machine):
    m = machine()
    m.sendline("exit 3")
    assert m.end() == 0


def test_end_of_file_at_the_prompt_ends_the_machine(machine):
    m = machine()
    m.send("\x04")
    assert m.end() == 0
