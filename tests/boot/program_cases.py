# SPDX-License-Identifier: MIT
"""The tables tests/boot/programs/*.tbl: which programs that nobody here wrote are run, with what, and what they must print."""
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent / "programs"
ESCAPES = {r"\n": "\n", r"\x20": " ", r"\t": "\t", r"\\": "\\"}


def cases(table):
    """[(name, script, what it prints)] of a table."""
    found = []
    for line in (FOLDER / f"{table}.tbl").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# "):
            name, rest = line.split(": ", 1)
            script, printed = rest.rsplit(" => ", 1)
            found.append((name, script, re.sub(r"\\(n|x20|t|\\)", lambda m: ESCAPES[m[0]], printed)))
    return found


RUN = """#!/bin/ash
rm -rf /tmp/c; mkdir /tmp/c; cd /tmp/c
case $1 in busybox.*) PATH=/bin shell=/bin/ash ;; *) PATH=/usr/bin:/usr/sbin shell=/usr/bin/dash ;; esac
$shell /cases/$1 </dev/null 2>/tmp/errors | /bin/cat
"""


def files():
    """{name: (mode, bytes)}: a script for each case, as cases/TABLE.N, and run-case, which takes TABLE.N."""
    return {"run-case": (0o100755, RUN.encode()), **{f"cases/{table}.{n}": (0o100644, (script + "\n").encode()) for table in ("busybox", "debian") for n, (_, script, _) in enumerate(cases(table))}}


def failing():
    """[(name, why)] of what does not work."""
    lines = (FOLDER / "failing.tbl").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(": ", 1)) for line in lines if line and not line.startswith("# ")]
