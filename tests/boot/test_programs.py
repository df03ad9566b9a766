# SPDX-License-Identifier: MIT
"""`./perigee run -- PROGRAM`: static programs of Debian that nobody here wrote, and the command itself."""
import hashlib
import os
import pathlib
import subprocess
import sys

import pexpect
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import packages  # noqa: E402
from session import CPUS  # noqa: E402

LIMIT_S = 120


def perigee(*words, **kwargs):
    return subprocess.run([ROOT / "perigee", "run", f"--cpus={CPUS}", "--", *map(str, words)], capture_output=True, timeout=LIMIT_S, check=False, **kwargs)


def lines(*words, **kwargs):
    """What the program prints, after it ended well."""
    result = perigee(*words, **kwargs)
    assert result.returncode == 0, (result.returncode, result.stdout[-2000:], result.stderr[-2000:])
    return result.stdout.decode().splitlines()


def compile_c(folder, text, *words):
    source, program = folder / "program.c", folder / "program"
    source.write_text(text)
    subprocess.run(["gcc", "-m32", "-O2", "-static", *words, "-o", program, source], check=True)
    return program


def test_status_arguments_and_streams(tmp_path):
    program = compile_c(tmp_path, r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("<%s>\n", argv[i]);
    fputs("to stderr\n", stderr);
    return 42;
}""")
    result = perigee(program, "a b", "", '"q"', "$x;'", "-- --help", "\u00e9")
    assert result.returncode == 42
    assert result.stdout.decode() == "<a b>\n<>\n<\"q\">\n<$x;'>\n<-- --help>\n<\u00e9>\n"
    assert result.stderr == b"to stderr\n"


def test_killed_by_a_signal(tmp_path):
    program = compile_c(tmp_path, "int main(void) { *(volatile int *)0 = 1; }")
    assert perigee(program).returncode == 128 + 11


def test_a_program_that_is_not_there():
    assert perigee("/no/such/program").returncode == 127


def test_a_file_that_is_no_program(tmp_path):
    (tmp_path / "x").write_bytes(b"\x7fELF but not really")
    assert perigee(tmp_path / "x").returncode == 126


def test_bytes_are_unchanged():
    data = hashlib.shake_256(b"perigee").digest(200_000)
    result = perigee(packages.busybox(), "cat", input=data)
    assert result.returncode == 0 and result.stdout == data


def test_input_that_is_not_read_to_its_end():
    for _ in range(8):      # the machine's end and the next piece of input race with each other
        with open("/dev/zero", "rb") as zeros:
            result = perigee(packages.busybox(), "head", "-c", "3", stdin=zeros)
        assert (result.returncode, result.stdout, result.stderr) == (0, b"\0\0\0", b"")


def test_terminal_is_a_terminal():
    child = pexpect.spawn(str(ROOT / "perigee"), ["run", f"--cpus={CPUS}", "--", str(packages.busybox()), "sh"], dimensions=(33, 99), timeout=LIMIT_S, encoding="latin1")
    child.expect("# ")
    child.sendline("tty; stty size; echo $((6*7)) marks the end")
    child.expect("/dev/ttyS0\r+\n33 99\r+\n42 marks the end")
    child.sendline("exit 5")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5


BASH = r"""
declare -A n=([one]=1 [two]=2); for k in one two; do echo $k=${n[$k]}; done
diff <(seq 3) <(seq 4) | grep '^+4'
coproc cat; echo through >&${COPROC[1]}; read r <&${COPROC[0]}; echo $r; kill $COPROC_PID
trap 'echo trapped' USR1; kill -USR1 $$
(exit 3); echo $?
printf '%s\n' {a..c} | while read x; do echo -n "<$x>"; done; echo
cat <<< "here string"
wait; echo end
"""


def test_bash():
    bash = packages.fetch("bash-static") / "bin" / "bash-static"
    assert lines(bash, "-c", BASH) == ["one=1", "two=2", "+4", "through", "trapped", "3", "<a><b><c>", "here string", "end"]


def test_zsh():
    zsh = packages.fetch("zsh-static") / "bin" / "zsh-static"
    script = "typeset -A m; m=(k v); print $m[k]; print -l {1..3} | tail -1; for f in /bin/l*(:t); do print $f; done | grep '^ls$'; print $(( 2 ** 40 ))"
    assert lines(zsh, "-f", "-c", script) == ["v", "3", "ls", "1099511627776"]


def test_sash():
    assert "bin" in " ".join(lines(packages.fetch("sash") / "bin" / "sash", "-c", "-ls /"))


def test_ldconfig():
    assert lines(packages.fetch("libc-bin") / "sbin" / "ldconfig", "--version")[0].startswith("ldconfig")


THREADS = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *f(void *arg) { char *p = malloc(100000); p[99999] = 1; free(p); return (char *)arg + 1; }
int main(void)
{
    long sum = 0;
    for (long i = 0; i < 20; i++) {
        pthread_t t; void *r;
        if (pthread_create(&t, 0, f, (void *)i) || pthread_join(t, &r)) return 1;
        sum += (long)r;
    }
    printf("%ld\n", sum);
    return 0;
}"""


def test_glibc_with_threads(tmp_path):
    assert lines(compile_c(tmp_path, THREADS, "-pthread")) == ["210"]


def test_musl_with_threads(tmp_path):
    root = packages.fetch("musl-dev") / "usr"
    lib, source, program = root / "lib" / "i386-linux-musl", tmp_path / "program.c", tmp_path / "program"
    source.write_text(THREADS)
    gcc = subprocess.run(["gcc", "-m32", "-print-libgcc-file-name"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["gcc", "-m32", "-O2", "-static", "-no-pie", "-fno-pie", "-nostdinc", "-nostdlib", "-isystem", root / "include" / "i386-linux-musl",
                    "-o", program, lib / "crt1.o", lib / "crti.o", source, lib / "libc.a", gcc, lib / "crtn.o"], check=True)
    assert lines(program) == ["210"]
