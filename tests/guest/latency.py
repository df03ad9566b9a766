#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long preemption, and interrupts, are off at most while the guest tests run: in instructions, so with one CPU and `-icount`.

    latency.py [KERNEL] [--only PATTERN] [--limit N] [--top N]

KERNEL is a debug build (build/i386-debug/perigee.elf), whose tracer /proc/perigee/latency is. Prints the longest sections, each with where it began
and ended; the last line is `latency: N instructions at most`. Fails if that is more than the limit (50000), or a program does not end.
"""
import argparse
import pathlib
import re
import sys

import run

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 50000
HEAD = re.compile(r"(preempt|irq) cpu (\d+) cycles (\d+)$")
ICOUNT = ["-icount", "shift=0,sleep=off"]


class Sections(run.Parser):
    """Keeps the sections that the runner prints: {what it is and where it began: (cycles, program, lines)}, the longest of each."""

    def __init__(self):
        super().__init__(True)
        self.longest, self.now = {}, []

    def line(self, text):
        if text.startswith("latency "):
            self._section_line(text[len("latency "):])
        else:
            self._finish()
            super().line(text)

    def _section_line(self, text):
        if HEAD.match(text):
            self._finish()
        self.now.append(text)

    def _finish(self):
        match = HEAD.match(self.now[0]) if self.now else None
        if match:
            key = (match[1], *self.now[1:3])
            if key not in self.longest or self.longest[key][0] < int(match[3]):
                self.longest[key] = (int(match[3]), self.current or "start", self.now)
        self.now = []


def measure(kernel, pattern):
    """(sections, why the machine stopped early or None)"""
    chosen, case = run.select_tests(pattern)
    initrd = run.make_initrd(chosen)
    words = ["latency", "leaks=0", "only=" + ",".join(chosen)] + ([f"case={case}"] if case else [])
    command = run.qemu_command(kernel, initrd, " ".join(["console=ttyS0 quiet panic=-1 --", *words]), 256, ICOUNT)
    sections = Sections()
    try:
        why = run._watch(command, sections, None)
    finally:
        initrd.unlink()
    return sections, None if sections.ended else why or "the machine stopped"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", nargs="?", default=HERE.parent.parent / "build" / "i386-debug" / "perigee.elf")
    parser.add_argument("--only")
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("--top", type=int, default=8)
    args = parser.parse_args()
    sections, why = measure(args.kernel, args.only)
    ordered = sorted(sections.longest.values(), key=lambda each: -each[0])
    for _, program, lines in ordered[:args.top]:
        print(f"{program}: " + "\n  ".join(lines))
    if why:
        print("\n".join("  | " + line for line in sections.log))
    if why or not ordered:
        sys.exit(f"latency: {why or 'nothing was measured: is this a debug build?'}")
    print(f"latency: {ordered[0][0]} instructions at most")
    sys.exit(ordered[0][0] > args.limit)


if __name__ == "__main__":
    main()
