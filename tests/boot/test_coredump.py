# SPDX-License-Identifier: MIT
"""Core dumps: what the shell says, and what Debian's gdb reads from one."""
import subprocess

import gdb_image

CRASH = r"""
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
struct box { int number; const char *text; } box = { 4711, "in the heap" };
static int ready[2];
__attribute__((noinline)) static void inner(struct box *b, double d) { *(volatile int *)(long)(b->number - 4711) = (int)d; }
__attribute__((noinline)) static void outer(int depth, struct box *b) { if (depth) outer(depth - 1, b); else inner(b, 2.5); __asm__ volatile(""); }
static void *waits(void *arg) { if (write(ready[1], "", 1) == 1) pause(); return arg; }
int main(void)
{
    struct box *b = malloc(sizeof(*b));
    pthread_t t;
    char c;
    *b = box;
    if (pipe(ready) || pthread_create(&t, 0, waits, 0) || read(ready[0], &c, 1) != 1) return 1;
    outer(3, b);
    return 0;
}"""

GDB = "/usr/bin/gdb -nx -batch -ex bt -ex 'print *b' -ex 'info threads' -ex 'info registers eip' -ex 'thread apply all bt' -ex 'info auxv' -ex 'print $_siginfo.si_signo' /crash core"


def test_gdb_reads_a_core(machine, tmp_path):
    source, program = tmp_path / "crash.c", tmp_path / "crash"
    source.write_text(CRASH)
    subprocess.run(["gcc", "-m32", "-O0", "-g", "-static", "-fno-pie", "-no-pie", "-o", program, source], check=True)
    files = {**gdb_image.files(tmp_path), "crash": (0o100755, program.read_bytes())}
    shell = machine(files=files, memory=512)
    assert shell.run("cd /tmp; /crash")[1] == 128 + 11 and "core" not in shell.out("ls /tmp").split()
    output, status = shell.run("ulimit -c unlimited; /crash")
    assert status == 128 + 11 and "(core dumped)" in output
    text = shell.out(f"{GDB} >out 2>&1; cat out", timeout=300)
    assert "Program terminated with signal SIGSEGV" in text
    frames = [line for line in text.splitlines() if line.startswith("#")][1:]      # the first is told when the core is opened
    assert " inner (b=" in frames[0] and all(" outer (depth=" in frame for frame in frames[1:5]) and " main () at " in frames[5]
    assert '{number = 4711, text = ' in text and '"in the heap"' in text
    assert "2    Thread" in text or "2    LWP" in text
    assert "waits (arg=0x0)" in text
    assert "AT_PAGESZ" in text and "4096" in text and "= 11" in text
