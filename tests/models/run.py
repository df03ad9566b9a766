#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the models of this folder with Spin: each must hold, and each of its faults (the lines BUG_... of its head comment) must be found.

Prints `name: ok (N states)` and `name BUG_X: found (N states)`; the status is 1 if anything is otherwise. All is bounded: a search that is not
complete (memory, depth, time) is a failure, too.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MIB = 1800
DEPTH = 400000


def bugs_of(model):
    """The faults that a model can be built with."""
    head = model.read_text().split("*/", 2)[1]
    return re.findall(r"^ \* (BUG_\w+) ", head, re.M)


def search(model, bug, seconds):
    """Runs one search. Returns (errors, states, complete, text)."""
    flags = [f"-D{bug}"] if bug else []
    with tempfile.TemporaryDirectory(prefix="model-") as tmp:
        made = subprocess.run(["spin", "-a", *flags, str(model)], cwd=tmp, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if made.returncode or "rror:" in made.stdout:
            return None, 0, False, made.stdout
        subprocess.run(["gcc", "-O0" if bug else "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DNOFAIR", f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"], cwd=tmp, check=True)
        try:
            ran = subprocess.run(["./pan", f"-m{DEPTH}", "-n"], cwd=tmp, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None, 0, False, f"not through after {seconds} s"
        text = ran.stdout
        if not bug and any(p.suffix == ".trail" for p in pathlib.Path(tmp).iterdir()):
            trail = subprocess.run(["spin", "-t", "-p", *flags, str(model)], cwd=tmp, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            text += trail.stdout
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    complete = "Search not completed" not in text and "max search depth too small" not in text
    return int(errors.group(1)) if errors else None, int(states.group(1)) if states else 0, complete, text


def check(model, bug, args):
    """One line of the report; True if it is as it should be."""
    began = time.monotonic()
    errors, states, complete, text = search(model, bug, args.seconds)
    good = errors and errors > 0 if bug else errors == 0 and complete
    name = f"{model.stem} {bug}" if bug else model.stem
    verdict = ("found" if bug else "ok") if good else "NOT FOUND" if bug and errors == 0 and complete else "FAILED"
    print(f"{name}: {verdict} ({states} states)" + (f" {time.monotonic() - began:.1f} s" if args.times else ""), flush=True)
    if not good:
        print("\n".join(text.splitlines()[-args.lines:]), flush=True)
    return bool(good)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help="models whose name has this in it")
    parser.add_argument("--no-bugs", action="store_true", help="not the faults")
    parser.add_argument("--seconds", type=int, default=300, help="time for one search (300)")
    parser.add_argument("--lines", type=int, default=80, help="how much is shown of what Spin says of a failure")
    parser.add_argument("--times", action="store_true")
    args = parser.parse_args()
    if not shutil.which("spin") or not shutil.which("gcc"):
        print("models: spin and gcc are needed (Debian packages of these names)", file=sys.stderr)
        return 1
    models = [m for m in sorted(HERE.glob("*.pml")) if not args.only or args.only in m.stem]
    if not models:
        print("no such model", file=sys.stderr)
        return 1
    results = [check(m, bug, args) for m in models for bug in [None] + ([] if args.no_bugs else bugs_of(m))]
    print(f"{sum(results)} of {len(results)} searches ended as they must")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
