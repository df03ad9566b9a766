# SPDX-License-Identifier: MIT
"""Debian's strace and gdb for i386, dynamically linked, at the shell's prompt: what ptrace(2) is for."""
import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import packages  # noqa: E402
from session import BUILD  # noqa: E402

LIBRARIES = ["libc6", "libexpat1", "libipt2", "liblzma5", "libgmp10", "libtinfo6", "libreadline8", "libxxhash0", "zlib1g", "libgcc-s1", "libstdc++6", "libzstd1"]

# gdb asks the network for sources through this library, which has dozens of others in its train: here is one that finds nothing.
NO_DEBUGINFOD = """
#define NOTHING(name) void *name(void) { return 0; }
#define NOT_THERE(name) int name(void) { return -2; }
NOTHING(debuginfod_begin) NOTHING(debuginfod_end) NOTHING(debuginfod_set_progressfn) NOTHING(debuginfod_get_user_data) NOTHING(debuginfod_set_user_data)
NOT_THERE(debuginfod_find_source) NOT_THERE(debuginfod_find_debuginfo) NOT_THERE(debuginfod_find_executable)
"""
VERSIONS = """
ELFUTILS_0.178 { debuginfod_begin; debuginfod_end; debuginfod_set_progressfn; debuginfod_find_*; };
ELFUTILS_0.179 { debuginfod_get_user_data; debuginfod_set_user_data; };
"""

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int total;
static int __attribute__((noinline)) add(int a, int b)
{
    int sum = a + b;
    total += sum;
    return sum;
}
int main(int argc, char **argv)
{
    int x = add(argc, 41);
    x += add(x, 1);
    printf("x is %d\n", x);
    if (argc > 1)
        abort();
    return total == 85 ? 0 : 1;
}
"""

THREADS = r"""
#include <pthread.h>
#include <unistd.h>
static pthread_barrier_t all;
static void *work(void *arg) { pthread_barrier_wait(&all); return arg; }
int main(void)
{
    pthread_t t[3];
    pthread_barrier_init(&all, 0, 4);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], 0, work, 0);
    pthread_barrier_wait(&all);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], 0);
    return 0;
}
"""


FORKS = r"""
#include <sys/wait.h>
#include <unistd.h>
static void __attribute__((noinline)) child(void) { _exit(3); }
int main(void)
{
    int status;
    if (!fork())
        child();
    wait(&status);
    return status >> 8;
}
"""


def compile_c(name, text, *words):
    source, out = BUILD / f"{name}.c", BUILD / name
    source.write_text(text)
    subprocess.run(["gcc", "-m32", "-O0", *words, "-o", out, source], check=True)
    return out.read_bytes()


def needed(path):
    shown = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", shown)


@functools.cache
def libraries():
    """Shared libraries of the packages by name."""
    found = {}
    for package in LIBRARIES:
        for path in packages.fetch(package).rglob("*.so*"):
            found.setdefault(path.name, path)
    return found


def dynamic(*programs):
    """Files of an initrd: the programs under /bin, and the libraries that they need."""
    files, todo = {}, list(programs)
    while todo:
        path = todo.pop()
        for name in needed(path):
            if f"lib/{name}" in files or name not in libraries():
                continue
            files[f"lib/{name}"] = (0o100755, libraries()[name].read_bytes())
            todo.append(libraries()[name])
    for path in programs:
        files[f"bin/{path.name}"] = (0o100755, path.read_bytes())
    files["lib/ld-linux.so.2"] = (0o100755, libraries()["ld-linux.so.2"].read_bytes())
    return {"lib": (0o040755, b""), **files}


@functools.cache
def FILES():
    strace, gdb = packages.fetch("strace") / "usr" / "bin" / "strace", packages.fetch("gdb-minimal") / "usr" / "bin" / "gdb"
    files, versions = dynamic(strace, gdb), BUILD / "debuginfod.map"
    versions.write_text(VERSIONS)
    files["lib/libdebuginfod.so.1"] = (0o100755, compile_c("debuginfod", NO_DEBUGINFOD, "-shared", "-fPIC", "-nostdlib",
                                                           "-Wl,-soname,libdebuginfod.so.1", f"-Wl,--version-script={versions}"))
    files["bin/sums"] = (0o100755, compile_c("sums", PROGRAM, "-g", "-static"))
    files["bin/dynamic"] = (0o100755, compile_c("dynamic", PROGRAM, "-g", "-pie", "-fPIE"))
    files["bin/forks"] = (0o100755, compile_c("forks", FORKS, "-g", "-static"))
    files["bin/threads"] = (0o100755, compile_c("threads", THREADS, "-g", "-static", "-pthread"))
    return files


MEMORY = 256


def test_strace_of_echo(shell):
    text = shell.out("strace echo hello 2>&1")
    assert re.search(r'^execve\("/bin/echo", \["echo", "hello"\], 0x[0-9a-f]+ /\* \d+ vars \*/\) = 0', text, re.M), text
    assert 'write(1, "hello\\n", 6' in text and re.search(r"^exit_group\(0\) += \?", text, re.M), text
    assert text.splitlines()[-1] == "+++ exited with 0 +++"


def test_strace_follows_children_and_counts(shell):
    text = shell.out("strace -f -e trace=process,signal -o /tmp/t sh -c 'sleep 0.1 & kill -USR1 $!; wait $!; echo $?'; cat /tmp/t")
    assert "138" in text and "+++ killed by SIGUSR1 +++" in text and "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED" in text, text
    text = shell.out("strace -f -c -o /tmp/c threads; cat /tmp/c")
    assert re.search(r"\b3\s+(clone3?)$", text, re.M), text


def test_strace_attaches(shell):
    text = shell.out("sleep 1000 & p=$!; strace -p $p -o /tmp/a & s=$!; until grep -q 'TracerPid:.[1-9]' /proc/$p/status && [ $(cut -d' ' -f3 /proc/$p/stat) = S ]; do sleep 0.1; done; kill -TERM $s; wait $s; "
                         "cut -d' ' -f3 /proc/$p/stat; kill $p; cat /tmp/a")
    assert re.search(r"^S\b", text, re.M) and "restart_syscall" in text and "detached" in text, text


def gdb(shell, program, *commands):
    words = " ".join(f"-ex '{c}'" for c in commands)
    return shell.out(f"gdb -nx -q -batch {words} {program} 2>&1", timeout=180)


def test_gdb_breakpoint_step_print_backtrace(shell):
    text = gdb(shell, "--args sums", "break main", "run", "next", "print x", "break add", "continue", "backtrace", "finish", "print total", "delete", "continue")
    assert re.search(r"Breakpoint 1, main \(argc=1, argv=0x[0-9a-f]+\)", text), text
    assert "$1 = 42" in text and re.search(r"#0 +add \(a=42, b=1\)", text) and re.search(r"#1 +0x[0-9a-f]+ in main", text), text
    assert "Value returned is $2 = 43" in text and "$3 = 85" in text, text
    assert "x is 85" in text and "exited normally" in text, text


def test_gdb_calls_and_changes(shell):
    text = gdb(shell, "--args sums", "break add", "run", "delete", "print add(100, 20)", "print total", "set var a = 5", "finish", "kill")
    assert "$1 = 120" in text and "$2 = 120" in text and "Value returned is $3 = 46" in text, text


def test_gdb_signal_and_core_registers(shell):
    text = gdb(shell, "--args sums boom", "run", "backtrace", "info registers eip", "info all-registers", "continue")
    assert "received signal SIGABRT" in text and re.search(r"#\d+ +0x[0-9a-f]+ in main \(argc=2", text), text
    assert "mxcsr" in text and "st0" in text and "terminated with signal SIGABRT" in text, text


def test_gdb_steps_instructions(shell):
    text = gdb(shell, "--args sums", "break main", "run", "stepi 200", "info registers eip", "continue")
    assert "exited normally" in text, text


def test_gdb_watchpoint(shell):
    text = gdb(shell, "--args sums", "break main", "run", "watch total", "continue", "continue", "delete", "continue")
    assert text.count("atchpoint 2: total") == 3 and "New value = 42" in text and "New value = 85" in text, text


def test_gdb_dynamic_program(shell):
    text = gdb(shell, "--args dynamic", "break add", "run", "info sharedlibrary", "backtrace", "finish", "delete", "continue")
    assert "add (a=1, b=41)" in text and re.search(r"/lib/libc\.so\.6", text) and re.search(r"#1 +0x[0-9a-f]+ in main", text), text
    assert "Value returned is $1 = 42" in text and "exited normally" in text, text


def test_gdb_follows_a_child(shell):
    text = gdb(shell, "forks", "set follow-fork-mode child", "break child", "run", "backtrace", "continue")
    assert re.search(r"#0 +child \(\)", text) and "exited with code 03" in text, text
    text = gdb(shell, "forks", "run")
    assert "exited with code 03" in text, text


def test_gdb_catches_system_calls(shell):
    text = gdb(shell, "--args sums", "catch syscall 4", "run", "continue", "continue")
    assert "call to syscall 4" in text and "returned from syscall 4" in text and "exited normally" in text, text


def test_gdb_attaches(shell):
    text = shell.out("sums >/dev/null; cat /dev/zero >/dev/null & p=$!; gdb -nx -q -batch -p $p -ex 'info registers eip' -ex detach 2>&1; "
                         "cut -d' ' -f3 /proc/$p/stat; kill $p", timeout=180)
    assert re.search(r"^eip +0x", text, re.M) and "detached" in text and re.search(r"^[RS]$", text, re.M), text


def test_gdb_threads(shell):
    text = gdb(shell, "threads", "break work", "run", "info threads", "thread apply all backtrace 1", "delete", "continue")
    assert "hit Breakpoint 1, work" in text and text.count("LWP") > 2 and "exited normally" in text, text


def test_nothing_is_left(shell):
    assert shell.out("ps | grep -c '[s]trace\\|[g]db'; true") == "0"
