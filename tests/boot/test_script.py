# SPDX-License-Identifier: MIT
"""A script of two hundred lines: it prints on Perigee what it prints on this machine, run by the same program."""
import difflib
import pathlib
import subprocess

import pytest
from session import images

SCRIPT = pathlib.Path(__file__).resolve().parent / "scripts" / "long.sh"
FILES = {"root/long.sh": (0o100755, SCRIPT.read_bytes())}


def on_the_host(folder):
    """What the script prints here, or the reason that i386 programs do not run here."""
    environment = {"PATH": "/bin:/usr/bin", "HOME": "/root"}
    try:
        result = subprocess.run([images.packages.busybox(), "sh", SCRIPT, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env=environment, check=False)
    except OSError as error:
        pytest.fail(f"busybox for i386 does not run on this machine: {error}")
    assert result.returncode == 0, result.stdout
    return result.stdout.splitlines()


def test_long_script(shell, tmp_path):
    wanted = on_the_host(tmp_path)
    assert len(SCRIPT.read_text().splitlines()) >= 200 and len(wanted) > 100
    output, status = shell.run("sh long.sh >/tmp/out 2>&1; echo $?; cat /tmp/out")
    different = "\n".join(difflib.unified_diff(["0", *wanted], output.splitlines(), "the host", "Perigee", lineterm=""))
    assert status == 0 and not different, different


def test_long_script_leaves_nothing(shell):
    """Free memory, processes and the like are where they were after a first run; the shell itself may grow, in the first rounds."""
    seen = []
    for _ in range(6):
        shell.out("sh long.sh >/tmp/out 2>&1")
        seen.append(shell.counts())
    assert seen[-1] == seen[-2] == seen[-3], "\n".join(seen)
