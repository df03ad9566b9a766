#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the layers: includes and calls only go down the list of rooms in docs/layers.txt.

    layercheck.py [BUILD]          BUILD is a folder that `./perigee build` made, build/i386 if not given
    layercheck.py --order [BUILD]  prints an order of the rooms that fits what they use, and where there is none

A room is kernel/LAYER/NAME with its .c, .S and .h. Includes are read from the sources; calls, and other uses of symbols, are what the
build's object files leave undefined. Also checks the first line of each file, words that mark unfinished work, widths outside of arch/, and
that the list is complete. Ends with status 1 when anything is wrong.
"""
import collections
import pathlib
import re
import sys

from elffile import LOCAL, UNDEFINED, ElfFile

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNEL = ROOT / "kernel"
LIST = ROOT / "docs" / "layers.txt"
LICENSE = "SPDX-License-Identifier: MIT"
LENGTH_MAX = 600
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
WIDTH = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*\b(__i386__|__x86_64__|__LP64__)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')

# What the compiler itself calls; it may do so anywhere.
COMPILER = re.compile(r"__stack_chk_|__[ua]b?san_|__u?(div|mod|divmod)di[34]$|__ctzdi2$|mem(cpy|set|move|cmp)$")

# Relocations of calls: R_386_PC32 and R_386_PLT32, which have the same numbers for x86_64.
CALLS = (2, 4)

Use = collections.namedtuple("Use", "path line user used how")


def shown(path):
    return path.relative_to(ROOT)


def room_of(path):
    """kernel/vm/fault.c -> vm/fault; what a machine provides for arch/mmu.h is part of that room."""
    name = str(path.relative_to(KERNEL).with_suffix(""))
    return re.sub(r"^arch/.*arch_target/", "arch/", name)


def sources():
    """Every source of the kernel that the i386 build has, without tests."""
    return sorted(p for p in KERNEL.rglob("*.[chS]") if "test" not in p.parts and "vdso" not in p.parent.parts[-1:] and "host" not in p.parts)


def read_rooms():
    lines = [line.split("#")[0].strip() for line in LIST.read_text().splitlines()]
    return [line for line in lines if line]


def include_target(path, name):
    """The file that an include line means, or None for generated ones."""
    for folder in (KERNEL, KERNEL / "arch" / "x86" / "i386", KERNEL / "arch" / "x86", path.parent):
        if (folder / name).exists():
            return folder / name
    return None


def include_uses():
    for path in sources():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            target = include_target(path, found[1]) if found else None
            if target:
                yield Use(path, number, room_of(path), room_of(target), f"includes {found[1]}")


def objects(build):
    """[(source, its object file)], generated sources left out."""
    found = {}
    for library in ("libfast.a.p", "libsmall.a.p", "libunchecked.a.p"):
        for o in (build / library).glob("*.o"):
            found[o.name] = o
    for path in sources():
        name = str(shown(path)).replace("/", "_") + ".o"
        if name in found:
            yield path, ElfFile(found[name])


def line_of(path, symbol):
    word = re.compile(rf"\b{re.escape(symbol)}\b")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if word.search(line):
            return number
    return 1


def contract():
    """{symbol: room} of what the headers of arch/ declare: it belongs to the contract, wherever a machine keeps it."""
    found = {}
    for path in sources():
        if room_of(path).count("/") == 1 and room_of(path).startswith("arch/"):
            text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
            found.update((name, room_of(path)) for name in re.findall(r"\b(\w+)\s*(?:\(|\[|;)", text))
    return found


def call_uses(build):
    files = list(objects(build))
    if not files:
        sys.exit(f"{build} has no object files; type: ./perigee build")
    home = {}
    for path, elf in files:
        for s in elf.symbols():
            if s.section != UNDEFINED and s.bind != LOCAL and not COMPILER.match(s.name):
                home[s.name] = room_of(path)
    home.update((name, room) for name, room in contract().items() if name in home)
    entries = {s.name for path, elf in files if path.suffix == ".S" for s in elf.symbols() if s.section != UNDEFINED}
    for path, elf in files:
        symbols = elf.symbols()
        called = {symbols[n].name for _, _, n, kind in elf.relocations() if kind in CALLS}
        for s in symbols:
            if s.section != UNDEFINED or s.name not in home:
                continue
            # The address of an entry point in assembly, put into a table of the processor, is wiring and no call.
            if s.name in called or s.name not in entries:
                yield Use(path, s.name, room_of(path), home[s.name], f"uses {s.name}")


def all_uses(build):
    yield from include_uses()
    yield from call_uses(build)


def check_uses(build, rooms):
    place = {room: i for i, room in enumerate(rooms)}
    for use in all_uses(build):
        if use.user == use.used or use.user not in place or use.used not in place or place[use.used] < place[use.user]:
            continue
        line = use.line if isinstance(use.line, int) else line_of(use.path, use.line)
        yield f"{shown(use.path)}:{line}: {use.user} {use.how}, which is above it ({use.used})"


def check_list(rooms):
    real = {room_of(p) for p in sources()}
    yield from (f"docs/layers.txt: {room} is missing" for room in sorted(real - set(rooms)))
    yield from (f"docs/layers.txt: there is no {room}" for room in rooms if room not in real)
    yield from (f"docs/layers.txt: {room} is there twice" for room, n in collections.Counter(rooms).items() if n > 1)


def checked_files():
    """Every file of the project that has comments."""
    for folder in ("kernel", "tests", "bench", "tools"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and (path.suffix in (".c", ".h", ".S", ".ld", ".lds", ".py") or path.name == "meson.build"):
                yield path


def check_files():
    for path in checked_files():
        lines = path.read_text().splitlines()
        if not any(LICENSE in line for line in lines[:2]):
            yield f"{shown(path)}:1: the line with {LICENSE} is missing"
        generic = KERNEL in path.parents and KERNEL / "arch" not in path.parents
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                yield f"{shown(path)}:{number}: {UNFINISHED.search(line)[0]}"
            if generic and WIDTH.match(line):
                yield f"{shown(path)}:{number}: the width of the machine, outside of arch/"


def long_files():
    for path in checked_files():
        count = len(path.read_text().splitlines())
        if count > LENGTH_MAX:
            yield f"{shown(path)}: {count} lines: does it hold two things?"


def print_order(build, groups):
    """Rooms of each group of layers, ground first; rooms that use each other are shown as a loop."""
    group = {layer: number for number, layers in enumerate(groups) for layer in layers.split()}
    needs, why = collections.defaultdict(set), collections.defaultdict(set)
    rooms = sorted({room_of(p) for p in sources()})
    at = {room: group[room.rpartition("/")[0]] for room in rooms}
    for use in all_uses(build):
        if use.user != use.used and at[use.user] == at[use.used]:
            needs[use.user].add(use.used)
            why[use.user, use.used].add(use.how)
    for number in range(len(groups)):
        left = [room for room in rooms if at[room] == number]
        while left:
            first = next((room for room in left if not needs[room] & set(left)), None)
            if first is None:
                first = min(left, key=lambda r: len(needs[r] & set(left)))
                for other in sorted(needs[first] & set(left)):
                    print(f"# {first} is in a loop: needs {other}: {', '.join(sorted(why[first, other]))}")
            print(first)
            left.remove(first)


def main():
    words = [w for w in sys.argv[1:] if w != "--order"]
    build = pathlib.Path(words[0]) if words else ROOT / "build" / "i386"
    if "--order" in sys.argv:
        print_order(build, ["lib", "arch", "core", "mem", "arch/x86 arch/x86/i386", "sched", "vm", "task", "vfs", "fs", "net", "dev", "proc", "abi", "init"])
        return 0
    rooms = read_rooms()
    wrong = [*check_list(rooms), *check_uses(build, rooms), *check_files()]
    for line in long_files():
        print(f"warning: {line}")
    print("\n".join([*wrong, f"{len(wrong)} found in {len(rooms)} rooms"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
