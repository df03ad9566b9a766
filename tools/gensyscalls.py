#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The system calls, from kernel/abi/syscalls.tbl.

    gensyscalls.py TABLE OUT       writes OUT/syscall_protos.h and OUT/syscall_table.c
    gensyscalls.py --docs FILE     writes the table of the documentation, docs/syscalls.md
    gensyscalls.py --check FILE    ends with status 1 when that table is not up to date
"""
import argparse
import os
import pathlib
import sys

TABLE = pathlib.Path(__file__).resolve().parent.parent / "kernel" / "abi" / "syscalls.tbl"

CTYPE = {"int": "int", "uint": "unsigned", "long": "long", "ulong": "unsigned long", "size": "size_t", "fd": "int", "sig": "int",
         "hex": "unsigned long", "oct": "unsigned", "path": "uaddr_t", "uaddr": "uaddr_t", "loff64": "loff_t"}
# enum syscall_arg of kernel/abi/table.h
LETTER = {"int": "i", "uint": "u", "long": "l", "ulong": "m", "size": "z", "fd": "d", "sig": "s", "hex": "x", "oct": "o", "path": "p", "uaddr": "a",
          "loff64": "q"}


def read_table(path):
    rows = []
    for number, line in enumerate(open(path), 1):
        line = line.split("#")[0].split()
        if not line:
            continue
        args = [a.split(":") for a in line[2:]]
        for a in args:
            if len(a) != 2 or a[1] not in CTYPE:
                sys.exit(f"{path}:{number}: bad argument {':'.join(a)}")
        rows.append((int(line[0]), line[1], args))
    for a, b in zip(rows, rows[1:]):
        if a[0] >= b[0]:
            sys.exit(f"{path}: {b[1]} is out of order")
    return rows


def read_notes(path):
    """[(name, note)]: the lines that begin with #: , each below its call."""
    notes, name = [], None
    for line in open(path):
        if line.startswith("#:"):
            notes.append((name, line[2:].strip()))
        elif line[:1].isdigit():
            name = line.split()[1]
    return notes


def protos(rows):
    out = ["/* Generated from syscalls.tbl. */", "#ifndef SYSCALL_PROTOS_H", "#define SYSCALL_PROTOS_H", "", '#include "lib/types.h"', ""]
    for _, name, args in rows:
        plist = ", ".join(f"{CTYPE[t]} {n}" for n, t in args) or "void"
        out.append(f"long sys_{name}({plist});")
    return "\n".join(out + ["", "#endif", ""])


def wrapper(name, args):
    slot, actual = 0, []
    for _, t in args:
        if t == "loff64":
            actual.append(f"(loff_t)((uint64_t)(uint32_t)tf_arg(tf, {slot}) | (uint64_t)(uint32_t)tf_arg(tf, {slot + 1}) << 32)")
            slot += 2
        else:
            actual.append(f"({CTYPE[t]})tf_arg(tf, {slot})")
            slot += 1
    unused = "" if args else "\t(void)tf;\n"
    return f"static long call_{name}(const struct trapframe *tf)\n{{\n{unused}\treturn sys_{name}({', '.join(actual)});\n}}\n"


def table(rows):
    out = ["/* Generated from syscalls.tbl. */", '#include "abi/table.h"', '#include "arch/trap.h"', '#include "lib/errno.h"', '#include "syscall_protos.h"', ""]
    out += [wrapper(name, args) for _, name, args in rows]
    out.append("static long missing(const struct trapframe *tf)\n{\n\t(void)tf;\n\treturn -ENOSYS;\n}\n")
    top = rows[-1][0] + 1
    out.append(f"const unsigned long syscall_count = {top};")
    out.append(f"const syscall_fn syscall_table[{top}] = {{")
    known = {nr: name for nr, name, _ in rows}
    out += [f"\t[{nr}] = call_{known[nr]}," if nr in known else f"\t[{nr}] = missing," for nr in range(top)]
    out.append("};")
    out.append(f"const char *const syscall_forms[{top}] = {{")
    out += [f'\t[{nr}] = "{" ".join([name, *(LETTER[t] + n for n, t in args)])}",' for nr, name, args in rows]
    out.append("};")
    return "\n".join(out) + "\n"


def shown_argument(name, kind):
    words = {"path": "path", "uaddr": "pointer", "hex": "flags", "oct": "mode or flags", "loff64": "64-bit offset", "fd": "descriptor", "sig": "signal"}
    return f"{name}: {words[kind]}" if kind in words else f"{name}: {CTYPE[kind]}"


def docs(rows, notes):
    out = ["# System calls", "",
           "Generated from `kernel/abi/syscalls.tbl` by `tools/gensyscalls.py --docs docs/syscalls.md`; `./perigee test syscalls` says when it is not",
           "up to date.", "",
           f"Perigee has {len(rows)} calls of Linux's i386 interface. A call that is not here returns `ENOSYS`; flags that are not supported are",
           "refused with the error that Linux has for unknown ones. A name that ends in `16` is the old call with 16-bit user and group numbers.", "",
           "| number | call | arguments |", "|---:|---|---|"]
    out += [f"| {nr} | `{name}` | {', '.join(shown_argument(*a) for a in args)} |" for nr, name, args in rows]
    out += ["", "## What they do not do", "", "Of the calls of one family only one is named.", "", "| call | |", "|---|---|"]
    out += [f"| `{name}` | {note} |" for name, note in notes]
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("table", nargs="?", default=TABLE)
    p.add_argument("out", nargs="?")
    p.add_argument("--docs", metavar="FILE")
    p.add_argument("--check", metavar="FILE")
    a = p.parse_args()
    rows = read_table(a.table)
    if a.out:
        os.makedirs(a.out, exist_ok=True)
        pathlib.Path(a.out, "syscall_protos.h").write_text(protos(rows))
        pathlib.Path(a.out, "syscall_table.c").write_text(table(rows))
    if a.docs:
        pathlib.Path(a.docs).write_text(docs(rows, read_notes(a.table)))
    if a.check and (not os.path.exists(a.check) or pathlib.Path(a.check).read_text() != docs(rows, read_notes(a.table))):
        sys.exit(f"{a.check} is not up to date; type: tools/gensyscalls.py --docs {a.check}")


if __name__ == "__main__":
    main()
