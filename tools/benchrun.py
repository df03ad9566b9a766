# SPDX-License-Identifier: MIT
"""One machine that runs a benchmark program of bench/ as what init starts, and the figures that it prints.

A program prints a line `name <tab> figure <tab> operations` for each benchmark, `FAIL <tab> what <tab> why` when something is wrong, and
`done` in the second field of its last line. Under `-icount shift=0,sleep=off` a nanosecond of the guest is one instruction.
"""
import pathlib
import subprocess
import sys

import machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import benchimage  # noqa: E402

WORDS = "console=ttyS0 quiet nokaslr mitigations=off panic=-1"
ICOUNT = ["-icount", "shift=0,sleep=off"]
LIMIT_S = 1800
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


def run(kernel, program, words, cpus=1, icount=True, memory=1024, tell=lambda name, figure: None, failures=None):
    """{benchmark: nanoseconds or instructions}; calls tell for each as it comes. With a list of failures it goes on behind a FAIL and adds
    that to the list. Raises Failed."""
    command = machine.qemu_command(kernel, benchimage.make_initrd(program, FLAGS.get(program, ())), f"{WORDS} -- {' '.join(words)}", memory,
                                   [*machine.LEAN, *(ICOUNT if icount else [])], cpus)
    figures, last, ended = {}, [], False
    with subprocess.Popen(["timeout", "--kill-after=5", str(LIMIT_S), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as process:
        for line in process.stdout:
            fields = line.rstrip().split("\t")
            last = [*last, line.rstrip()][-12:]
            if fields[0] == "FAIL" and failures is not None:
                failures.append(" ".join(fields))
            elif fields[0] == "FAIL":
                process.terminate()
                raise Failed(line.strip())
            ended = ended or fields[1:2] == ["done"]
            found = _figure(fields)
            if found and not ended:
                figures[found[0]] = found[1]
                tell(*found)
    if not ended:
        raise Failed(f"{program} did not come to its end:\n" + "\n".join(last))
    return figures
