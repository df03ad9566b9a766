# SPDX-License-Identifier: MIT
"""`./perigee debug`: a machine that waits for GDB, with the kernel's symbols and the commands of tools/gdb/perigee.py."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import initrd
import kernelbuild
import machine
import packages

HELPERS = pathlib.Path(__file__).resolve().parent / "gdb" / "perigee.py"
HELP = """The machine is halted before its first instruction. Type c to let it run, Ctrl-C to stop it again.
Commands: ps, threads, regions PID, pagetables PID, klog, bt-all. hbreak FUNCTION stops at a function."""
START_LIMIT_S = 10


def add_arguments(parser):
    parser.add_argument("--memory", "-m", default="128", help="MiB of RAM")
    parser.add_argument("--append", default="", help="more words for the kernel")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--initrd", help="another initrd")
    parser.add_argument("--release", action="store_true", help="the kernel as it is shipped, without the checks")
    parser.add_argument("--gui", action="store_true", help="with a window for the screen and the keyboard")
    parser.add_argument("--script", metavar="FILE", help="runs GDB's commands of FILE instead of a session")


def _wait_for(path, qemu):
    end = time.monotonic() + START_LIMIT_S
    while not path.exists():
        if qemu.poll() is not None or time.monotonic() > end:
            sys.exit("QEMU did not start")
        time.sleep(0.02)


def _serial_line(qemu):
    """The terminal that QEMU made for the guest's serial line: it names it at its start."""
    for line in qemu.stdout:
        found = re.search(r"redirected to (\S+)", line)
        if found:
            return found[1]
    return sys.exit("QEMU did not start")


def run(args):
    packages.require("build", "qemu", "gdb")
    kernel = kernelbuild.build(debug=not args.release)
    image = args.initrd or initrd.shell_initrd(kernelbuild.BUILD / "shell.cpio")
    words = f"console=ttyS0 panic=0 {args.append}"
    with tempfile.TemporaryDirectory() as folder:
        socket = pathlib.Path(folder) / "gdb"
        extra = ["-S", "-gdb", f"unix:{socket},server=on,wait=off", "-serial", "pty", "-monitor", "none"]
        extra += ["-vga", "std"] if args.gui else [*machine.LEAN, "-display", "none"]
        # A session of its own, so that Ctrl-C stops the guest and does not end QEMU.
        with subprocess.Popen(machine.qemu_command(kernel, image, words, args.memory, extra, args.cpus), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, start_new_session=True) as qemu:
            try:
                line = _serial_line(qemu)
                _wait_for(socket, qemu)
                print(f"The guest's serial line is {line}; to use it from another terminal: screen {line}")
                gdb = ["gdb", "-q", "-nx", "-iex", "set auto-load off", str(kernel), "-ex", "set confirm off", "-ex", "set pagination off",
                       "-ex", "set style enabled off" if args.script else "set style enabled on",
                       "-ex", f"target remote {socket}", "-ex", f"source {HELPERS}"]
                if args.script:
                    gdb += ["-batch", "-x", args.script]
                else:
                    print(HELP, flush=True)
                return subprocess.run(gdb, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=False).returncode
            finally:
                qemu.kill()
