#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where the CPUs are while N workers of bench/smp.c run at once: what keeps their ratio below N.

    smpwhere.py KERNEL NAME [--cpus N] [--samples N] [--pin] [--depth N]

The machine is stopped now and then by QEMU's monitor, and each CPU's place is read: the function and, along the chain of frame
pointers, its callers. Prints how often each was seen: waits for a lock (`spin_wait`, with who waits), idle, user mode, all else.
"""
import argparse
import bisect
import collections
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "tools"))
import elffile  # noqa: E402
import smp  # noqa: E402
from machine import LEAN, qemu_command  # noqa: E402

KERNEL_BASE = 0xC0000000
PAUSE_S, SETTLE_S = 0.01, 1.5


class Monitor:
    """QEMU's monitor for people."""
    PROMPT = b"(qemu) "

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self._answer()

    def _answer(self):
        data = b""
        while not data.endswith(self.PROMPT):
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("QEMU ended")
            data += more
        return data.decode(errors="replace")

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\n")
        return self._answer()


class Places:
    """What is at an address, from the kernel's symbols."""

    def __init__(self, kernel):
        found = sorted((s.value, s.name) for s in elffile.ElfFile(kernel).symbols() if s.kind in (elffile.FUNCTION, elffile.NOTYPE) and s.value >= KERNEL_BASE)
        self.starts, self.names = [a for a, _ in found], [n for _, n in found]

    def name(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        return self.names[at] if at >= 0 else hex(address)


def words(monitor, address, count):
    text = monitor.ask(f"x /{count}wx {address:#x}")
    found = re.findall(r"0x([0-9a-f]{8})", text.split("\n", 1)[1])
    return [int(w, 16) for w in found] if len(found) == count else None


def stack(monitor, ip, fp, places, depth):
    names = [places.name(ip)]
    for _ in range(depth):
        pair = words(monitor, fp, 2) if fp >= KERNEL_BASE and not fp & 3 else None
        if not pair or pair[1] < KERNEL_BASE:
            break
        names.append(places.name(pair[1]))
        fp = pair[0]
    return names


def sample(monitor, places, depth):
    """The place of each CPU, as one string."""
    monitor.ask("stop")
    found = []
    for number, part in enumerate(re.split(r"CPU#\d+", monitor.ask("info registers -a"))[1:]):
        register = {name: int(value, 16) for name, value in re.findall(r"\b(EIP|EBP)=([0-9a-f]{8})", part)}
        monitor.ask(f"cpu {number}")
        if "HLT=1" in part:
            found.append("idle")
        elif register["EIP"] < KERNEL_BASE:
            found.append("user mode")
        else:
            found.append(" < ".join(stack(monitor, register["EIP"], register["EBP"], places, depth)))
    monitor.ask("cont")
    return found


def watch(kernel, args):
    places, seen = Places(kernel), collections.Counter()
    words_for_smp = f"only={args.name} workers={args.cpus} ms=600000 repeats=1 pin={int(args.pin)} first={args.cpus}"
    with tempfile.TemporaryDirectory() as folder:
        extra = [*LEAN, "-monitor", f"unix:{folder}/monitor,server=on,wait=off", "-display", "none", "-serial", "stdio"]
        command = qemu_command(kernel, smp.make_initrd(), f"console=ttyS0 quiet panic=-1 -- {words_for_smp}", 512, extra, args.cpus)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as qemu:
            try:
                for line in qemu.stdout:
                    if line.startswith("begin"):
                        break
                time.sleep(SETTLE_S)        # until each has found its CPU
                monitor = Monitor(folder + "/monitor")
                for _ in range(args.samples):
                    time.sleep(PAUSE_S)
                    seen.update(sample(monitor, places, args.depth))
            finally:
                qemu.kill()
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("name", choices=smp.NAMES)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--depth", type=int, default=4, help="callers that are told apart")
    parser.add_argument("--top", type=int, default=25)
    parser.add_argument("--pin", action="store_true")
    args = parser.parse_args()
    seen = watch(args.kernel, args)
    total = sum(seen.values())
    waits = sum(n for place, n in seen.items() if place.startswith("spin_wait"))
    print(f"waits for locks {100 * waits / total:.1f} %, idle {100 * seen['idle'] / total:.1f} %, user mode {100 * seen['user mode'] / total:.1f} %")
    for place, count in seen.most_common(args.top):
        print(f"{100 * count / total:6.1f} %  {place}")


if __name__ == "__main__":
    main()
