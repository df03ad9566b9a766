#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints the kernel's sources, sorted: every .c and .S of the layers, without tests and without the host architecture.

With --host: what the tests on the host link, over the host architecture.
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = ["lib", "arch/x86", "arch/x86/i386", "core", "mem", "sched", "vm", "task", "vfs", "fs", "net", "dev", "proc", "abi", "init"]
HOST_LAYERS = ["lib", "arch/host", "core", "mem", "sched", "vm", "task", "vfs", "fs", "dev"]
HOST_MORE = ["proc/elf.c", "proc/futex.c", "proc/futexkey.c", "proc/futexpi.c", "abi/convert.c"]
NOT_ON_HOST = {"core/stackguard.c", "core/ubsan.c", "mem/kasan.c", "mem/sanitizeprobe.c"}  # the host's C library has its own guard

if sys.argv[1:] == ["--host"]:
    for layer in HOST_LAYERS:
        for path in sorted((ROOT / "kernel" / layer).glob("*.c")):
            name = str(path.relative_to(ROOT / "kernel"))
            if name not in NOT_ON_HOST:
                print(name)
    print("\n".join(HOST_MORE))
    sys.exit()

for layer in LAYERS:
    for path in sorted((ROOT / "kernel" / layer).glob("*.[cS]")):
        print(path.relative_to(ROOT))
