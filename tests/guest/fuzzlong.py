#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The fuzzer (fuzz.c) for as many calls as are asked for, machine after machine, each with the next seed.

    fuzzlong.py KERNEL [--calls N] [--seed S] [--cpus C] [--memory M] [--seconds T] [--fail] [--log FILE]

A machine makes random calls for T seconds, and for as many again while leaks are looked for; its calls are counted as it tells them. Ends with status 1
when a machine died, hung, lost memory or harmed a watcher; the seed is in the line. `run.py KERNEL --only fuzz --append "SEED=S FUZZ_SECONDS=T TORTURE=N"` is
the same machine again. --fail lets allocations fail on the way (debug kernels). --log: a line for each machine is added to that file.
"""
import argparse
import re
import sys
import time

import run

IDLE_MOST = 5   # machines in a row that make no call, as on a host that is too busy to start one
LINE = re.compile(r"# fuzz seed \d+: (\d+) calls")


class Count:
    """The calls of one machine: each run tells sums, the last of a run (before a smaller one) counts."""

    def __init__(self):
        self.done = self.latest = 0

    def line(self, text):
        if match := LINE.search(text):
            now = int(match[1])
            if now < self.latest:
                self.done += self.latest
            self.latest = now

    def all(self):
        return self.done + self.latest


def one_machine(args, seed):
    """(calls, problems) of a machine with that seed."""
    count, plain = Count(), run.Parser.line
    scale = 2 + args.seconds // run_timeout()
    words = f"SEED={seed} FUZZ_SECONDS={args.seconds} TORTURE={scale}" + (" FUZZ_FAIL=1" if args.fail else "")

    def line(self, text):
        count.line(text)
        plain(self, text)

    run.Parser.line = line
    try:
        results = run.run_kernel(args.kernel, "fuzz", cpus=args.cpus, memory=args.memory, append=words, leaks=not args.fail, echo=False)
    finally:
        run.Parser.line = plain
    # with failing allocations the watchers fail, too: then only the machine counts
    bad = [r for r in results if not r.passed and (not args.fail or r.test == "machine")]
    if bad:
        run.show_failures(bad, f"{args.kernel} --cpus={args.cpus} --append='{words}'")
    return count.all(), bad


def run_timeout():
    """Seconds that the frame of the guest tests gives a test."""
    return int(re.search(r"define GUEST_TIMEOUT_S (\d+)", (run.HERE / "guest.h").read_text())[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", type=int, default=256)
    parser.add_argument("--seconds", type=int, default=100, help="at most 1000: the runner ends a program after 1200")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--log")
    args = parser.parse_args()
    made, seed, failures, idle, start = 0, args.seed, 0, 0, time.monotonic()
    while made < args.calls:
        calls, bad = one_machine(args, seed)
        made += calls
        failures += bool(bad)
        text = f"seed {seed}: {calls} calls, {made} in all, {time.monotonic() - start:.0f} s: {'; '.join(f'{r.name}: {r.reason}' for r in bad) or 'good'}"
        print(text, flush=True)
        if args.log:
            with open(args.log, "a", encoding="utf-8") as log:
                log.write(text + "\n")
        seed += 1
        idle = 0 if calls else idle + 1
        if idle == IDLE_MOST:
            print("no calls are made: given up")
            return 1
    print(f"fuzz: {made} calls, {failures} of {seed - args.seed} machines failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
