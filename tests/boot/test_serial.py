# SPDX-License-Identifier: MIT
"""A serial line whose other end reads slowly, or not at all: nothing is lost, and nobody waits but who writes there."""
import os
import socket
import subprocess

import pytest

from session import BUILD

STEP = 4096


class Line:
    """The other end of the machine's second serial line."""

    def __init__(self, machine):
        path = BUILD / f"line.{os.getpid()}"
        path.unlink(missing_ok=True)
        self.machine = machine(extra=["-chardev", f"socket,id=second,path={path},server=on,wait=off", "-serial", "chardev:second"])
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(path))
        path.unlink()
        self.machine.out("stty -F /dev/ttyS1 raw -echo")

    def read(self, least):
        """That many bytes, or what there was until the machine's end."""
        data = b""
        while len(data) < least and (more := self.socket.recv(STEP)):
            data += more
        return data


@pytest.fixture
def line(machine):
    return Line(machine)


def test_nothing_is_lost(line):
    expected = subprocess.run(["seq", "1", "20000"], capture_output=True, check=True).stdout
    line.machine.out("seq 1 20000 >/dev/ttyS1 &")
    for _ in range(5):
        assert line.machine.out("kill -0 $! && echo usable; ls /bin/busybox") == "usable\n/bin/busybox"
    assert line.read(len(expected)) == expected
    assert line.machine.run("wait $!")[1] == 0


def test_who_writes_can_be_stopped(line):
    line.machine.out("seq 1 20000 >/dev/ttyS1 &")
    assert line.read(4).startswith(b"1\n2\n")
    assert line.machine.run("kill $!; wait $!")[1] == 128 + 15


def test_settings_wait_for_the_output(line):
    """stty sets them when what was written has left (tcsetattr(3), TCSADRAIN)."""
    line.machine.out("printf %01500d 7 >/dev/ttyS1")       # less than what is queued in the kernel, and more than QEMU holds
    assert line.machine.run("timeout 1 stty -F /dev/ttyS1 sane")[1] == 128 + 15
    line.machine.out("stty -F /dev/ttyS1 sane &")
    assert line.read(1500) == b"0" * 1499 + b"7"
    assert line.machine.run("wait $!")[1] == 0


def test_machine_ends_with_output_on_its_way(line):
    line.machine.sendline("seq 1 400 >/dev/ttyS1; echo all wri''tten; poweroff -f")
    line.machine.exact("all written")
    assert line.read(10_000).decode().split() == list(map(str, range(1, 401)))
    assert line.machine.end() == 0
