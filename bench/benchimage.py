# SPDX-License-Identifier: MIT
"""The initrd of a benchmark: busybox, and the program as what init runs, with init's arguments, on all CPUs of the machine."""
import os
import pathlib
import subprocess

import packages
from initrd import Cpio, write

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "bench"
INIT = """#!/bin/sh
mount -t proc proc /proc 2>/dev/null
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp 2>/dev/null
mount -t sysfs sys /sys 2>/dev/null
for online in /sys/devices/system/cpu/cpu*/online; do [ -w $online ] && echo 1 > $online; done
/bin/{name} "$@"
poweroff -f
"""


def make_initrd(name, flags=()):
    """Compiles bench/NAME.c when it, or a header, is newer than its program; the path of the image."""
    BUILD.mkdir(parents=True, exist_ok=True)
    program, source = BUILD / name, HERE / f"{name}.c"
    newest = max(path.stat().st_mtime for path in (source, *HERE.glob("*.h")))
    if not program.exists() or program.stat().st_mtime < newest:
        packages.require("gcc")
        fresh = program.with_name(f"{name}.{os.getpid()}")
        subprocess.run(["gcc", "-m32", "-O2", "-static", "-s", "-pthread", *flags, "-o", fresh, source], check=True)
        fresh.rename(program)
    cpio = Cpio()
    for folder in ("dev", "proc", "sys", "tmp", "bin"):
        cpio.add(folder, 0o040755)
    cpio.add("dev/console", 0o020600, device=(5, 1))
    cpio.add("bin/busybox", 0o100755, packages.busybox().read_bytes())
    for applet in ("sh", "mount", "poweroff"):
        cpio.add(f"bin/{applet}", 0o120777, b"busybox")
    cpio.add(f"bin/{name}", 0o100755, program.read_bytes())
    cpio.add("init", 0o100755, INIT.format(name=name).encode())
    return write(BUILD / f"{name}.cpio", cpio.finish())
