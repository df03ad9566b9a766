#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does the sanitized kernel find what it is for? Starts it once for each fault that it can make on demand (kernel/mem/sanitizeprobe.c) and wants the
panic that names it, and once without one, for which it must say nothing.

    sanitize.py [KERNEL] [--only NAME]

KERNEL is build/i386-sanitize/perigee.elf if not given. As a module: PROBES, check(kernel, name) -> (passed, text).
"""
import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from machine import qemu_command  # noqa: E402

LIMIT_S = 60
GCC_MISSES = {"behind_variable", "ended_variable"}  # see meson.build
PROBES = {
    "behind_object": "write of 1 bytes at .*, behind an object",
    "before_object": "write of 1 bytes at .*, (behind an object|in a free object|in a free frame)",
    "read_behind": "read of 4 bytes at .*, behind an object",
    "behind_frames": "write of 1 bytes at .*, behind an object",
    "behind_cached": "read of 4 bytes at .*, (behind an object|in a free object)",
    "freed_object": "read of 1 bytes at .*, in a free object",
    "freed_twice": "write of 1 bytes at .*, in a free object",
    "freed_frame": "write of 1 bytes at .*, in a free frame",
    "freed_stack": "write of 1 bytes at .*, in a free stack",
    "copied_behind": "write of 41 bytes at .*, behind an object",
    "copied_from_behind": "read of 60 bytes at .*, behind an object",
    "behind_variable": "write of 1 bytes at .*, beside a variable on a stack",
    "ended_variable": "read of 1 bytes at .*, a variable on a stack that is over",
    "user_memory": "read of 1 bytes at 0x8048000, not the kernel's",
    "no_memory": "read of 1 bytes at .*, where no memory is",
    "overflow": r"undefined behaviour: .*: overflow of \+",
    "shift": "undefined behaviour: .*: shift out of bounds",
    "shift_negative": "undefined behaviour: .*: shift out of bounds",
    "division": "undefined behaviour: .*: division by zero",
    "misaligned": "undefined behaviour: .*: misaligned pointer",
    "null": "undefined behaviour: .*: (null pointer|pointer arithmetic wraps)",
    "no_bool": "undefined behaviour: .*: a value that its type does not have",
    "array": "undefined behaviour: .*: index out of bounds",
    "none": "no init found",
}


def check(kernel, name):
    """One start of the kernel; (passed, what it printed)."""
    words = f"console=ttyS0 panic=-1 sanitize_probe={name}"
    try:
        result = subprocess.run(["timeout", str(LIMIT_S), *qemu_command(str(kernel), None, words, 64)], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        return False, str(error)
    text = result.stdout + result.stderr
    panics = [line for line in text.splitlines() if "Kernel panic: " in line]
    return len(panics) == 1 and bool(re.search("Kernel panic: " + PROBES[name], panics[0])), text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", nargs="?", default=HERE.parent.parent / "build" / "i386-sanitize" / "perigee.elf")
    parser.add_argument("--only", choices=PROBES)
    args = parser.parse_args()
    failed = 0
    for name in [args.only] if args.only else PROBES:
        if "gcc" in str(args.kernel) and name in GCC_MISSES:
            continue
        good, text = check(args.kernel, name)
        print(f"{'ok' if good else 'not ok'} {name}" + ("" if good else "\n" + text), flush=True)
        failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
