# SPDX-License-Identifier: MIT
"""Builds the kernel: `build(debug, compiler)` gives the path of perigee.elf. One build folder a variant, under build/."""
import pathlib
import subprocess
import sys

import packages

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def folder(debug=False, compiler="clang"):
    return BUILD / ("i386" + ("-debug" if debug else "") + ("-gcc" if compiler == "gcc" else ""))


def _run(command):
    """(worked, what it printed)"""
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.returncode == 0, result.stdout + result.stderr


def try_build(debug=False, compiler="clang"):
    """(path or None, the output of the build)"""
    packages.require("build", *(["gcc"] if compiler == "gcc" else []))
    where = folder(debug, compiler)
    setup = ["meson", "setup", str(where), "--cross-file", str(ROOT / "tools" / "cross" / f"i386-{compiler}.ini"),
             f"-Ddebug_checks={'true' if debug else 'false'}"]
    # The list of sources is taken when meson configures, so that it does each time.
    worked, text = _run([*setup, "--reconfigure"] if (where / "build.ninja").exists() else setup)
    if worked:
        worked, more = _run(["ninja", "-C", str(where)])
        text += more
    return (where / "perigee.elf" if worked else None), text


def build(debug=False, compiler="clang"):
    if not (folder(debug, compiler) / "perigee.elf").exists():
        print(f"building {folder(debug, compiler).relative_to(ROOT)}", file=sys.stderr, flush=True)
    path, text = try_build(debug, compiler)
    if path is None:
        sys.exit(text)
    return path
