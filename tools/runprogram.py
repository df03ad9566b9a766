# SPDX-License-Identifier: MIT
"""`./perigee run -- PROGRAM ARG...`: one static i386 program of the host, run on Perigee as if it ran here.

Its terminal is this terminal; a stream that is not a terminal here is a pipe there, and its bytes travel unchanged in frames over the
machine's second serial line (tools/guest/runprogram.c says how). The exit status is the program's, 128 + signal when one killed it,
127 or 126 when it cannot be started, and 125 when the machine itself failed.
"""
import os
import pathlib
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios

import initrd
import kernelbuild
import machine
import packages

HERE = pathlib.Path(__file__).resolve().parent
FAILED = 125
INPUT_MAX = 1024


def _init_program():
    """The first program, compiled when it is older than its source."""
    source, program = HERE / "guest" / "runprogram.c", kernelbuild.BUILD / "tools" / "runprogram"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        packages.require("gcc")
        program.parent.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", "-m32", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror", "-o", fresh, source], check=True)
        fresh.rename(program)
    return program


def _image(words, letters):
    """An initrd with the program at /run/program and what it needs to start."""
    program = pathlib.Path(words[0])
    found = program if program.parent != pathlib.Path(".") or program.exists() else pathlib.Path(shutil.which(words[0]) or words[0])
    try:
        data = found.read_bytes()
    except OSError as error:
        print(f"perigee: {words[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)
    cpio = initrd.base()
    cpio.add("run", 0o040755)
    cpio.add("run/program", 0o100755, data)
    cpio.add("run/arguments", 0o100644, b"".join(os.fsencode(word) + b"\0" for word in [letters, "/", *words]))
    cpio.add("init", 0o100755, _init_program().read_bytes())
    return cpio.finish()


class Carrier:
    """The host's end of the second serial line."""

    def __init__(self, line, letters):
        self.line, self.letters, self.rest, self.status = line, letters, b"", None
        self.selector = selectors.DefaultSelector()
        self.selector.register(line, selectors.EVENT_READ, self._from_guest)

    def _listen(self):
        """Watches standard input: a frame is sent only when the guest asked for one."""
        try:
            self.selector.register(0, selectors.EVENT_READ, self._from_stdin)
        except (PermissionError, ValueError, OSError):
            self._from_stdin()      # a plain file is always ready

    def _from_stdin(self):
        try:
            self.selector.unregister(0)
        except (KeyError, ValueError):
            pass
        try:
            data = os.read(0, INPUT_MAX)
        except OSError:
            data = b""
        try:
            self.line.sendall(b"i" + struct.pack("<H", len(data)) + data)
        except OSError:
            pass                    # the machine is off already; what it sent before is still to be read

    def _from_guest(self):
        try:
            data = self.line.recv(65536)
        except ConnectionResetError:
            data = b""              # it closed the line without reading all of the input
        if not data:
            return False
        self.rest += data
        while len(self.rest) >= 3:
            length = struct.unpack_from("<H", self.rest, 1)[0]
            if len(self.rest) < 3 + length:
                break
            kind, body, self.rest = self.rest[:1], self.rest[3:3 + length], self.rest[3 + length:]
            self._frame(kind, body)
        return True

    def _frame(self, kind, body):
        if kind in (b"o", b"e"):
            fd = 1 if kind == b"o" else 2
            try:
                while body:
                    body = body[os.write(fd, body):]
            except OSError:
                pass                # nobody reads here any more
        elif kind == b"a":
            if self.letters[0] == "p":
                self._listen()
        elif kind == b"s":
            self.status = struct.unpack("<I", body)[0]

    def carry(self):
        """Until the machine closes the line; the wait status, or None."""
        while True:
            for key, _ in self.selector.select():
                if key.data() is False:
                    return self.status


def _exit_code(status):
    return 128 + (status & 0x7f) if status & 0x7f else status >> 8 & 0xff


def run(kernel, words, args):
    """Runs the program words[0] with its arguments; the exit code for the host."""
    terminal = [os.isatty(fd) for fd in (0, 1, 2)]
    whole = terminal[0] and terminal[1]     # with a pipe on either side the other one is carried, too
    letters = "".join("t" if whole and is_one else "p" for is_one in terminal)
    with tempfile.TemporaryDirectory(prefix="perigee-") as folder:
        image = pathlib.Path(folder) / "program.cpio"
        image.write_bytes(_image(words, letters))
        server = socket.socket(socket.AF_UNIX)
        server.bind(folder + "/line")
        server.listen(1)
        log = folder + "/console"
        first = ["-chardev", "stdio,id=first,mux=off,signal=off"] if whole else ["-chardev", f"file,id=first,path={log}"]
        extra = [*machine.LEAN, "-display", "none", *first, "-serial", "chardev:first", "-chardev", f"socket,id=second,path={folder}/line",
                 "-serial", "chardev:second"]
        append = f"console=ttyS0 quiet panic=-1 {machine.terminal_words()} {args.append}"
        saved = termios.tcgetattr(0) if terminal[0] else None
        process = subprocess.Popen(machine.qemu_command(kernel, image, append, args.memory, extra, args.cpus),
                                   stdin=None if whole else subprocess.DEVNULL)
        try:
            line, _ = server.accept()
            status = Carrier(line, letters).carry()
            process.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            process.kill()
            process.wait()
            if saved:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
        if status is not None:
            return _exit_code(status)
        if not whole:
            sys.stderr.write(pathlib.Path(log).read_text(errors="replace"))
        print("perigee: the machine stopped before the program ended", file=sys.stderr)
        return FAILED
