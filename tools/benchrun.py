# SPDX-License-Identifier: MIT
"""One machine that runs a benchmark program of bench/ as what init starts, and the figures that it prints.

A program prints a line `name <tab> figure <tab> operations` for each benchmark, `begin <tab> name` where many follow or one takes long,
`FAIL <tab> what <tab> why` when something is wrong, and `done` in the second field of its last line. Under `-icount shift=0,sleep=off` a nanosecond of the guest is one instruction.
"""
import os
import pathlib
import select
import subprocess
import sys

import machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import benchimage  # noqa: E402

# norandmaps: where a mapping lies decides how many of its pages one page table has, and so what unsharing that table costs.
WORDS = "console=ttyS0 quiet nokaslr norandmaps mitigations=off panic=-1"
ICOUNT = ["-icount", "shift=0,sleep=off"]
LIMIT_S = 3600      # for one line: on a busy host a thousand forks of 700 MiB are minutes of work for Linux
FLAGS = {"kscale": ("-Wall", "-Wextra", "-Werror")}


class Failed(Exception):
    """The program said FAIL, or did not come to its end."""


def _figure(fields):
    """(name, figure) of a line, or None."""
    if len(fields) != 3:
        return None
    try:
        return fields[0], float(fields[1])
    except ValueError:
        return None


def _lines(stream):
    """The lines of a pipe as they come. Raises Failed when none comes for LIMIT_S."""
    rest = b""
    while True:
        if not select.select([stream], [], [], LIMIT_S)[0]:
            raise Failed(f"nothing happened for {LIMIT_S} s")
        data = os.read(stream.fileno(), 4096)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in lines)


def _read(lines, tell, failures):
    """({benchmark: figure}, whether the program came to its end, its last lines)"""
    figures, last = {}, []
    for line in lines:
        fields = line.split("\t")
        last = [*last, line][-12:]
        if fields[0] == "FAIL" and failures is None:
            raise Failed(line)
        if fields[0] == "FAIL":
            failures.append(" ".join(fields))
        if fields[1:2] == ["done"]:
            return figures, True, last
        if fields[0] == "begin":
            tell(fields[1], None)
        found = _figure(fields)
        if found:
            figures[found[0]] = found[1]
            tell(*found)
    return figures, False, last


def image(program):
    """The path of the initrd, which is made when the program is newer."""
    return benchimage.make_initrd(program, FLAGS.get(program, ()))


def run(kernel, program, words, cpus=1, icount=True, memory=1024, append="", tell=lambda name, figure: None, failures=None):
    """{benchmark: nanoseconds or instructions}; calls tell for each as it comes, and with None for what begins. append: more words for the kernel.
    With a list of failures it goes on behind a FAIL and adds that to the list. Raises Failed."""
    command = machine.qemu_command(kernel, image(program), f"{WORDS} {append} -- {' '.join(words)}", memory,
                                   [*machine.LEAN, *(ICOUNT if icount else [])], cpus)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            figures, ended, last = _read(_lines(process.stdout), tell, failures)
        finally:
            process.kill()
    if not ended:
        raise Failed(f"{program} did not come to its end:\n" + "\n".join(last))
    return figures
