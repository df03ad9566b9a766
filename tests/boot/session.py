# SPDX-License-Identifier: MIT
"""A machine in QEMU that a test talks to over its serial line, as a person at a terminal would."""
import atexit
import os
import pathlib
import re
import shutil
import signal
import sys

import pexpect

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import initrd as images  # noqa: E402
import machine as qemu  # noqa: E402

BUILD = ROOT / "build" / "boot-tests" / str(os.getpid())     # of this run alone: others may run beside it
BUILD.mkdir(parents=True, exist_ok=True)
atexit.register(shutil.rmtree, BUILD, ignore_errors=True)
PROMPT = re.compile(r"perigee:\S*[#$] ")
LIMIT_S = int(os.environ.get("PERIGEE_TEST_LIMIT", "120"))   # no answer for so long is a hang, on a busy host too
CPUS = int(os.environ.get("PERIGEE_TEST_CPUS", "1"))         # of a machine whose test does not say
ALL_OUTPUT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
_images = {}
# Not a way out of the machine: Ctrl-C and Ctrl-A are for the programs inside.
SERIAL = ["-display", "none", "-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line"]
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]


def kernel():
    return pathlib.Path(os.environ.get("PERIGEE_KERNEL", ROOT / "build" / "i386" / "perigee.elf"))


def plain(text):
    """Text without the terminal's controls."""
    return ALL_OUTPUT.sub("", text)


def script_initrd(name, script, extra=None):
    """An image whose /init is a shell script; its path."""
    cpio = images.base()
    cpio.add("init", 0o100755, script.encode())
    for path, (mode, data) in (extra or {}).items():
        cpio.add(path, mode, data)
    path = BUILD / f"{name}.cpio"
    path.write_bytes(cpio.finish())
    return path


def shell_image(files=None):
    """The image of the shell with more files, one for all machines of this run with the same ones."""
    key = tuple(sorted((files or {}).items()))
    if key not in _images:
        _images[key] = images.shell_initrd(BUILD / f"shell.{len(_images)}.cpio", files)
    return _images[key]


class Machine:
    """One QEMU. Everything that it printed is in `output`."""

    def __init__(self, initrd=None, append="", memory=128, extra=(), size=(24, 80), quiet=True, cpus=CPUS, files=None, lean=True, wait=True, command=None):
        if initrd is None and command is None:
            initrd = shell_image(files)
        words = ["console=ttyS0", "quiet" if quiet else "", "TERM=vt100", f"LINES={size[0]} COLUMNS={size[1]}",
                 os.environ.get("PERIGEE_EXTRA_APPEND", ""), append]
        if command is None:
            command = qemu.qemu_command(kernel(), initrd, " ".join(filter(None, words)), memory,
                                        [*(qemu.LEAN if lean else []), *SERIAL, *extra], cpus)
        self.child = pexpect.spawn(command[0], list(map(str, command[1:])), dimensions=size, timeout=LIMIT_S, encoding="utf-8",
                                   codec_errors="replace")
        self.child.delaybeforesend = None
        self.command, self.output = command, ""
        self.child.logfile_read = self
        if wait:
            self.prompt()

    def write(self, text):
        self.output += text

    def flush(self):
        """pexpect asks its log for it."""

    def expect(self, pattern, timeout=-1):
        """Waits for a regular expression; the match."""
        self.child.expect(pattern, timeout=timeout)
        return self.child.match

    def exact(self, text, timeout=-1):
        """Waits for this text; each end of line comes with returns, the guest's terminal's and the host's."""
        self.expect(re.escape(text).replace("\\\n", "\r+\n"), timeout)

    def prompt(self):
        self.expect(PROMPT)

    def send(self, keys):
        self.child.send(keys)

    def sendline(self, line=""):
        self.child.send(line + "\r")

    def run(self, command, timeout=-1):
        """Types a command of one line; (its output, its status)."""
        text = command if command.rstrip().endswith("&") else command + ";"
        self.sendline(f"echo B''EGIN; {text} echo E''ND:$?:")
        self.expect("BEGIN\r+\n", timeout)
        self.expect(r"END:(\d+):\r+\n", timeout)
        output, status = plain(self.child.before), int(self.child.match[1])
        self.prompt()
        return output, status

    def out(self, command, timeout=-1):
        """Output of a command that must end well, without the last end of line."""
        output, status = self.run(command, timeout)
        assert status == 0, f"{command!r} ended with status {status}: {output}"
        return output.rstrip("\n")

    def counts(self):
        """Free memory, processes and the like as the kernel counts them, without what it only keeps to be quick."""
        self.out("echo 3 >/proc/sys/vm/drop_caches")
        return self.out("cat /proc/perigee/counts")

    def back_to(self, before, tries=50):
        """Waits until counts() are as before (what has ended may be on its way out for a while), and says what differs if they never are."""
        for _ in range(tries):
            now = self.counts()
            if now == before:
                return
            self.out("sleep 0.1")
        raise AssertionError(f"before:\n{before}\nand now:\n{now}")

    def wait_until(self, command, wanted, tries=200):
        """Runs a command until it prints what is wanted (a state that another process reaches in its own time)."""
        for _ in range(tries):
            got = self.run(command)[0].strip()
            if got == wanted:
                return
        raise AssertionError(f"{command!r} prints {got!r} and never {wanted!r}")

    def end(self, timeout=-1):
        """Waits until QEMU ends by itself; its status."""
        self.child.expect(pexpect.EOF, timeout=timeout)
        self.child.close()
        return self.child.exitstatus

    def alive(self):
        return self.child.isalive()

    def kill(self):
        if self.child.isalive(): # close() alone waits for a tenth of a second, which a busy host makes too short
            self.child.kill(signal.SIGKILL)
            self.child.wait()
        self.child.close(force=True)

    def last_screen(self):
        return "\n".join(plain(self.output).split("\n")[-24:])
