# SPDX-License-Identifier: MIT
"""Figures of Debian's kernel that were measured before: of the same program, image, kernel, machine and QEMU instructions come out the same again."""
import hashlib
import json
import pathlib
import subprocess

import benchrun


def key(kernel, program, words, cpus, memory):
    """What all of that comes to, as a name."""
    qemu = subprocess.run(["qemu-system-i386", "--version"], capture_output=True, text=True, check=False).stdout
    parts = [pathlib.Path(kernel).read_bytes(), benchrun.image(program).read_bytes(), repr((words, cpus, memory, qemu)).encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def load(folder, program, name):
    """{benchmark: instructions}, or None when that was not measured."""
    path = folder / f"linux-{program}-{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def store(folder, program, name, figures):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"linux-{program}-{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
