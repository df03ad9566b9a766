#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints the kernel's sources, sorted: every .c and .S of the layers, without tests and without the host architecture."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = ["lib", "arch/x86", "arch/x86/i386", "core", "mem", "sched", "vm", "task", "vfs", "fs", "net", "dev", "proc", "abi", "init"]

for layer in LAYERS:
    for path in sorted((ROOT / "kernel" / layer).glob("*.[cS]")):
        print(path.relative_to(ROOT))
