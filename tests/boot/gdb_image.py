# SPDX-License-Identifier: MIT
"""Debian's gdb for i386 (gdb-minimal) with the libraries that it loads, as files of an initrd. What asks the network for sources is a library of nothing."""
import subprocess

import packages

LIBRARIES = {"libc6": ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libthread_db.so.1", "ld-linux.so.2"), "libreadline8": ("libreadline.so.8",),
             "zlib1g": ("libz.so.1",), "libzstd1": ("libzstd.so.1",), "libtinfo6": ("libtinfo.so.6",), "libexpat1": ("libexpat.so.1",),
             "liblzma5": ("liblzma.so.5",), "libipt2": ("libipt.so.2",), "libgmp10": ("libgmp.so.10",), "libxxhash0": ("libxxhash.so.0",),
             "libstdc++6": ("libstdc++.so.6",), "libgcc-s1": ("libgcc_s.so.1",)}
FOLDER = "lib/i386-linux-gnu"
NOTHING = {"ELFUTILS_0.178": ("begin", "end", "find_source", "find_debuginfo", "find_executable", "set_progressfn"),
           "ELFUTILS_0.179": ("set_user_data", "get_user_data")}


def _nothing(folder):
    source, script, library = folder / "nothing.c", folder / "nothing.map", folder / "libdebuginfod.so.1"
    source.write_text("".join(f"void *debuginfod_{name}(void) {{ return 0; }}\n" for names in NOTHING.values() for name in names))
    script.write_text("".join(f"{version} {{ global: {''.join(f'debuginfod_{name}; ' for name in names)}}};\n" for version, names in NOTHING.items()))
    subprocess.run(["gcc", "-m32", "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{library.name}", f"-Wl,--version-script={script}", "-o", library, source],
                   check=True)
    return library.read_bytes()


def files(folder):
    """{name: (mode, bytes)} for session.Machine; folder is one to work in."""
    found = {name: (0o040755, b"") for name in ("usr", "usr/bin", "lib", FOLDER)}
    found["usr/bin/gdb"] = (0o100755, (packages.fetch("gdb-minimal") / "usr/bin/gdb").read_bytes())
    for package, names in LIBRARIES.items():
        root = packages.fetch(package)
        for name in names:
            path = next(p for p in sorted(root.glob(f"**/{name}")) if "i386-linux-gnu" in str(p))
            found[f"{FOLDER}/{name}"] = (0o100755, path.resolve().read_bytes())
    found[f"{FOLDER}/libdebuginfod.so.1"] = (0o100755, _nothing(folder))
    found["lib/ld-linux.so.2"] = (0o120777, b"i386-linux-gnu/ld-linux.so.2")
    return found
