# SPDX-License-Identifier: MIT
"""The tables of `./perigee bench` in README.md and docs/figures.md, and what they come to in sentences."""
import pathlib
import re
import shutil

import benchtable

ROOT = pathlib.Path(__file__).resolve().parent.parent
ABOUT = re.compile(r"Linux is \S+, with mitigations=off; both in QEMU .*?\d{4}-\d\d-\d\d\.")
TABLE = re.compile(r"^\| benchmark .*\n(?:\|.*\n)+", re.M)
SUMMARY = re.compile(r"(?<=<!-- summary -->\n).*?(?=<!-- end of the summary -->)", re.S)
GROWTH = [("live", "fork_exit_wait", 10, 10000), ("live", "wake", 10, 10000), ("live", "exit", 10, 10000), ("runnable", "yield", 10, 1000),
          ("runnable", "fork_exit_wait", 10, 1000), ("runnable", "wake", 10, 1000), ("regions", "mmap_fault_munmap", 10, 10000)]


def _growth(figures, group, row, few, many):
    """How many times as much the row costs with many as with few; None when that was not measured."""
    before, after = (figures.get(f"{group}_{n}_{row}") for n in (few, many))
    return after / before if before and after else None


def summary(scale):
    """Lines: how costs grow with the number of things, and which rows need more than Linux."""
    lines = []
    for group, row, few, many in GROWTH:
        perigee, linux = (_growth(scale[kernel], group, row, few, many) for kernel in ("perigee", "linux"))
        if perigee and linux:
            lines.append(f"- `{group}`, `{row}`: from {few:,} to {many:,} it grows to {perigee:.2f} times (Linux: {linux:.2f}).")
    above = [f"`{name}` ({ratio:.2f})" for name, ratio in benchtable.ratios(scale).items() if ratio > 1]
    return [*lines, f"- Above Linux: {', '.join(above) or 'no row'}."]


def _put(path, tables, about, lines):
    """tables: {a row that says which table of the file is meant: its new lines}"""
    text = path.read_text(encoding="utf-8")
    for row, table in tables.items():
        old = next(m[0] for m in TABLE.finditer(text) if f"| {row} " in m[0])
        text = text.replace(old, "\n".join(table) + "\n")
    text = ABOUT.sub(lambda _: about, text)
    path.write_text(SUMMARY.sub(lambda _: "".join(line + "\n" for line in lines), text), encoding="utf-8")


def write(about, instructions, scale, picture):
    """All tables are there, of all benchmarks."""
    small, large = benchtable.table(instructions), benchtable.table(scale, with_means=False)
    _put(ROOT / "README.md", {"null_syscall": small}, about, [])
    _put(ROOT / "docs" / "figures.md", {"null_syscall": small, "live_10_fork_exit_wait": large}, about, summary(scale))
    shutil.copy(picture, ROOT / "docs" / "pictures" / "fork.svg")
