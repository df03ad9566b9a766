#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Links the code of the [vdso] page and writes it as an assembly source, with the offsets that the kernel must know.

    vdso.py OUTPUT.S SOURCE.S SCRIPT.lds COMPILER [WORD...]
"""
import pathlib
import struct
import subprocess
import sys
import tempfile

PAGE = 4096
# symbol of the object -> absolute symbol of the kernel
OFFSETS = {"__kernel_vsyscall": "x86_vdso_entry_offset", "__kernel_sigreturn": "x86_vdso_sigreturn_offset",
           "__kernel_rt_sigreturn": "x86_vdso_rt_sigreturn_offset", "x86_vdso_landing": "x86_vdso_landing_offset",
           "x86_vdso_fast": "x86_vdso_fast_offset"}
SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS, SHF_WRITE, SHF_ALLOC = 2, 3, 8, 1, 2
PT_LOAD = 1


def link(source, script, compiler, folder):
    target = pathlib.Path(folder) / "vdso.so"
    subprocess.run([*compiler, "-shared", "-nostdlib", "-fPIC", "-o", target, source, f"-Wl,-T,{script}", "-Wl,-soname,linux-gate.so.1",
                    "-Wl,--hash-style=both", "-Wl,--build-id=none", "-Wl,--eh-frame-hdr", "-Wl,-z,max-page-size=4096",
                    "-Wl,-z,common-page-size=4096", "-Wl,-z,noexecstack", "-Wl,-Bsymbolic", "-Wl,--no-undefined", "-Wl,-z,norelro"], check=True)
    return target.read_bytes()


def sections(elf):
    """Tuples name_offset, type, flags, address, offset, size, link, info, align, entry size."""
    at, = struct.unpack_from("<I", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 46)
    return [struct.unpack_from("<10I", elf, at + i * size) for i in range(count)]


def symbols(elf):
    table = sections(elf)
    found = {}
    for section in table:
        if section[1] != SHT_SYMTAB:
            continue
        names = table[section[6]][4]
        for at in range(section[4], section[4] + section[5], 16):
            name, value = struct.unpack_from("<II", elf, at)
            end = elf.index(b"\0", names + name)
            found[elf[names + name:end].decode()] = value
    return found


def section_table(elf, offset):
    """The table of the loaded sections, to stand at offset, and their names before it: debuggers find the unwind information by it. (bytes, place, count)"""
    table = sections(elf)
    old_names = table[struct.unpack_from("<H", elf, 50)[0]][4]
    kept = [s for s in table if s[2] & SHF_ALLOC]
    numbers = {table.index(s): n for n, s in enumerate(kept, 1)}
    names, rows = b"\0", [bytes(40)]
    for name, kind, flags, address, at, size, link_to, info, align, entry in kept:
        rows.append(struct.pack("<10I", len(names), kind, flags, address, at, size, numbers.get(link_to, 0), info, align, entry))
        names += elf[old_names + name:elf.index(b"\0", old_names + name) + 1]
    own = len(names)
    names += b".shstrtab\0"
    rows.append(struct.pack("<10I", own, SHT_STRTAB, 0, 0, offset, len(names), 0, 0, 1, 0))
    padding = bytes(-(offset + len(names)) % 4)
    return names + padding + b"".join(rows), offset + len(names) + len(padding), len(rows)


def segment(elf):
    """The bytes of the one loaded segment, and behind it a section table of what is in it."""
    at, = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    loads = [p for p in (struct.unpack_from("<8I", elf, at + i * size) for i in range(count)) if p[0] == PT_LOAD]
    if len(loads) != 1 or loads[0][1] or loads[0][2] or loads[0][4] != loads[0][5] or loads[0][4] > PAGE:
        sys.exit("vdso: not one segment of one page at address 0")
    image = bytearray(elf[:loads[0][4]])
    table, place, count = section_table(elf, len(image))
    struct.pack_into("<I", image, 32, place)
    struct.pack_into("<HHH", image, 46, 40, count, count - 1)
    image += table
    if len(image) > PAGE:
        sys.exit("vdso: its section table is beyond the page")
    return bytes(image)


def main():
    output, source, script, *compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        elf = link(source, script, compiler, folder)
    if any(s[2] & SHF_ALLOC and (s[2] & SHF_WRITE or s[1] == SHT_NOBITS) and s[5] and s[1] != 6 for s in sections(elf)):
        sys.exit("vdso: it has data of its own")
    image, found = segment(elf), symbols(elf)
    lines = ["/* SPDX-License-Identifier: MIT */", "/* Made by tools/vdso.py: the shared object of the [vdso] page. */", ".data", ".p2align 4"]
    lines += [f".globl {name}\n.set {name}, {found[symbol]:#x}" for symbol, name in OFFSETS.items()]
    lines += [".globl x86_vdso_image", "x86_vdso_image:"]
    lines += ["\t.byte " + ", ".join(f"{byte:#04x}" for byte in image[i:i + 16]) for i in range(0, len(image), 16)]
    lines += [".globl x86_vdso_image_end", "x86_vdso_image_end:", ".section .note.GNU-stack, \"\", @progbits", ""]
    pathlib.Path(output).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
