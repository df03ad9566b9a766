#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs kbench on a kernel under `-icount`, where a nanosecond is one instruction, beside the figures of Debian's kernel.

    run.py KERNEL [--only PART] [--mb N] [--ms N] [--cpus N]
    run.py KERNEL --fork-ratio [LIMIT]     fails when fork() of 256 MB costs more than LIMIT (1.5) times fork() of 1 MB

The last column is this kernel's cost divided by Linux's: below 1 is better. With --cpus N > 1 the benchmarks run on a machine with N
CPUs and, in turn, on one with one CPU, and the other column is the latter: above 1 is what the other CPUs cost (--limit R fails above R).
One thread of QEMU runs all CPUs in turn then; an idle one takes no time.
"""
import argparse
import contextlib
import io
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent
sys.path.insert(0, str(TREE / "tools"))
import benchimage  # noqa: E402
from machine import qemu_command  # noqa: E402

LIMIT_S = 900


def make_initrd():
    return benchimage.make_initrd("kbench")


def measure(kernel, words, reference, cpus=1):
    """{benchmark: instructions}, printing each as it comes."""
    append = "console=ttyS0 quiet nokaslr norandmaps mitigations=off panic=-1 -- " + " ".join(words)
    command = qemu_command(kernel, make_initrd(), append, 1024, ["-icount", "shift=0,sleep=off"], cpus)
    figures = {}
    process = subprocess.Popen(["timeout", str(LIMIT_S), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                               errors="replace")
    for line in process.stdout:
        fields = line.rstrip().split("\t")
        if len(fields) != 3 or not fields[1].replace(".", "").isdigit():
            if fields[0] == "FAIL" or "panic" in line:
                print(line.rstrip())
            continue
        name, value = fields[0], float(fields[1])
        figures[name] = value
        ratio = f"{value / reference[name]:8.2f}" if reference.get(name) else ""
        print(f"{name:<28}{value:>14.1f}{reference.get(name, 0):>14.1f}{ratio}", flush=True)
    process.wait()
    return figures


def linux():
    rows = (line.split("\t") for line in (HERE / "linux-6.1-i386-icount.tsv").read_text().splitlines() if line[:1] != "#")
    return {r[0]: float(r[1]) for r in rows if len(r) >= 2}


def compare_cpus(args, words):
    """The same benchmarks with args.cpus CPUs and with one; the exit status."""
    with contextlib.redirect_stdout(io.StringIO()):
        one = measure(args.kernel, words, {})
    many = measure(args.kernel, words, one, args.cpus)
    above = {name: many[name] / value for name, value in one.items() if value and name in many}
    bad = [f"{name} {ratio:.2f}" for name, ratio in above.items() if args.limit and ratio > args.limit]
    if bad:
        print(f"above {args.limit}: " + ", ".join(bad))
    return 1 if bad or not above or len(above) < sum(map(bool, one.values())) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("--only", default="")
    parser.add_argument("--mb", type=int, default=256)
    parser.add_argument("--ms", type=int, default=10)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--limit", type=float, default=0)
    parser.add_argument("--fork-ratio", nargs="?", type=float, const=1.5)
    args = parser.parse_args()
    only = "fork_call" if args.fork_ratio else args.only
    words = [f"ms={args.ms}", f"mb={args.mb}"] + ([f"only={only}"] if only else [])
    other = "one CPU" if args.cpus > 1 else "Linux 6.1"
    print(f"{'benchmark':<28}{'instructions':>14}{other:>14}   ratio", flush=True)
    if args.cpus > 1:
        return compare_cpus(args, words)
    figures = measure(args.kernel, words, linux())
    if not args.fork_ratio:
        return 0 if figures else 1
    small, big = figures.get("fork_call_1MB"), figures.get(f"fork_call_{args.mb}MB")
    if not small or not big:
        sys.exit("fork was not measured")
    print(f"fork() of {args.mb} MB costs {big / small:.2f} times fork() of 1 MB (limit {args.fork_ratio})")
    return 0 if big / small <= args.fork_ratio else 1


if __name__ == "__main__":
    sys.exit(main())
