# SPDX-License-Identifier: MIT
"""A reader of ELF files, as much as the tools here need: sections and symbols, both widths, little endian."""
import collections
import pathlib
import struct

Symbol = collections.namedtuple("Symbol", "name value size kind bind section")
Section = collections.namedtuple("Section", "name kind flags address offset size link info entry")
FUNCTION, OBJECT, NOTYPE = 2, 1, 0
LOCAL, GLOBAL, WEAK = 0, 1, 2
UNDEFINED, ABSOLUTE = 0, 0xFFF1
EXECUTABLE = 4
SYMTAB, RELA, REL = 2, 4, 9


class ElfFile:
    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        if self.data[:4] != b"\x7fELF":
            raise ValueError(f"{path} is no ELF file")
        self.wide = self.data[4] == 2
        self.sections = self._read_sections()

    def _read_sections(self):
        if self.wide:
            table, (entry, count, names) = struct.unpack_from("<Q", self.data, 40)[0], struct.unpack_from("<HHH", self.data, 58)
            form = "<IIQQQQIIQQ"
        else:
            table, (entry, count, names) = struct.unpack_from("<I", self.data, 32)[0], struct.unpack_from("<HHH", self.data, 46)
            form = "<IIIIIIIIII"
        raw = [struct.unpack_from(form, self.data, table + i * entry) for i in range(count)]
        return [Section(self._string(raw[names][4], r[0]), r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[9]) for r in raw]

    def _string(self, table, offset):
        start = table + offset
        return self.data[start:self.data.index(b"\0", start)].decode()

    def content(self, section):
        return self.data[section.offset:section.offset + section.size]

    def symbols(self):
        """All symbols in the table's order."""
        found = []
        for s in self.sections:
            if s.kind != SYMTAB:
                continue
            names = self.sections[s.link].offset
            for at in range(s.offset, s.offset + s.size, s.entry):
                if self.wide:
                    name, info, _, where, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
                else:
                    name, value, size, info, _, where = struct.unpack_from("<IIIBBH", self.data, at)
                found.append(Symbol(self._string(names, name), value, size, info & 15, info >> 4, where))
        return found

    def relocations(self):
        """(section that is changed, offset in it, symbol number, type), in the file's order."""
        for s in self.sections:
            if s.kind not in (REL, RELA):
                continue
            for at in range(s.offset, s.offset + s.size, s.entry):
                if self.wide:
                    offset, info = struct.unpack_from("<QQ", self.data, at)
                    yield s.info, offset, info >> 32, info & 0xFFFFFFFF
                else:
                    offset, info = struct.unpack_from("<II", self.data, at)
                    yield s.info, offset, info >> 8, info & 0xFF
