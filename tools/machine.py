# SPDX-License-Identifier: MIT
"""QEMU: the command line of a machine, and a machine on this terminal."""
import os
import shutil
import subprocess
import sys
import termios

import packages

# Nothing that the kernel does not drive, so that the machine is there at once.
LEAN = ["-nodefaults", "-no-user-config", "-vga", "none"]
MOST_CPUS = 4       # of a machine whose CPUs nobody counted out: more make it start later and are rarely of use


def default_cpus():
    """As many CPUs as this process may use here, within reason."""
    return min(len(os.sched_getaffinity(0)), MOST_CPUS)


def qemu_command(kernel, initrd=None, append="", memory=128, extra=(), cpus=1):
    """The words that start QEMU with the kernel's first serial line on stdio. TCG, so that it is the same everywhere:
    each CPU is a thread of QEMU's, except under -icount, where one thread runs them in turn."""
    command = ["qemu-system-i386", "-accel", "tcg", "-m", str(memory), "-smp", str(cpus), "-kernel", str(kernel), "-no-reboot"]
    if initrd:
        command += ["-initrd", str(initrd)]
    command += ["-append", append, *extra]
    if not any(word in ("-serial", "-nographic") for word in extra):
        command += ["-display", "none", "-serial", "stdio"]
    return command


def terminal_words():
    """Words for init's environment that tell it of this terminal."""
    words = [f"TERM={os.environ.get('TERM', 'vt100')}"] if sys.stdin.isatty() else []
    if sys.stdout.isatty():
        size = shutil.get_terminal_size()
        words += [f"LINES={size.lines}", f"COLUMNS={size.columns}"]
    return " ".join(words)


def run_on_terminal(kernel, initrd, append, memory, gui=False, cpus=1):
    """A machine whose serial line is this terminal, which is left as it was found; QEMU's exit status."""
    packages.require("qemu")
    extra = ["-serial", "mon:stdio"]
    extra += ["-vga", "std"] if gui else [*LEAN, "-display", "none"]
    saved = termios.tcgetattr(0) if sys.stdin.isatty() else None
    try:
        return subprocess.run(qemu_command(kernel, initrd, append, memory, extra, cpus), check=False).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
