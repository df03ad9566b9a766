# SPDX-License-Identifier: MIT
"""`./perigee figures`: measures what docs/figures.md states: start to prompt, size, smallest memory, idle load, what CPUs bring, cost of fork.

Times are of the wall clock, from QEMU's start until the prompt is read from the serial line, with QEMU's interpreter of machine code (TCG),
the median of several starts. "Bare QEMU" is a kernel of three instructions that writes a byte to the serial line: what no kernel can go below.
"""
import os
import pathlib
import re
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import initrd
import kernelbuild
import machine
import packages

LIMIT_S = 60
PROMPT = b"# "
WORDS = "console=ttyS0 quiet panic=-1"
IDLE_S = 5
SMALLEST_MIB, LARGEST_MIB = 3, 64
LIMITS = {"start": 0.30, "size": 500 * 1024, "memory": 8, "idle": 2.0, "cpus": 1.1, "fork": 1.5}


class Machine:
    """A machine whose serial line is read here."""

    def __init__(self, kernel, image, memory, extra, cpus=1):
        command = machine.qemu_command(kernel, image, WORDS, memory, [*extra, "-display", "none", "-serial", "stdio", "-monitor", "none"], cpus)
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def wait_for(self, wanted, limit=LIMIT_S):
        """Seconds from the start until it has written that; None when it ended or took too long."""
        end = time.monotonic() + limit
        while wanted not in self.seen:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not data:
                return None
            self.seen += data
        return time.monotonic() - self.started

    def type(self, line):
        self.seen = b""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare_kernel(path):
    """A Multiboot image (addresses in its header) that writes "# " to the serial line and halts."""
    base = 0x100000
    code = b"\x66\xba\xf8\x03" + b"".join(b"\xb0" + bytes([c]) + b"\xee" for c in PROMPT) + b"\xfa\xf4\xeb\xfd"
    size = 32 + len(code)
    header = struct.pack("<8I", 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000) & 0xFFFFFFFF, base, base, base + size, base + size, base + 32)
    pathlib.Path(path).write_bytes(header + code)
    return path


def start_times(kernel, image, extra, count, cpus=1):
    times = []
    for _ in range(count):
        with Machine(kernel, image, "128", extra, cpus) as m:
            seconds = m.wait_for(PROMPT)
        if seconds is None:
            sys.exit("the machine did not come to a prompt:\n" + m.seen.decode(errors="replace"))
        times.append(seconds)
    return times


def stripped_size(kernel):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["llvm-strip" if shutil.which("llvm-strip") else "strip", "-o", out.name, kernel], check=True)
        return os.path.getsize(out.name)


def shell_works(kernel, image, memory):
    """A pipeline of three runs to its end."""
    with Machine(kernel, image, str(memory), machine.LEAN) as m:
        if m.wait_for(PROMPT, 10) is None:
            return False
        m.type("ls /bin | sort | wc -l; echo status $?")
        return m.wait_for(b"status 0\r\n", 10) is not None


def smallest_memory(kernel, image):
    return next((mib for mib in range(SMALLEST_MIB, LARGEST_MIB + 1) if shell_works(kernel, image, mib)), None)


def idle_load(kernel, image, cpus):
    """Percent of one CPU of this machine that QEMU uses while the shell waits at its prompt."""
    with Machine(kernel, image, "128", machine.LEAN, cpus) as m:
        m.wait_for(PROMPT)
        time.sleep(1)
        before, start = m.cpu_seconds(), time.monotonic()
        time.sleep(IDLE_S)
        return 100 * (m.cpu_seconds() - before) / (time.monotonic() - start)


def fork_ratio(kernel):
    command = [sys.executable, str(kernelbuild.ROOT / "bench" / "run.py"), str(kernel), "--fork-ratio"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"costs ([0-9.]+) times", result.stdout)
    return float(found[1]) if found else None


def bench(kernel, program, *words):
    """Lines of a program of bench/ as they come; whether it ended well."""
    command = [sys.executable, "-B", str(kernelbuild.ROOT / "bench" / program), str(kernel), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print("  " + line.rstrip(), flush=True)
    return process.returncode == 0


def _say(name, value, good=None):
    print(f"{name:<54} {value:<24}{'' if good is None else 'ok' if good else 'ABOVE THE LIMIT'}".rstrip(), flush=True)
    return good is not False


def _starts(kernel, image, count, bare):
    """Both sets of QEMU's arguments, and the same of bare QEMU."""
    good = True
    for name, extra, limit in (("QEMU's default devices", [], None), ("-nodefaults -no-user-config -vga none", machine.LEAN, LIMITS["start"])):
        times = start_times(kernel, image, extra, count)
        middle = statistics.median(times)
        good &= _say(f"start to prompt, {name}", f"{middle:.3f} s (best {min(times):.3f})", None if limit is None else middle <= limit)
        floor = start_times(bare, None, extra, count)
        _say("  of which bare QEMU", f"{statistics.median(floor):.3f} s")
    times = start_times(kernel, image, machine.LEAN, count, 2)
    good &= _say("start to prompt, two CPUs, lean", f"{statistics.median(times):.3f} s (best {min(times):.3f})", statistics.median(times) <= LIMITS["start"])
    return good


def add_arguments(parser):
    parser.add_argument("--kernel", help="another kernel")
    parser.add_argument("--starts", type=int, default=10, help="how many starts each time is the median of")
    parser.add_argument("--only", choices=["start", "size", "memory", "idle", "cpus", "fork"], help="one of them")


def run(args):
    packages.require("build", "qemu", "gcc")
    kernel = args.kernel or kernelbuild.build()
    image = initrd.shell_initrd(kernelbuild.BUILD / "shell.cpio")
    chosen = [args.only] if args.only else list(LIMITS)
    good = True
    if "start" in chosen:
        good &= _starts(kernel, image, args.starts, bare_kernel(kernelbuild.BUILD / "bare.bin"))
    if "size" in chosen:
        size = stripped_size(kernel)
        good &= _say("kernel without debugging information", f"{size / 1024:.0f} KiB", size <= LIMITS["size"])
    if "memory" in chosen:
        memory = smallest_memory(kernel, image)
        good &= _say(f"smallest memory with a working shell (initrd {os.path.getsize(image) / 2**20:.1f} MiB)", f"{memory} MiB",
                     memory is not None and memory <= LIMITS["memory"])
    if "idle" in chosen:
        for cpus in (1, 2, 8):
            load = idle_load(kernel, image, cpus)
            good &= _say(f"load of the host while the shell waits, CPUs: {cpus}", f"{load:.1f} %", load < LIMITS["idle"])
    if "cpus" in chosen:
        print("two CPUs, compared with one (this machine needs two cores with nothing else to do)")
        good &= bench(kernel, "smp.py", "--check")
        print("benchmarks that use one CPU, on two and on one (-icount)")
        good &= bench(kernel, "run.py", "--cpus=2", f"--limit={LIMITS['cpus']}", "--mb=64", "--ms=4")
    if "fork" in chosen:
        ratio = fork_ratio(kernel)
        good &= _say("fork() with 256 MiB, of that with 1 MiB (-icount)", f"{ratio} times", ratio is not None and ratio <= LIMITS["fork"])
    return 0 if good else 1
