# SPDX-License-Identifier: MIT
"""A machine with a VGA screen and a keyboard and nobody before it: keys are pressed, and the text is read out of the adapter's memory.

    with VgaMachine(kernel, initrd) as m:
        m.wait_for("#")
        m.send_keys("ls /\\n")
        m.wait_for("proc")
"""
import pathlib
import re
import socket
import subprocess
import tempfile
import time

COLUMNS, ROWS = 80, 25
KEY_SECONDS = 0.008  # a typist's pace
KEYS_LIMIT_S = 60
NAMES = {" ": "spc", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", ";": "semicolon", "'": "apostrophe",
         "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot", "/": "slash", "\n": "ret", "\t": "tab", "\x1b": "esc",
         "\x7f": "backspace"}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./"))


def key_of(character):
    """The monitor's name of the key, or keys, that type the character."""
    if character in SHIFTED:
        return "shift-" + key_of(SHIFTED[character])
    if character.isupper():
        return "shift-" + character.lower()
    if "\x01" <= character <= "\x1a" and character not in NAMES:
        return "ctrl-" + chr(ord(character) + 96)
    return NAMES.get(character, character)


class VgaMachine:
    def __init__(self, kernel, initrd, append="console=tty0", memory=64, options=(), video="std"):
        self.folder = tempfile.TemporaryDirectory(prefix="perigee-vga-")
        folder = pathlib.Path(self.folder.name)
        self.serial_path = folder / "serial"
        self.dump_path = folder / "screen"
        self.process = subprocess.Popen(
            ["qemu-system-i386", "-accel", "tcg", "-m", str(memory), "-kernel", str(kernel), "-initrd", str(initrd), "-append", append,
             "-display", "none", "-vga", video, "-no-reboot", "-serial", f"file:{self.serial_path}", "-monitor",
             f"unix:{folder / 'monitor'},server=on,wait=off", *options], stdin=subprocess.DEVNULL)
        self.monitor = self._connect(folder / "monitor")
        self._until_prompt()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def _connect(self, path):
        end = time.monotonic() + 20
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(str(path))
                s.settimeout(20)
                return s
            except OSError:
                s.close()
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def _until_prompt(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            more = self.monitor.recv(65536)
            if not more:
                raise EOFError("the machine is gone")
            text += more
        return text.decode(errors="replace")

    def command(self, line):
        """Runs a command of the monitor; returns what it prints."""
        self.monitor.sendall(line.encode() + b"\n")
        return self._until_prompt()

    def press(self, key):
        """One key by the monitor's name: "ctrl-c", "up", "f1". The emulated keyboard keeps sixteen codes and drops what does not fit, so the machine,
        which may have to wait for a processor of the host, must have taken all of those before."""
        end = time.monotonic() + KEYS_LIMIT_S
        while self._code_waits():
            if time.monotonic() > end:
                raise TimeoutError("nobody takes the key before")
            time.sleep(0.002)
        self.command(f"sendkey {key} 1")
        time.sleep(KEY_SECONDS)

    def _code_waits(self):
        """Is the keyboard controller's output full?"""
        return int(re.search(r"= 0x(\w+)", self.command("i /b 0x64"))[1], 16) & 1

    def send_keys(self, text):
        for character in text:
            self.press(key_of(character))

    def cells(self):
        """All cells: (character, attribute) from the top left."""
        if self.dump_path.exists():
            self.dump_path.unlink()
        self.command(f'pmemsave 0xb8000 {COLUMNS * ROWS * 2} "{self.dump_path}"')
        data = self.dump_path.read_bytes()
        return list(zip(data[::2].decode("cp437"), data[1::2]))

    def screen_text(self):
        """The rows, without the blanks at their ends."""
        text = "".join(c for c, _ in self.cells())
        return "\n".join(text[i:i + COLUMNS].rstrip() for i in range(0, len(text), COLUMNS)).rstrip("\n")

    def picture(self):
        """What the adapter shows: width, height, and a function from a place to its (red, green, blue)."""
        path = self.dump_path.with_suffix(".ppm")
        self.command(f'screendump "{path}"')
        _, size, _, points = path.read_bytes().split(b"\n", 3)
        width, height = map(int, size.split())
        return width, height, lambda x, y: tuple(points[3 * (y * width + x):][:3])

    def wait_for(self, what, timeout=90):
        """Waits until the text (or what the function wants of it) is on the screen; returns the screen."""
        found = what if callable(what) else lambda text: what in text
        end = time.monotonic() + timeout
        while True:
            text = self.screen_text()
            if found(text):
                return text
            if time.monotonic() > end:
                raise TimeoutError(f"{what!r} did not appear on the screen:\n{text}")
            time.sleep(0.05)

    def serial_text(self):
        return self.serial_path.read_text(errors="replace") if self.serial_path.exists() else ""

    def wait_end(self, timeout=90):
        return self.process.wait(timeout)

    def close(self):
        self.monitor.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.folder.cleanup()
