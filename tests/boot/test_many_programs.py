# SPDX-License-Identifier: MIT
"""Busybox's applets and Debian's programs, each with a result that is known: the tables are in tests/boot/programs."""
import pytest
import program_cases
import programs_image
from session import CPUS, Machine

BUSYBOX, DEBIAN = program_cases.cases("busybox"), program_cases.cases("debian")
ALL = [("busybox", n, *case) for n, case in enumerate(BUSYBOX)] + [("debian", n, *case) for n, case in enumerate(DEBIAN)]


@pytest.fixture(scope="module")
def machine():
    m = Machine(files=programs_image.files(program_cases.files()), cpus=max(2, CPUS), memory=768)
    m.out("mount -t sysfs none /sys; mkdir -p /var/tmp /var/run /run; chmod 1777 /var/tmp; export LC_ALL=C TERM=vt100; stty cols 200")
    yield m
    m.kill()


@pytest.mark.parametrize("table,number,name,script,printed", ALL, ids=[f"{each[0]}-{each[2].replace(' ', '_')}" for each in ALL])
def test_program(machine, table, number, name, script, printed):
    output, _ = machine.run(f"/run-case {table}.{number}")
    if output.rstrip("\n") != printed:
        raise AssertionError(f"{name}: {script}\nprinted {output!r}\nand not {printed!r}\nerrors: {machine.run('cat /tmp/errors')[0]}")
