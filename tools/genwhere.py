# SPDX-License-Identifier: MIT
"""docs/where-instructions-go.md: measures the benchmarks that its headings name again and writes the figures into its tables; the words stay.

    tools/genwhere.py docs/where-instructions-go.md [--kernel FILE] [--only PART]

A room that has no words yet gets a row with empty cells, which is said; one that has become small loses its row.
"""
import argparse
import datetime
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAST = 0.035                                       # of all instructions: smaller rooms are "other rooms"
MS = {"pipe_roundtrip": 20, "fork_exit_wait": 4, "vfork_exec_wait": 8}    # so that the beginning does not count for much
HEADING = re.compile(r"^## .* \(`(\w+)`\): ([\d,]+)$", re.M)
ROW = re.compile(r"^\| `([^`]+)` \| [^|]* \| [^|]* \| (.*?) \| (.*?) ?\|$", re.M)
TABLE = re.compile(r"(?<=\|---\|---:\|---:\|---\|---\|\n)(?:\|.*\n)+")
DATE = re.compile(r"(?<=taken apart by rooms of the kernel, )[\d-]+")


def _number(text):
    return int(text.replace(",", ""))


def measure(benchmark, kernel):
    """(instructions of one operation, all that were counted, those of the program, {room: its own})"""
    command = [sys.executable, "-B", str(ROOT / "tools" / "main.py"), "profile", "--bench", benchmark, "--rooms", "100", "--top", "0", *kernel, "--",
               f"ms={MS.get(benchmark, 1)}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    each = float(re.search(rf"^{benchmark}\t([\d.]+)", text, re.M)[1])
    whole, program = re.search(r"^([\d,]+) instructions: .*user ([\d,]+)", text, re.M).groups()
    rooms = {m[2]: _number(m[1]) for m in re.finditer(r"^ +([\d,]+) +[\d.]+%  (\S+)$", text.partition("by room")[2], re.M)}
    return each, _number(whole), _number(program), rooms


def rows(words, each, whole, program, rooms):
    """Lines of a table; words: {room: (what for, what could still go)}"""
    cells = lambda n: f"{100 * n / whole:.0f} % | {n / whole * each:,.0f}"  # noqa: E731
    large = {room: n for room, n in rooms.items() if n >= LEAST * whole}
    for room, n in large.items():
        what, rest = words.get(room, ("", ""))
        if not what:
            print(f"nothing is said of {room}")
        yield f"| `{room}` | {cells(n)} | {what} | {rest} |"
    yield f"| other rooms | {cells(whole - program - sum(large.values()))} | | |"
    yield f"| the program | {cells(program)} | | |"


def section(text, benchmark, kernel):
    """The section of one benchmark with new figures."""
    each, *counted = measure(benchmark, kernel)
    words = {m[1]: (m[2].strip(), m[3].strip()) for m in ROW.finditer(text)}
    text = HEADING.sub(lambda m: m[0][:-len(m[2])] + f"{each:,.0f}", text, count=1)
    return TABLE.sub(lambda _: "".join(line + "\n" for line in rows(words, each, *counted)), text, count=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--kernel", help="another kernel than the tree's")
    parser.add_argument("--only", default="", metavar="PART", help="benchmarks whose names contain PART")
    args = parser.parse_args()
    kernel = ["--kernel", args.kernel] if args.kernel else []
    head, *sections = re.split(r"(?m)^(?=## )", args.file.read_text(encoding="utf-8"))
    for i, text in enumerate(sections):
        found = HEADING.match(text)
        if found and args.only in found[1]:
            print(found[1], flush=True)
            sections[i] = section(text, found[1], kernel)
    text = DATE.sub(f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}", "".join([head, *sections]))
    args.file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
