# SPDX-License-Identifier: MIT
"""Builds the kernel: `build(debug, compiler, sanitize)` gives the path of perigee.elf. One build folder a variant, under build/.

build/host has the programs of the host tests, which run the kernel's sources on this machine."""
import contextlib
import fcntl
import json
import pathlib
import re
import subprocess
import sys

import packages

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def folder(debug=False, compiler="clang", sanitize=False):
    return BUILD / ("i386" + ("-sanitize" if sanitize else "-debug" if debug else "") + ("-gcc" if compiler == "gcc" else ""))


def _run(command, progress=None):
    """(worked, what it printed); says what it does when that takes longer than a moment."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        text = process.communicate(timeout=1.5 if progress else None)[0]
    except subprocess.TimeoutExpired:
        print(progress, file=sys.stderr, flush=True)
        text = process.communicate()[0]
    return process.returncode == 0, text


@contextlib.contextmanager
def _alone_in(where):
    """Only one process at a time builds in a folder: neither meson nor ninja sees to that."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{where.name}.lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_build(debug=False, compiler="clang", sanitize=False):
    """(path or None, the output of the build). sanitize: with the compiler's sanitizers, and all checks."""
    packages.require("build", *(["gcc"] if compiler == "gcc" else []))
    where = folder(debug, compiler, sanitize)
    with _alone_in(where):
        return _try_build(where, debug, compiler, sanitize)


def _try_build(where, debug, compiler, sanitize):
    setup = ["meson", "setup", str(where), "--cross-file", str(ROOT / "tools" / "cross" / f"i386-{compiler}.ini"),
             f"-Ddebug_checks={'true' if debug or sanitize else 'false'}", f"-Dsanitize={'true' if sanitize else 'false'}"]
    # The list of sources is taken when meson configures; ninja sees to everything else that changes.
    listed, kept = _run(["/usr/bin/python3", str(ROOT / "tools" / "listsources.py")])[1], where / "sources.list"
    worked, text = True, ""
    if not (where / "build.ninja").exists():
        worked, text = _run(setup)
    elif not kept.exists() or kept.read_text() != listed:
        worked, text = _run([*setup, "--reconfigure"])
    if worked:
        kept.write_text(listed)
        worked, more = _run(["ninja", "-C", str(where)], f"building {where.relative_to(ROOT)}")
        text += more
    return (where / "perigee.elf" if worked else None), text


def build_host():
    """Builds the host tests."""
    where = BUILD / "host"
    setup = ["meson", "setup", str(where)]
    with _alone_in(where):
        worked, text = _run([*setup, "--reconfigure"] if (where / "build.ninja").exists() else setup)
        if worked:
            worked, more = _run(["ninja", "-C", str(where)], "building the host tests")
            text += more
    if not worked:
        sys.exit(text)


def host_tests(suite):
    """{name: command} of the host tests of one suite."""
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", str(BUILD / "host")], capture_output=True, check=True).stdout)
    return {test["name"]: test["cmd"] for test in listed if any(s.split(":")[-1] == suite for s in test["suite"])}


def test_functions(command):
    """The names of the test functions of a cmocka program: its symbols that some test source puts in a list of tests."""
    listed = set()
    for source in (ROOT / "kernel").glob("*/test/*.c"):
        listed.update(re.findall(r"(?:cmocka_unit_test\w*|CASE)\((test_\w+)", source.read_text()))
    symbols = subprocess.run(["nm", "--defined-only", command[0]], capture_output=True, text=True, check=True).stdout
    return sorted(line.split()[2] for line in symbols.splitlines() if line.split()[1] in "tT" and line.split()[2] in listed)


def build(debug=False, compiler="clang", sanitize=False):
    path, text = try_build(debug, compiler, sanitize)
    if path is None:
        sys.exit(text)
    return path
