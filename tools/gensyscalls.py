#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Generates from kernel/abi/syscalls.tbl: OUT/syscall_protos.h, OUT/syscall_table.c; with --docs FILE the table of docs/syscalls.md."""
import argparse
import os
import sys

CTYPE = {"int": "int", "uint": "unsigned", "long": "long", "ulong": "unsigned long", "size": "size_t", "fd": "int", "sig": "int",
         "hex": "unsigned long", "oct": "unsigned", "path": "uaddr_t", "uaddr": "uaddr_t", "loff64": "loff_t"}


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
    out = ["/* Generated from syscalls.tbl. */", '#include "abi/table.h"', '#include "arch/trap.h"', '#include "syscall_protos.h"', ""]
    out += [wrapper(name, args) for _, name, args in rows]
    top = rows[-1][0] + 1
    out.append(f"const unsigned long syscall_count = {top};")
    out.append(f"const syscall_fn syscall_table[{top}] = {{")
    out += [f"\t[{nr}] = call_{name}," for nr, name, _ in rows]
    out.append("};")
    out.append(f"const struct syscall_desc syscall_descs[{top}] = {{")
    for nr, name, args in rows:
        types = ", ".join(f"SYSARG_{t.upper()}" for _, t in args)
        names = ", ".join(f'"{n}"' for n, _ in args)
        out.append(f'\t[{nr}] = {{ "{name}", {len(args)}, {{ {types} }}, {{ {names} }} }},' if args else f'\t[{nr}] = {{ "{name}", 0, {{ 0 }}, {{ 0 }} }},')
    out.append("};")
    return "\n".join(out) + "\n"


def docs(rows):
    out = ["# System calls", "", "Generated from `kernel/abi/syscalls.tbl`; a call that is not in this table returns `ENOSYS`.", "",
           f"{len(rows)} calls of the i386 interface are supported.", "", "| number | call | arguments |", "|---:|---|---|"]
    out += [f"| {nr} | `{name}` | {', '.join(f'{n}: {t}' for n, t in args)} |" for nr, name, args in rows]
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("table")
    p.add_argument("out", nargs="?")
    p.add_argument("--docs")
    a = p.parse_args()
    rows = read_table(a.table)
    if a.out:
        os.makedirs(a.out, exist_ok=True)
        open(os.path.join(a.out, "syscall_protos.h"), "w").write(protos(rows))
        open(os.path.join(a.out, "syscall_table.c"), "w").write(table(rows))
    if a.docs:
        open(a.docs, "w").write(docs(rows))


main()
