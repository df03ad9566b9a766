#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the guest tests of this folder on a kernel in QEMU, or on the host.

    run.py KERNEL [--only PATTERN] [--cpus N] [--memory M] [--append WORDS] [--leaks 0|1]
    run.py --linux ...                    on Debian's kernel in QEMU
    run.py --host [--only PATTERN]        in a fresh process and mount namespace of this machine (needs root)
    run.py --list

PATTERN is a part of PROGRAM or of PROGRAM/TEST. A machine that hangs or dies is started again for the programs that
are left, so that one bad program does not hide the others. The last line is `guest: N passed, N failed`.

As a module: programs(), tests(), run_kernel(kernel, ...) -> list of Result.
"""
import argparse
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
import packages  # noqa: E402
from gensyscalls import TABLE, read_table  # noqa: E402
from initrd import Cpio  # noqa: E402
from machine import qemu_command  # noqa: E402
BUILD = pathlib.Path(os.environ.get("GUEST_BUILD", HERE.parent.parent / "build" / "guest"))
CFLAGS = ["-m32", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror",
          f"-ffile-prefix-map={HERE}/=",
          # Bad arguments are the point of these programs.
          "-Wno-nonnull", "-Wno-stringop-overflow", "-Wno-stringop-overread", "-Wno-array-bounds"]
SILENCE_S = 200      # a machine that prints nothing for so long hangs: longer than a test may need (guest.h)
LOOKS, LOOK_LIMIT_S = 8, 60     # how often, and for how long, it is looked into a machine that hangs
GDB_HELPERS = HERE.parent.parent / "tools" / "gdb" / "perigee.py"
LINE = re.compile(r"^(ok|skip|not ok) ([\w.-]+)(?:: (.*))?$")


@dataclass
class Result:
    """One test's outcome; program is the file, test the name inside it."""
    program: str
    test: str
    passed: bool
    reason: str = ""
    skipped: bool = False
    log: list = field(default_factory=list)

    @property
    def name(self):
        return f"{self.program}/{self.test}"


def programs():
    """Names of the test programs."""
    return sorted(p.stem for p in HERE.glob("*.c") if p.stem != "runner")


def _kind(call, name, kind):
    """The fuzzer's letters for an argument."""
    if kind in ("int", "uint"):
        return "P" if name in ("pid", "tid", "tgid") else "c" if (call, name) == ("ioctl", "cmd") else "i"
    if kind in ("long", "ulong"):
        return "n" if name in ("len", "offset", "size") else "i"
    if kind == "uaddr" and call in ("fcntl", "fcntl64", "ioctl") and name == "arg":
        return "v"
    return {"fd": "f", "path": "s", "uaddr": "p", "size": "n", "hex": "x", "oct": "x", "sig": "g", "loff64": "ii"}[kind]


def _make_calls_header():
    """The kernel's table of system calls for the fuzzer: a line {number, "kinds of arguments"} for each."""
    rows = [f'{{{nr}, "{"".join(_kind(name, *a) for a in args)}"}}, /* {name} */\n' for nr, name, args in read_table(TABLE)]
    path, text = BUILD / "include" / "calls.h", "".join(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(text)
        fresh.rename(path)
    return path


def build(chosen=None):
    """Compiles what is older than its source (all programs, or the chosen); the folder of the programs."""
    out = BUILD / "bin"
    out.mkdir(parents=True, exist_ok=True)
    header = max(p.stat().st_mtime for p in [*HERE.glob("*.h"), _make_calls_header()])
    for name in [*(chosen or programs()), "runner"]:
        source, target = HERE / f"{name}.c", out / name
        if target.exists() and target.stat().st_mtime >= max(source.stat().st_mtime, header):
            continue
        fresh = target.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", *CFLAGS, f"-I{BUILD}/include", "-o", fresh, source, "-lm"], check=True)
        fresh.rename(target)
    return out


def tests():
    """All tests as PROGRAM/TEST."""
    out = build()
    names = []
    for program in programs():
        listed = subprocess.run([out / program, "-l"], capture_output=True, text=True, check=True)
        names += [f"{program}/{test}" for test in listed.stdout.split()]
    return names


def make_initrd(chosen):
    """An initrd with the runner as /init and the chosen programs; its path."""
    out = build(chosen)
    cpio = Cpio()
    for name in ("dev", "proc", "tmp", "tests", "sys"):
        cpio.add(name, 0o040755)
    cpio.add("dev/console", 0o020600, device=(5, 1))
    cpio.add("init", 0o100755, (out / "runner").read_bytes())
    for name in chosen:
        cpio.add(f"tests/{name}", 0o100755, (out / name).read_bytes())
    path = BUILD / f"initrd.{os.getpid()}.cpio"
    path.write_bytes(cpio.finish())
    return path


class Parser:
    """Turns the lines of the runner into results."""

    def __init__(self, echo):
        self.echo, self.results, self.current, self.log = echo, [], None, []
        self.ended, self.finished, self.examiner, self.again = False, set(), None, False

    def add(self, test, passed, reason="", skipped=False):
        result = Result(self.current or "boot", test, passed, reason, skipped, self.log[-60:])
        self.results.append(result)
        if self.echo and (not passed or skipped):
            print(f"  {'skip' if skipped else 'FAIL'} {result.name}: {reason}", flush=True)

    def line(self, text):
        self.log.append(text)
        if text.endswith(("# again", "# over")):
            self.again = text.endswith("again")
        if text == "# timeout" and self.examiner:
            self.examiner.look(self)
        if self.again and not text.startswith("== "):
            return
        if text == "== end":
            self.ended = True
        elif text.startswith("== "):
            self.current, self.log = text[3:], []
        elif text.startswith("-- "):
            self._program_end(int(text.split()[2]))
        elif match := LINE.match(text):
            kind, test, reason = match.groups()
            self.add(test, kind != "not ok", reason or "", kind == "skip")

    def _program_end(self, status):
        mine = [r for r in self.results if r.program == self.current]
        if status not in (0, 256) or not mine:
            self.add("exit", False, f"the program ended with wait status {status:#x}")
        self.finished.add(self.current)
        if self.echo:
            bad = sum(not r.passed for r in mine)
            print(f"{self.current}: {len(mine) - bad} passed, {bad} failed", flush=True)
        self.current = None


def _read_lines(process, parser, deadline):
    """Feeds the output to the parser; None at its end, else why it was given up."""
    fd, rest, heard = process.stdout.fileno(), b"", time.monotonic()
    while True:
        ready, _, _ = select.select([fd], [], [], 1)
        now = time.monotonic()
        if ready:
            data = os.read(fd, 65536)
            if not data:
                return None
            heard = now
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                parser.line(line.decode(errors="replace").strip("\r"))
            if parser.ended and not deadline:
                deadline = now + 3
        if now - heard > SILENCE_S:
            return f"nothing printed for {SILENCE_S} s"
        if deadline and now > deadline:
            return "time is over"


class Examiner:
    """Looks into a machine that hangs: what each CPU and each thread does, by GDB, into a file and into the log of the test."""

    def __init__(self, kernel):
        self.kernel, self.socket, self.left = kernel, BUILD / f"gdb.{os.getpid()}", LOOKS

    def words(self):
        """For QEMU. Only for kernels that GDB can make something of."""
        elf = pathlib.Path(self.kernel).read_bytes()[:4] == b"\x7fELF" and shutil.which("gdb")
        if not elf:
            self.left = 0
        return ["-gdb", f"unix:{self.socket},server=on,wait=off"] if elf else []

    def look(self, parser):
        if not self.left:
            return
        self.left -= 1
        command = ["gdb", "-q", "-nx", "-batch", "-iex", "set auto-load off", str(self.kernel), "-ex", "set pagination off", "-ex", "set confirm off",
                   "-ex", f"target remote {self.socket}", "-ex", f"source {GDB_HELPERS}"]
        text = self._gdb(command, ("threads", "klog", "bt-all"))
        time.sleep(1)
        text += "\n== a second later\n" + self._gdb(command, ("threads", "thread apply all bt"))
        path = BUILD / f"hang.{os.getpid()}.{LOOKS - self.left}.txt"
        path.write_text(text)
        print(f"  it hangs, or is slow (in {parser.current}); threads and backtraces: {path}", flush=True)
        parser.log.append(f"threads and backtraces: {path}")


    @staticmethod
    def _gdb(command, words):
        more = [part for word in words for part in ("-ex", f"echo \\n-- {word}\\n", "-ex", word)]
        try:
            result = subprocess.run([*command, *more], capture_output=True, text=True, errors="replace", timeout=LOOK_LIMIT_S, check=False,
                                    env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        except subprocess.TimeoutExpired:
            return "GDB got no answer\n"
        return result.stdout + result.stderr


def _watch(command, parser, deadline, examiner=None):
    parser.examiner = examiner
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        why = _read_lines(process, parser, deadline)
        if why and examiner:
            examiner.look(parser)
        return why
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _qemu(kernel, initrd, words, memory, cpus, append, examiner):
    check = "no_timer_check" if pathlib.Path(kernel).name.startswith("vmlinuz") else ""  # Linux gives up where a busy host keeps it from its timer
    append = " ".join(["console=ttyS0 quiet panic=-1", check, append, "--", *words])
    return qemu_command(kernel, initrd, append, memory, cpus=cpus, extra=examiner.words())


def _words(chosen, case, leaks):
    return ["only=" + ",".join(chosen)] + ([f"case={case}"] if case else []) + ([] if leaks else ["leaks=0"])


def select_tests(pattern):
    """The programs, and the one test of them, that a pattern means; a list of programs means just these."""
    every = programs()
    if isinstance(pattern, list):
        return pattern, None
    if not pattern:
        return every, None
    program, _, case = pattern.partition("/")
    if case and program in every:
        return [program], case
    chosen = [p for p in every if program in p]
    if not chosen:
        hits = [t for t in tests() if pattern in t]
        chosen = sorted({t.split("/")[0] for t in hits})
        case = hits[0].split("/")[1] if len(hits) == 1 else None
    return chosen, case or None


def run_kernel(kernel, pattern=None, cpus=1, memory=256, append="", leaks=True, echo=True, limit_s=None):
    """Runs the tests that match on a kernel in QEMU; a list of Result."""
    chosen, case = select_tests(pattern)
    deadline = time.monotonic() + limit_s if limit_s else None
    parser = Parser(echo)
    while chosen:
        initrd, examiner = make_initrd(chosen), Examiner(kernel)
        try:
            why = _watch(_qemu(kernel, initrd, _words(chosen, case, leaks), memory, cpus, append, examiner), parser, deadline, examiner)
        finally:
            initrd.unlink()
            examiner.socket.unlink(missing_ok=True)
        if parser.ended:
            break
        died_in = parser.current
        parser.add("machine", False, f"{why or 'the machine stopped'} (in {died_in or 'boot'})")
        chosen = [p for p in chosen if p not in parser.finished and p != died_in]
        parser.current = None
        if died_in is None or (deadline and time.monotonic() > deadline):
            for program in chosen:
                parser.current = program
                parser.add("machine", False, "not run")
            break
    return parser.results


def run_host(pattern=None, echo=True):
    """Runs the tests that match on this machine's kernel, in namespaces of their own."""
    chosen, case = select_tests(pattern)
    out = build(chosen)
    parser = Parser(echo)
    script = 'mount --bind "$0" /mnt && mount -t tmpfs tmp /tmp && chmod 1777 /tmp && exec /mnt/runner "$@"'
    command = ["unshare", "-pmf", "--mount-proc", "sh", "-c", script, str(out), "stay", "tests=/mnt"]
    why = _watch(command + _words(chosen, case, False), parser, None)
    if not parser.ended:
        parser.add("machine", False, why or "the runner stopped")
    return parser.results


def show_failures(results, words):
    """The failures, each with the command that runs it again: words are those of this run but --only."""
    for result in results:
        if not result.passed:
            again = f"tests/guest/run.py {words} --only {result.program}"
            again += "" if result.test in ("machine", "exit", "leak", "stack") else f"/{result.test}"
            print(f"\nFAILED {result.name}: {result.reason}\n  again: {again}")
            if result.test == "machine":
                print("\n".join("  | " + line for line in result.log))


def _again(args):
    """The words of this run's command line that another run needs, too."""
    words = ["--host" if args.host else "--linux" if args.linux else args.kernel]
    plain = {"cpus": 1, "memory": 256, "leaks": 1, "append": ""}
    words += [f"--{name}={shlex.quote(str(getattr(args, name)))}" for name, usual in plain.items() if getattr(args, name) != usual]
    return " ".join(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", nargs="?")
    parser.add_argument("--linux", action="store_true", help="Debian's kernel, in QEMU")
    parser.add_argument("--host", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--memory", type=int, default=256)
    parser.add_argument("--append", default="")
    parser.add_argument("--leaks", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print all that the machine prints")
    args = parser.parse_args()
    if not shutil.which("gcc"):
        sys.exit("gcc is missing: apt-get install gcc gcc-multilib")
    if args.list:
        print("\n".join(tests()))
        return 0
    if args.host + args.linux + bool(args.kernel) != 1:
        parser.error("a kernel, or --linux, or --host")
    kernel = packages.linux() if args.linux else args.kernel
    leaks = bool(args.leaks) and not args.linux
    if args.verbose:
        plain = Parser.line
        Parser.line = lambda self, text: (print("|", text, flush=True), plain(self, text))
    if args.host:
        results = run_host(args.only)
    else:
        results = run_kernel(kernel, args.only, args.cpus, args.memory, args.append, leaks)
    show_failures(results, _again(args))
    failed = sum(not r.passed for r in results)
    print(f"guest: {len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
