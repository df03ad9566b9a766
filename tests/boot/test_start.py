# SPDX-License-Identifier: MIT
"""How it starts and ends: sizes of memory, machines without this or that, initrds of several makers, the command line, the last words."""
import gzip
import random
import re
import signal
import subprocess
import time

import pytest
from session import BUILD, DEBUG_EXIT, Machine, images, kernel, plain, script_initrd

SAY = """#!/bin/sh
mount -t proc proc /proc
echo "argv0=<$0>"
for word; do echo "arg=<$word>"; done
env | sort | sed 's/.*/env=<&>/'
echo said all
"""


@pytest.mark.parametrize("megabytes", [8, 16, 32, 64, 1024, 3072])
def test_memory(machine, megabytes):
    m = machine(memory=megabytes)
    total = int(re.search(r"Mem: +(\d+)", m.out("free -k"))[1]) / 1024
    assert megabytes * 0.97 - 2 < total <= megabytes
    assert m.out("seq 1 100 | wc -l") == "100"
    m.sendline("exit")
    assert m.end() == 0


def test_all_of_the_memory_is_used(machine):
    """A file of 2.5 GiB holds what was written to its last page."""
    m = machine(memory=3072)
    m.out("mkdir /tmp/big && mount -t tmpfs -o size=2800m big /tmp/big")
    m.out("dd if=/dev/zero of=/tmp/big/f bs=1M count=2500 2>/dev/null && echo last >>/tmp/big/f && tail -n 1 /tmp/big/f | grep -q last")
    free = int(re.search(r"Mem: +\d+ +\d+ +(\d+)", m.out("free -m"))[1])
    assert free < 700
    m.out("umount /tmp/big")
    assert int(re.search(r"Mem: +\d+ +\d+ +(\d+)", m.out("free -m"))[1]) > 2850


MACHINES = {
    "pc": [], "q35": ["-machine", "q35"], "no_acpi": ["-machine", "pc,acpi=off"], "no_apic": ["-cpu", "qemu32,-apic"],
    "no_hpet": ["-machine", "pc,hpet=off"], "pentium2": ["-cpu", "pentium2"], "pentium3": ["-cpu", "pentium3"], "max": ["-cpu", "max"],
    "core2duo": ["-cpu", "core2duo"], "n270": ["-cpu", "n270"],
    "bare": ["-cpu", "pentium2,-pge,-pse,-sep,-apic", "-machine", "pc,acpi=off,hpet=off"], "no_tsc": ["-cpu", "pentium2,-tsc"],
    "two_processors": ["-smp", "2"], "qboot": ["-bios", "qboot.rom"],
}


@pytest.mark.parametrize("kind", MACHINES)
def test_machine(machine, kind):
    m = machine(extra=MACHINES[kind])
    assert m.out("seq 1 10 | tail -n 1; sleep 0.1; echo up") == "10\nup"
    first = float(m.out("cut -d' ' -f1 /proc/uptime"))
    m.out("sleep 0.5")
    assert float(m.out("cut -d' ' -f1 /proc/uptime")) >= first + 0.5
    m.sendline("reboot -f")         # turning it off takes ACPI
    assert m.end() == 0


@pytest.mark.parametrize("word", ["acpi=off", "noapic", "nolapic", "acpi=off noapic nolapic", "vdso=0", "norandmaps", "maxcpus=1", "nosmp"])
def test_word(machine, word):
    m = machine(append=word)
    assert m.out("echo up; sleep 0.1") == "up"
    assert word in m.out("cat /proc/cmdline").replace("\n", "")


def khz_of(m):
    """The frequency of the clock, which the kernel measures as it starts."""
    return int(re.search(r"clock: TSC, (\d+) kHz", m.output)[1])


def test_a_host_that_hardly_lets_it_run(machine):
    """QEMU stands still most of the time while the kernel measures its clock and starts the other CPU: it has both all the same, and the right time."""
    wanted, slices = khz_of(machine(cpus=2, quiet=False)), random.Random(1)
    for _ in range(4):
        m = machine(cpus=2, quiet=False, wait=False)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            m.child.kill(signal.SIGSTOP)
            time.sleep(0.08)
            m.child.kill(signal.SIGCONT)
            time.sleep(slices.uniform(0.002, 0.03))
        m.prompt()
        assert abs(khz_of(m) - wanted) < wanted / 50
        assert m.out("nproc") == "2"


def test_calls_are_printed(machine):
    """strace=NAME: arguments of one register and of two, paths, none at all, and errors; other programs' are not."""
    m = machine(append="strace=truncate")
    m.out("truncate -s 5000000000 /tmp/x; env truncate -s 1 /; true")
    calls = [c.split("] ", 1)[1] for c in m.out("dmesg | sed -n 's/.*\\(\\[[0-9]* truncate] .*\\)/\\1/p'").split("\n")]
    assert {'openat(dirfd=-100, path="/tmp/x", flags=0104101, mode=0666) = 0x3', "ftruncate64(fd=3, len=5000000000) = 0x0", "close(fd=3) = 0x0",
            'openat(dirfd=-100, path="/", flags=0104101, mode=0666) = -21', "getuid() = 0x0"} <= set(calls)
    assert "truncate" not in m.out("dmesg | grep ' sh] '; true")


def test_other_processors(machine):
    m = machine(cpus=4, append="maxcpus=4", quiet=False)
    assert m.out("seq 1 100 | sort -n | tail -n 1; sleep 0.1") == "100"
    assert "4 of 4 CPUs run" in m.output


def test_words_reach_init(machine):
    """As Linux does it: words of the kernel's stay with it, NAME=VALUE are for the environment, others and what is behind -- arguments."""
    m = machine(initrd=script_initrd("say", SAY), append='single other="with space" A=1 some.module=off acpi=off -- "two words" B=2 last', wait=False)
    m.exact("said all")
    text = plain(m.output)
    assert re.findall("arg=<(.*)>", text) == ["single", "two words", "B=2", "last"]
    environment = set(re.findall("env=<(.*)>", text))
    assert {"other=with space", "A=1", "HOME=/", "TERM=vt100"} <= environment
    assert not any(e.startswith(("acpi", "console", "quiet", "B=", "some.module")) for e in environment)


def test_rdinit_and_init(machine):
    other = {"bin/other": (0o100755, b'#!/bin/sh\necho "other as <$0>"\n')}
    image = script_initrd("other", "#!/bin/sh\necho the usual\n", other)
    m = machine(initrd=image, append="rdinit=/bin/other", wait=False)
    m.exact("other as </bin/other>")
    cpio = images.base()
    cpio.add("bin/other", *other["bin/other"])
    path = BUILD / "no-init.cpio"
    path.write_bytes(cpio.finish())
    m = machine(initrd=path, append="init=/bin/other", wait=False)
    m.exact("other as </bin/other>")
    cpio = images.Cpio()
    for name, mode, data in (("bin", 0o040755, b""), ("dev", 0o040755, b""), ("bin/sh", 0o100755, images.packages.busybox().read_bytes())):
        cpio.add(name, mode, data)
    path.write_bytes(cpio.finish())
    assert machine(initrd=path, append='PS1="perigee:bare# "').out("echo $$") == "1"     # the last of the usual places: /bin/sh


@pytest.mark.parametrize("status", [0, 1, 7, 63])
def test_status_of_init(machine, status):
    m = machine(initrd=script_initrd(f"exit{status}", f"#!/bin/sh\nexit {status}\n"), append="debug_exit=0xf4", extra=DEBUG_EXIT, quiet=False, wait=False)
    m.exact(f"init exited with status {status}")
    assert m.end() == 2 * status + 1


def test_init_killed_by_a_fault(machine):
    text = "#!/bin/sh\nmount -t proc proc /proc\nulimit -c 0\nexec sh -c 'kill -SEGV $$; exit 5'\n"
    m = machine(initrd=script_initrd("fault", text), append="debug_exit=0xf4", extra=DEBUG_EXIT, quiet=False, wait=False)
    # A signal without a handler does nothing to init.
    m.exact("init exited with status 5")
    assert m.end() == 11


def test_no_init_panics(machine):
    cpio = images.Cpio()
    cpio.add("dev", 0o040755)
    path = BUILD / "empty.cpio"
    path.write_bytes(cpio.finish())
    m = machine(initrd=path, append="debug_exit=0xf4", extra=DEBUG_EXIT, wait=False)
    m.exact("Kernel panic: ")
    m.exact("no init found")
    m.expect(r"ip [0-9a-f]{8} sp [0-9a-f]{8}")
    m.exact("backtrace:")
    m.expect(r"[0-9a-f]{8} \w+\+0x[0-9a-f]+/0x[0-9a-f]+\r+\n")
    m.exact("---[ end of panic ]---")
    assert m.end() == 2 * 0x7f + 1
    assert "MiB of memory" in m.output, "the log's last lines are shown, though the console was quiet"


def test_requested_init_missing_panics(machine):
    cpio = images.base()
    path = BUILD / "bare.cpio"
    path.write_bytes(cpio.finish())
    m = machine(initrd=path, append="init=/no/such debug_exit=0xf4", extra=DEBUG_EXIT, wait=False)
    m.exact("Kernel panic: ")
    m.exact("requested init /no/such failed")
    assert m.end() == 2 * 0x7f + 1


def test_no_initrd_panics(machine):
    from session import SERIAL, qemu
    m = machine(command=qemu.qemu_command(kernel(), None, "console=ttyS0 debug_exit=0xf4", 64, [*qemu.LEAN, *SERIAL, *DEBUG_EXIT]), wait=False)
    m.exact("no init found")
    assert m.end() == 2 * 0x7f + 1


def test_panic_restarts(machine):
    """panic=-1: at once. With -no-reboot that ends QEMU."""
    m = machine(initrd=BUILD / "empty.cpio" if (BUILD / "empty.cpio").exists() else script_initrd("none", "nothing"), append="panic=-1 rdinit=/x init=/x",
                wait=False)
    m.exact("Kernel panic: ")
    assert m.end() == 0


def test_panic_on_request(machine):
    m = machine(append="debug_exit=0xf4", extra=DEBUG_EXIT)
    m.sendline("echo c >/proc/sysrq-trigger")
    m.exact("Kernel panic: ")
    m.expect(r"process: \w+")
    m.exact("backtrace:")
    m.expect(r"[0-9a-f]{8} \w*sysrq\w*\+0x")
    m.exact("dispatch_syscall+0x")
    m.exact("---[ end of panic ]---")
    assert m.end() == 2 * 0x7f + 1


@pytest.mark.parametrize("command", ["poweroff -f", "reboot -f", "poweroff", "reboot", "kill -USR2 1"])
def test_machine_ends(machine, command):
    m = machine()
    m.sendline(command)
    assert m.end() == 0


def test_halt(machine):
    """A halted machine is there and does nothing: QEMU's monitor says so."""
    m = machine(extra=["-monitor", f"unix:{BUILD}/monitor,server=on,wait=off"])
    m.sendline("halt -f")
    m.exact("halt")
    with pytest.raises(Exception):
        m.exact("perigee:", timeout=2)
    assert m.alive()


def test_gzipped_initrd(machine):
    path = BUILD / "shell.cpio.gz"
    path.write_bytes(gzip.compress(images.shell_initrd(BUILD / "plain.cpio").read_bytes()))
    assert machine(initrd=path).out("echo unpacked") == "unpacked"


def test_initrds_one_behind_the_other(machine):
    """A plain archive and a gzipped one in one file, as Linux takes them: the later one's files win."""
    cpio = images.Cpio()
    cpio.add("added", 0o100644, b"of the second\n")
    path = BUILD / "two.cpio"
    first = images.shell_initrd(BUILD / "plain.cpio", {"added": (0o100644, b"of the first\n")}).read_bytes()
    path.write_bytes(first + gzip.compress(cpio.finish()))
    assert machine(initrd=path).out("cat /added") == "of the second"


def test_damaged_initrd_is_said(machine):
    path = BUILD / "damaged.cpio.gz"
    path.write_bytes(gzip.compress(b"no archive at all" * 100)[:200])
    m = machine(initrd=path, append="debug_exit=0xf4", extra=DEBUG_EXIT, wait=False)
    m.expect("initrd: (damaged|.*not understood)")
    m.exact("no init found")
    assert m.end() == 2 * 0x7f + 1


def test_initramfs_of_cpio_and_gzip(machine, tmp_path):
    """cpio -o -H newc | gzip, over a folder of this machine."""
    root = tmp_path / "root"
    for name in ("bin", "dev", "proc", "etc"):
        (root / name).mkdir(parents=True)
    (root / "bin" / "busybox").write_bytes(images.packages.busybox().read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    for name in ("sh", "mount", "ls", "cat", "setsid"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "init").write_text("#!/bin/sh\nmount -t proc proc /proc\nexport PS1='perigee:# '\nexec setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'\n")
    (root / "init").chmod(0o755)
    (root / "etc" / "first").write_text("linked\n")
    (root / "etc" / "second").hardlink_to(root / "etc" / "first")
    path = BUILD / "debian.cpio.gz"
    subprocess.run(f"find . | cpio --quiet -o -H newc -R 0:0 | gzip >{path}", shell=True, cwd=root, check=True)
    m = machine(initrd=path)
    assert m.out("echo /*c; cat /etc/second") == "/etc /proc\nlinked"
    assert m.out("ls -l /etc/first").split()[1] == "2"


def test_strace_word(machine):
    m = machine(append="strace", quiet=False, initrd=script_initrd("strace", "#!/bin/sh\nexec /bin/cat /no/such\n"), wait=False)
    m.expect(r"\[1 \w+\] execve\(")
    m.expect(r"\[1 cat\] openat\(dirfd=-100, path=\"/no/such\", flags=0100000, mode=00\) = -2")


def test_strace_of_one_program(machine):
    m = machine(append="strace=cat", quiet=False)
    m.sendline("cat /no/such; ls /no/such")
    m.expect(r"\[\d+ cat\] openat\(dirfd=-100, path=\"/no/such\"")
    m.exact("ls: /no/such: No such file")
    m.prompt()
    assert set(re.findall(r"\[\d+ (\w+)\] \w+\(", m.output)) == {"cat"}


def test_log(machine):
    m = machine(quiet=False)
    assert re.search(r"\[ +0\.\d+\] .*Perigee: 1\d\d MiB of memory", m.output)
    assert "MiB of memory" in m.out("dmesg")


def debian_initramfs(path):
    """The archive that Debian's mkinitramfs packs: its own /init and scripts, with klibc's programs and shared library and with busybox."""
    fetch = images.packages.fetch
    tools = fetch("initramfs-tools-core")
    share = tools / "usr" / "share" / "initramfs-tools"
    cpio = images.Cpio()
    for name in ("bin", "sbin", "conf", "conf/conf.d", "etc", "lib", "run", "scripts"):
        cpio.add(name, 0o040755)
    for folder in ("init-top", "init-premount", "local-top", "local-premount", "local-block", "local-bottom", "init-bottom", "panic"):
        cpio.add(f"scripts/{folder}", 0o040755)
        cpio.add(f"scripts/{folder}/ORDER", 0o100644)
    files = {"init": share / "init", "conf/initramfs.conf": tools / "etc" / "initramfs-tools" / "initramfs.conf",
             "bin/busybox": images.packages.busybox()}
    files |= {f"scripts/{name}": share / "scripts" / name for name in ("functions", "local", "nfs")}
    files |= {f"lib/{found.name}": found for found in (fetch("libklibc") / "lib").glob("klibc-*.so")}
    files |= {f"bin/{found.name}": found for found in (fetch("klibc-utils") / "usr" / "lib" / "klibc" / "bin").iterdir() if found.is_file()}
    for name, source in files.items():
        cpio.add(name, 0o100755, source.read_bytes())
    cpio.add("conf/arch.conf", 0o100644, b"DPKG_ARCH=i386\n")
    path.write_bytes(gzip.compress(cpio.finish()))
    return path


def test_initramfs_of_debian(machine):
    """Its init mounts, reads the command line and stops where it is asked to; its dynamically linked shell and programs run."""
    m = machine(initrd=debian_initramfs(BUILD / "initramfs-tools.gz"), append="break=mount root=/dev/none", wait=False)
    m.exact("Spawning shell within the initramfs")
    m.sendline("PS1='perigee:# '")
    m.prompt()
    output = m.out("/bin/sh -c 'echo klibc says $((6*7))'; /bin/uname -sm; /bin/cat /proc/cmdline; /bin/ls /dev/null /run")
    assert "klibc says 42\nLinux i686\n" in output and "break=mount" in output and "/dev/null" in output
    assert "proc on /proc" in m.out("busybox mount") and "on /run" in m.out("busybox mount")
