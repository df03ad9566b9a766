# SPDX-License-Identifier: MIT
"""The ISO: it boots from a CD and from a disk, to a shell on the screen and on the serial line."""
import subprocess

import pytest
from session import BUILD, SERIAL, images, kernel


@pytest.fixture(scope="module")
def iso():
    import image
    return image.make_image(kernel(), images.shell_initrd(BUILD / "iso.cpio"), BUILD / "perigee.iso")


def started(machine, *words):
    return machine(command=["qemu-system-i386", "-accel", "tcg", "-m", "128", "-nodefaults", "-vga", "std", "-no-reboot", *words, *SERIAL])


@pytest.mark.parametrize("how, cpus", [("cdrom", 1), ("disk", 1), ("cdrom", 2)])
def test_shell(machine, iso, how, cpus):
    m = started(machine, "-smp", str(cpus), *(["-cdrom", iso] if how == "cdrom" else ["-drive", f"file={iso},format=raw,snapshot=on"]))
    assert m.out("uname -s; seq 5 | tail -n 1; tty") == "Linux\n5\n/dev/ttyS0"
    assert m.out("nproc") == str(cpus)
    m.sendline("exit")
    assert m.end() == 0


def test_command_makes_it(tmp_path):
    from session import ROOT
    path = tmp_path / "p.iso"
    result = subprocess.run([ROOT / "perigee", "image", "-o", path], capture_output=True, text=True, check=True)
    assert str(path) in result.stdout and path.stat().st_size > 1 << 20
