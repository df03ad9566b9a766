# SPDX-License-Identifier: MIT
"""Debian's tools that read /proc (procps, psmisc, lsof, htop), with the libraries that they load, as files of an initrd."""
import re

import packages

PROGRAMS = {"procps": ("bin/ps", *(f"usr/bin/{name}" for name in ("free", "pgrep", "pkill", "pmap", "pwdx", "slabtop", "top", "uptime", "vmstat", "w")),
                       "sbin/sysctl"),
            "psmisc": ("bin/fuser", "usr/bin/killall", "usr/bin/pstree", "usr/bin/prtstat"), "lsof": ("usr/bin/lsof",), "htop": ("usr/bin/htop",),
            "sysvinit-utils": ("sbin/killall5",)}
LIBRARIES = ("libc6", "libproc2-0", "libtinfo6", "libncursesw6", "libsystemd0", "libcap2", "libgcrypt20", "libgpg-error0", "liblzma5", "libzstd1", "liblz4-1",
             "libtirpc3", "libselinux1", "libpcre2-8-0", "libnl-3-200", "libnl-genl-3-200", "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libcom-err2",
             "libkrb5support0", "libkeyutils1")
LIBRARY_FOLDER = "lib/i386-linux-gnu"
TERMINALS = ("lib/terminfo/d/dumb", "lib/terminfo/v/vt100", "lib/terminfo/l/linux")


def _libraries():
    """By the name under which they are asked for (a link beside the file)."""
    for package in LIBRARIES:
        root = packages.fetch(package)
        yield from (path for path in sorted(root.glob("**/lib/i386-linux-gnu/*.so.*")) if re.search(r"\.so\.\d+$", path.name))


def files():
    """{name: (mode, bytes)} for session.Machine."""
    found = {}
    for package, names in PROGRAMS.items():
        root = packages.fetch(package)
        for name in names:
            found[f"usr/bin/{name.rsplit('/', 1)[1]}"] = (0o100755, (root / name).read_bytes())
    for path in _libraries():
        found[f"{LIBRARY_FOLDER}/{path.name}"] = (0o100755, path.resolve().read_bytes())
    found["lib/ld-linux.so.2"] = (0o120777, b"i386-linux-gnu/ld-linux.so.2")
    for name in TERMINALS:
        found[name] = (0o100644, (packages.fetch("ncurses-base") / name).read_bytes())
    for folder in ("usr", "usr/bin", "lib", LIBRARY_FOLDER, "lib/terminfo", "lib/terminfo/d", "lib/terminfo/v", "lib/terminfo/l"):
        found = {folder: (0o040755, b""), **found}
    return dict(sorted(found.items()))
