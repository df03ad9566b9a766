#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much more N CPUs bring than one: bench/smp.c on a kernel and on Debian's, in machines that take turns.

    smp.py KERNEL [--only PART] [--cpus N] [--ms N] [--repeats N] [--rounds N] [--pin] [--no-linux]

Each loop runs once and then N times at once; `ratio` is the throughput of the N together divided by that of the one, the median over
all pairs of runs. QEMU gives each CPU a thread of this machine, so N of its cores should have nothing else to do: the ratio of `spin`,
which only computes, tells what they could give. `free` is what the ratio would be on a host with nothing else to do: the speed per
second that the host ran QEMU's threads, times the seconds for which they wanted to run. Ends with status 1 when a ratio is below its limit (--check).
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent
sys.path.insert(0, str(TREE / "tools"))
import benchimage  # noqa: E402
import packages  # noqa: E402
from machine import LEAN, qemu_command  # noqa: E402

NAMES = ["spin", "call", "trap", "fork_exit", "fork_exec", "fault", "create", "pipe_pair", "thread_fault", "thread_refault"]
LIMITS = {"fork_exit": 1.8, "fault": 1.8, "create": 1.8, "pipe_pair": 1.8, "thread_fault": 1.6}
LIMIT_S = 300


def make_initrd():
    return benchimage.make_initrd("smp", ("-Wall", "-Wextra", "-Werror"))


def host_ns(pid):
    """For how long the threads of a process have run, and have run or waited for a CPU of the host."""
    ran = wanted = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            on, waited, _ = map(int, (task / "schedstat").read_text().split())
        except (OSError, ValueError):
            continue        # ended just now
        ran, wanted = ran + on, wanted + on + waited
    return ran, wanted


class Runs:
    """What one kernel did in one benchmark: operations per second, for 1 and for N workers, as they were and as a free host would have had them."""

    def __init__(self):
        self.wall, self.free = {}, {}

    def add(self, workers, operations, ns, ran_ns, wanted_ns):
        speed = operations * 1e9 / ns
        self.wall.setdefault(workers, []).append(speed)
        self.free.setdefault(workers, []).append(speed * wanted_ns / max(ran_ns, 1))

    def speed(self, workers):
        return statistics.median(self.wall[workers])

    @staticmethod
    def ratio(speeds, workers):
        return statistics.median(many / one for one, many in zip(speeds[1], speeds[workers]))


def measure(kernel, initrd, name, args, runs):
    """Boots the kernel, lets it run one benchmark, and adds what it did to runs; False when it failed."""
    words = [f"only={name}", f"workers={args.cpus}", f"ms={args.ms}", f"repeats={args.repeats}", f"pin={int(args.pin)}"]
    append = "console=ttyS0 quiet mitigations=off panic=-1 -- " + " ".join(words)
    command = qemu_command(kernel, initrd, append, 512, LEAN, cpus=args.cpus)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as qemu:
        end, before, text = time.monotonic() + LIMIT_S, (0, 0), []
        for line in qemu.stdout:
            text.append(line)
            fields = line.split()
            if fields[:1] == ["begin"]:
                before = host_ns(qemu.pid)
            elif fields[:1] == ["end"] and len(fields) == 5:
                ran, wanted = host_ns(qemu.pid)
                runs.add(*map(int, fields[2:]), ran - before[0], wanted - before[1])
            if fields[:1] == ["FAIL"] or "panic" in line or time.monotonic() > end:
                break
        qemu.kill()
    if "done\n" not in "".join(text).replace("\r", ""):
        print("".join(text[-20:]) + f"{name} failed on {kernel}")
        return False
    return True


def show(name, found, args):
    """A line of the table; whether the ratio is good enough."""
    fields, good = [f"{name:<16}"], True
    for title in found:
        runs = found[title]
        fields.append(f"{runs.speed(1):>12.0f}{runs.speed(args.cpus):>12.0f}{runs.ratio(runs.wall, args.cpus):>7.2f}{runs.ratio(runs.free, args.cpus):>7.2f}")
    if name in LIMITS and args.check:
        runs = found["Perigee"]
        good = runs.ratio(runs.wall, args.cpus) >= LIMITS[name]
        fields.append(f"  {'ok' if good else 'below'} {LIMITS[name]}")
    print("".join(fields), flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("--only", default="")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--ms", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs in one machine")
    parser.add_argument("--rounds", type=int, default=2, help="machines of each kernel for each benchmark")
    parser.add_argument("--pin", action="store_true", help="each worker on a CPU of its own, by sched_setaffinity")
    parser.add_argument("--no-linux", action="store_true")
    parser.add_argument("--check", action="store_true", help="compare with the limits that two CPUs have")
    args = parser.parse_args()
    packages.require("qemu")
    kernels = {"Perigee": args.kernel} | ({} if args.no_linux else {"Linux": packages.linux()})
    initrd, good = make_initrd(), True
    print(f"{args.cpus} workers, {args.ms} ms, {args.rounds} x {args.repeats} pairs of runs; operations per second")
    print(" " * 16 + "".join(f"{f'{title}, 1':>12}{args.cpus:>12}{'ratio':>7}{'free':>7}" for title in kernels), flush=True)
    for name in NAMES:
        if args.only not in name:
            continue
        found = {title: Runs() for title in kernels}
        done = [measure(kernel, initrd, name, args, found[title]) for _ in range(args.rounds) for title, kernel in kernels.items()]
        good = all(done) and show(name, found, args) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
