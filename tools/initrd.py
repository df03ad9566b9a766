# SPDX-License-Identifier: MIT
"""Initrds: a writer of cpio archives, and the image of the shell with Debian's busybox."""
import os
import pathlib
import subprocess

import packages

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = pathlib.Path(__file__).resolve().parent


class Cpio:
    """A writer of cpio archives (newc, cpio(5))."""

    def __init__(self):
        self.parts, self.inode = [], 0

    def _put(self, data):
        self.parts.append(data + b"\0" * (-len(data) % 4))

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        self._put(b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0")
        self._put(data)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def write(path, data):
    """Writes a file that another process may be reading or writing: it is there whole, or as it was. Its path."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    return fresh.rename(path)


def applets(program):
    """The names busybox has; it is asked once, since it may not run on every host."""
    kept = packages.CACHE / "busybox.applets"
    if not kept.exists() or kept.stat().st_mtime < program.stat().st_mtime:
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=False)
        names = listed.stdout.split() if listed.returncode == 0 else _applets_from_strings(program)
        write(kept, "\n".join(names).encode())
    return kept.read_text().split()


def _applets_from_strings(program):
    """Busybox keeps its applets' names as one sorted run of strings that starts with `[`, `[[`."""
    data = program.read_bytes()
    start = data.index(b"\0[\0[[\0") + 1
    return [name.decode() for name in data[start:data.index(b"\0\0", start)].split(b"\0")]


def base():
    """An archive with the folders that a root has, /dev/console and busybox with all of its names."""
    program, cpio = packages.busybox(), Cpio()
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "var"):
        cpio.add(name, 0o041777 if name == "tmp" else 0o040755)
    cpio.add("dev/console", 0o020600, device=(5, 1))
    cpio.add("bin/busybox", 0o100755, program.read_bytes())
    for name in applets(program):
        if name != "busybox":
            cpio.add(f"bin/{name}", 0o120777, b"busybox")
    cpio.add("etc/passwd", 0o100644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n")
    cpio.add("etc/group", 0o100644, b"root:x:0:\nnogroup:x:65534:\n")
    cpio.add("etc/profile", 0o100644, (HERE / "guest" / "profile").read_bytes())
    return cpio


def shell_initrd(path, extra=None):
    """Writes the image of the shell, with extra files {name: (mode, bytes)}; its path."""
    cpio = base()
    cpio.add("init", 0o100755, (HERE / "guest" / "init.sh").read_bytes())
    cpio.add("bin/session", 0o100755, (HERE / "guest" / "session.sh").read_bytes())
    for name, (mode, data) in (extra or {}).items():
        cpio.add(name, mode, data)
    return write(path, cpio.finish())
