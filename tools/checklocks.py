#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares docs/locks.md with kernel/core/lockorder.h: the same classes in the same order, and the same division into sleeping and spin."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def in_code():
    text = (ROOT / "kernel/core/lockorder.h").read_text()
    names = re.findall(r"^\tX\((\w+)\)", text, re.MULTILINE)
    first_spin = re.search(r"#define LOCK_FIRST_SPIN LOCK_(\w+)", text).group(1)
    border = names.index(first_spin)
    return [(name, "sleeping" if i < border else "spin") for i, name in enumerate(names)]


def in_docs():
    text = (ROOT / "docs/locks.md").read_text()
    return [(name, kind.split(",")[0].strip()) for name, kind in re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)]


def main():
    code, docs = in_code(), in_docs()
    for i in range(max(len(code), len(docs))):
        a = code[i] if i < len(code) else None
        b = docs[i] if i < len(docs) else None
        if a != b:
            def show(entry):
                return f"{entry[0]} ({entry[1]})" if entry else "nothing more"
            sys.exit(f"docs/locks.md does not match kernel/core/lockorder.h: class {i + 1} is {show(a)} in the code, {show(b)} in the document")
    if not code:
        sys.exit("kernel/core/lockorder.h: no lock classes found")
    print(f"docs/locks.md: {len(code)} lock classes in the order of the code")


if __name__ == "__main__":
    main()
