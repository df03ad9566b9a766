# SPDX-License-Identifier: MIT
"""`./perigee profile -- PROGRAM ARG...`: where the instructions of a program go, in the kernel and in the program.

Nothing is sampled. QEMU's translator writes down each block of instructions when it translates it, and names the block each time it runs; that
is read through a pipe while the machine runs, under `-icount`, so that the same program gives the same profile. Calls and returns are followed
from block to block, which gives every instruction its stack. Where a stack changes under the reader's feet (a switch of threads, an
interrupt's return), it goes on from the function that is seen next.

PROGRAM is a static i386 program of the host, or a command of the guest's busybox. --bench PART runs those benchmarks of bench/kbench.c, and counts
from when the first of them begins. --from FUNCTION counts from when the program first enters that function.
"""
import bisect
import collections
import fnmatch
import html
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import elffile
import initrd
import kernelbuild
import machine
import packages

KERNEL_BASE = 0xC0000000
SCRIPT = """#!/bin/sh
mount -t proc proc /proc
cd /
echo @ready
read word
{command}
echo @done $?
poweroff -f
"""
LIMIT_S = 1800
BENCHES = ["b_*", "big_fork"]       # what kbench measures


def add_arguments(parser):
    parser.add_argument("--svg", metavar="FILE", help="writes a flame graph")
    parser.add_argument("--top", type=int, default=30, metavar="N", help="how many functions to print (30)")
    parser.add_argument("--rooms", type=int, default=0, metavar="N", help="how many rooms (source files) of the kernel to print, too (0)")
    parser.add_argument("--from", dest="begin", metavar="FUNCTION", help="counts from when the program first enters it; a name that ends in * is a beginning")
    parser.add_argument("--bench", metavar="PART", help="the benchmarks of kbench whose names contain PART, instead of a program")
    parser.add_argument("--kernel", help="another kernel than the tree's: an ELF file with symbols")


class Symbols:
    """Address -> name, of one program."""

    def __init__(self, path, otherwise):
        self.otherwise = otherwise
        try:
            elf = elffile.ElfFile(path)
            found, code = elf.symbols(), [s for s in elf.sections if s.flags & elffile.EXECUTABLE]
        except (OSError, ValueError, IndexError):
            found, code = [], []
        self.end = max((s.address + s.size for s in code), default=0)
        names = {s.value: s.name for s in found if s.kind in (elffile.FUNCTION, elffile.NOTYPE) and s.value and s.name and s.name[0] != "$"}
        self.starts = sorted(names)
        self.names = [names[a] for a in self.starts]

    def start(self, address):
        """Where the function begins in which that is."""
        return self.starts[max(bisect.bisect_right(self.starts, address) - 1, 0)]

    def find(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        if i < 0:
            return self.otherwise
        return self.names[i] if address < self.end else "[vdso]"


class Node:
    """A function on one stack; instructions of its own."""
    __slots__ = ("name", "parent", "children", "count")

    def __init__(self, name, parent):
        self.name, self.parent, self.children, self.count = name, parent, {}, 0

    def child(self, name):
        node = self.children.get(name)
        if node is None:
            node = self.children[name] = Node(name, self)
        return node

    def total(self):
        return self.count + sum(c.total() for c in self.children.values())


class Tracer:
    """Reads QEMU's log: blocks as they are translated, and which of them run."""

    def __init__(self, kernel, program, begin=()):
        self.kernel, self.program = kernel, program
        self.begin = begin                  # patterns of names: from the first such function of the program on all counts; none: it does
        self.blocks = {}                    # address -> (instructions, how it ends, name of the function, is its first)
        self.root = Node("all", None)
        self.node, self.before, self.in_kernel = None, "", False
        self.unknown = 0
        self.ran = collections.Counter()    # address of a block of the kernel -> instructions

    def feed(self, stream):
        block = None                        # addresses of the block being listed
        ending = ""
        for line in stream:
            if line.startswith("Trace"):
                if block:
                    self._known(block, ending)
                    block = None
                self._run(int(line.split("/", 2)[1], 16))
            elif line.startswith("0x"):
                words = line.split()
                if block is None:
                    block = []
                block.append(int(words[0][:-1], 16))
                ending = self._mnemonic(words)
            elif block and not line.strip():
                self._known(block, ending)
                block = None

    @staticmethod
    def _mnemonic(words):
        return next((w for w in words[1:] if len(w) != 2 or not all(c in "0123456789abcdef" for c in w)), "")

    def _known(self, block, ending):
        start = block[0]
        symbols = self.kernel if start >= KERNEL_BASE else self.program
        name = symbols.find(start)
        i = bisect.bisect_left(symbols.starts, start)
        first = i < len(symbols.starts) and symbols.starts[i] == start
        kind = "call" if ending.startswith(("call", "lcall")) else "ret" if ending.startswith("ret") else "iret" if ending.startswith(("iret", "sysexit")) else ""
        self.blocks[start] = (len(block), kind, name, first)

    def _run(self, address):
        known = self.blocks.get(address)
        if known is None:
            self.unknown += 1
            return
        count, kind, name, first = known
        kernel = address >= KERNEL_BASE
        if self.begin:
            if kernel or not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.begin):
                return
            self.begin = ()
        if not kernel:
            self.node = self.root.child("user").child(name)
        elif not self.in_kernel or self.node is None:
            self.node = self.root.child("kernel").child(name)
        elif self.before == "call":
            self.node = self.node.child(name)
        elif self.node.name != name or self.before in ("ret", "iret"):
            self._moved(name, first)
        self.node.count += count
        if kernel:
            self.ran[address] += count
        self.in_kernel, self.before = kernel, kind

    def _moved(self, name, first):
        """Not by a call: back to a caller, on to a function that takes the place of this one, or to another stack."""
        top = self.root.children["kernel"]
        at = self.node
        while at is not top and at.name != name:
            at = at.parent
        if at is not top:
            self.node = at
        elif first and self.before == "" and not name.startswith("stub_"):
            self.node = self.node.parent.child(name)
        elif name.startswith("stub_"):
            self.node = self.node.child(name)
        else:
            self.node = top.child(name)


def _image(words, bench):
    """The initrd, and the file of the program that runs (for its symbols)."""
    cpio = initrd.base()
    cpio.add("run", 0o040755)
    path = pathlib.Path(words[0])
    found = path if "/" in words[0] else None
    if found and not found.exists():
        sys.exit(f"perigee: {words[0]}: no such file")
    if found:
        cpio.add("run/program", 0o100755, found.read_bytes())
        words = ["/run/program", *words[1:]]
    command = " ".join(shlex.quote(w) for w in words) + (" 2>&1" if bench else "")
    cpio.add("init", 0o100755, SCRIPT.format(command=command).encode())
    return cpio.finish(), found


def _kbench():
    program = kernelbuild.BUILD / "bench" / "kbench-symbols"
    source = kernelbuild.BUILD.parent / "bench" / "kbench.c"
    program.parent.mkdir(parents=True, exist_ok=True)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        # Each benchmark is a function of its own, by whose name counting begins.
        subprocess.run(["gcc", "-m32", "-O2", "-fno-inline", "-static", "-pthread", "-o", program, source], check=True)
    return program


class Monitor:
    """QEMU's, by a socket."""

    def __init__(self, path):
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(str(path))
        self._answer()

    def _answer(self):
        data = b""
        while not data.endswith(b"(qemu) "):
            got = self.line.recv(65536)
            if not got:
                return
            data += got

    def do(self, command):
        self.line.sendall(command.encode() + b"\n")
        self._answer()


def _converse(process, monitor):
    """Starts the program when the machine is ready, and the log with it, until the program ends; what it printed goes to standard output."""
    control = None
    for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        if text == "@ready":
            while not monitor.exists():
                time.sleep(0.01)
            control = Monitor(monitor)
            control.do("log in_asm,exec,nochain")
            process.stdin.write(b"go\n")
            process.stdin.flush()
        elif text.startswith("@done") and control:
            control.do("log none")
            return
        elif text != "go":
            print(text, flush=True)


def _trace(kernel, image, tracer, folder):
    """Runs the machine, for LIMIT_S at most."""
    fifo, monitor, cpio = folder / "log", folder / "monitor", folder / "initrd"
    os.mkfifo(fifo)
    cpio.write_bytes(image)
    extra = ["-icount", "shift=0,sleep=off", *machine.LEAN, "-display", "none", "-serial", "stdio", "-monitor", f"unix:{monitor},server,nowait", "-D", str(fifo)]
    command = machine.qemu_command(kernel, cpio, "console=ttyS0 quiet", "512", extra)

    def read():
        with open(fifo, encoding="ascii", errors="replace") as stream:
            tracer.feed(stream)

    reader = threading.Thread(target=read)
    reader.start()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        try:
            _converse(process, monitor)
        finally:
            limit.cancel()
            process.kill()
    if not tracer.root.children:
        with open(fifo, "wb"):          # the reader may still wait for somebody to write
            pass
    reader.join()


def _rooms(kernel, tracer):
    """{room: instructions}: the source file in which each function of the kernel begins."""
    own = collections.Counter()
    for address, n in tracer.ran.items():
        own[tracer.kernel.start(address)] += n
    result = subprocess.run(["addr2line", "-e", str(kernel)], input="\n".join(f"{a:#x}" for a in own), capture_output=True, text=True, check=True)
    paths = [line.rsplit(":", 1)[0] for line in result.stdout.splitlines()]
    files = [path.rpartition("/kernel/" if "/kernel/" in path else "/")[2] for path in paths]
    found = collections.Counter()
    for n, file in zip(own.values(), files):
        found[file] += n
    return found


def _print(tracer, top, kernel, rooms):
    own, whole_of, where = collections.Counter(), collections.Counter(), collections.Counter()

    def visit(node, root, above):
        """Adds up a stack and those on it; its instructions. A function that calls itself is counted once."""
        total = node.count
        first = node.name not in above
        for c in node.children.values():
            total += visit(c, root, above | {node.name} if first else above)
        own[(root, node.name)] += node.count
        if first:
            whole_of[(root, node.name)] += total
        return total

    for name, child in tracer.root.children.items():
        where[name] = visit(child, name, frozenset())
    whole = sum(where.values()) or 1
    print(f"{whole:,} instructions: " + ", ".join(f"{root} {n:,} ({100 * n / whole:.1f} %)" for root, n in where.most_common()))
    print(f"{'own':>14}{'share':>8}{'with callees':>14}  function")
    for (root, name), n in own.most_common(top):
        print(f"{n:>14,}{100 * n / whole:>7.1f}%{whole_of[(root, name)]:>14,}  {name}{'' if root == 'kernel' else f' ({root})'}")
    if rooms:
        print("\nown instructions by room of the kernel")
        for room, n in _rooms(kernel, tracer).most_common(rooms):
            print(f"{n:>14,}{100 * n / whole:>7.1f}%  {room}")
    if tracer.unknown:
        print(f"({tracer.unknown} blocks ran that were not listed)")


ROW, WIDTH, LEAST = 17, 1200, 0.6


def _flame(root, title):
    """The stacks as a picture: a box for each function, as wide as what it and its callees took, callees above."""
    boxes, deepest = [], 0

    def place(node, x, depth, scale):
        nonlocal deepest
        deepest = max(deepest, depth)
        boxes.append((node.name, x, depth, node.total()))
        for c in sorted(node.children.values(), key=lambda n: n.name):
            width = c.total() * scale
            if width >= LEAST:
                place(c, x, depth + 1, scale)
            x += width

    whole = root.total() or 1
    place(root, 0.0, 0, WIDTH / whole)
    height = (deepest + 2) * ROW + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" font-size="11">',
           f'<text x="{WIDTH / 2}" y="14" text-anchor="middle" font-size="13">{html.escape(title)}</text>']
    for name, x, depth, total in boxes:
        width, y = total * WIDTH / whole, height - (depth + 1) * ROW
        shade = sum(name.encode()) * 37 % 60
        out.append(f'<g><title>{html.escape(name)}: {total:,} instructions, {100 * total / whole:.1f} %</title>'
                   f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="rgb(235,{120 + shade},{60 + shade // 2})"/>')
        letters = int(width / 6.7)
        if letters >= 3:
            shown = name if len(name) <= letters else name[:letters - 2] + ".."
            out.append(f'<text x="{x + 2:.1f}" y="{y + 12}">{html.escape(shown)}</text>')
        out.append("</g>")
    return "\n".join([*out, "</svg>", ""])


def run(args, words):
    packages.require("build", "qemu", *(["gcc"] if args.bench else []))
    kernel = pathlib.Path(args.kernel or kernelbuild.build())
    if args.bench:
        words = [str(_kbench()), f"only={args.bench}", "ms=1", *words]
    elif not words:
        sys.exit("perigee: profile -- PROGRAM ARG... (or --bench PART)")
    image, found = _image(words, args.bench)
    begin = [args.begin] if args.begin else BENCHES if args.bench else []
    tracer = Tracer(Symbols(kernel, "?"), Symbols(found, pathlib.Path(words[0]).name) if found else Symbols(os.devnull, words[0]), begin)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="perigee-profile."))
    try:
        _trace(kernel, image, tracer, folder)
    finally:
        shutil.rmtree(folder)
    _print(tracer, args.top, kernel, args.rooms)
    if args.svg:
        pathlib.Path(args.svg).write_text(_flame(tracer.root, " ".join([pathlib.Path(words[0]).name, *words[1:]])), encoding="utf-8")
        print(f"wrote {args.svg}")
    return 0
