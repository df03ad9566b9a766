# SPDX-License-Identifier: MIT
"""Whole packages of Debian's for i386, with the libraries that they load, as files of an initrd: programs under /usr/bin and /usr/sbin."""
import os
import stat
import subprocess
import tempfile

import packages

PACKAGES = ("libc6", "coreutils", "findutils", "grep", "sed", "mawk", "gawk", "tar", "gzip", "xz-utils", "bzip2", "diffutils", "make", "bash", "dash",
            "python3.11-minimal", "libpython3.11-minimal", "perl-base", "lua5.4", "sqlite3", "vim-tiny", "nano", "less", "bc", "m4", "file", "jq", "tcc",
            "libc6-dev", "linux-libc-dev", "bsdutils", "util-linux", "login", "patch", "ed", "cpio", "git", "bison", "flex", "screen", "tmux", "stress-ng")
LIBRARIES = ("libacl1", "libattr1", "libselinux1", "libpcre2-8-0", "libgmp10", "libtinfo6", "libreadline8", "libbz2-1.0", "liblzma5", "zlib1g", "libexpat1",
             "libcrypt1", "libcap2", "ncurses-base", "libncursesw6", "libssl3", "libzstd1", "liblz4-1", "libmpfr6", "libsigsegv2", "libpam0g", "libaudit1",
             "libcap-ng0", "libutempter0", "libevent-core-2.1-7", "libsystemd0", "libgpm2", "libsmartcols1", "libdb5.3", "libsqlite3-0", "libmagic1",
             "libmagic-mgc", "libjq1", "libonig5", "libmount1", "libblkid1", "libudev1", "libc-bin", "libjudydebian1",
             "libapparmor1", "libbsd0", "libmd0", "libkmod2", "libsctp1", "libxxhash0", "libjpeg62-turbo")
MOVED = {"bin": "usr/bin", "sbin": "usr/sbin"}
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bash-completion", "usr/lib/i386-linux-gnu/gconv",
            "usr/share/gitweb", "usr/share/lintian", "usr/share/zoneinfo", "usr/share/doc-base", "etc/init.d", "etc/passwd", "etc/group", "usr/include/linux/netfilter",
            "usr/share/nano", "usr/lib/i386-linux-gnu/perl")
LARGE = 12 << 20        # what is larger is a static library or the like


def _place(relative):
    first, _, rest = relative.partition("/")
    return f"{MOVED[first]}/{rest}" if first in MOVED and rest else relative


def tree(package):
    root = packages.fetch(package)
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names) + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            if name == ".complete" or relative.startswith(LEFT_OUT) or relative.endswith(".a") and "libtcc" not in relative and "nonshared" not in relative:
                continue
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                yield _place(relative), (0o120777, os.readlink(path).encode())
            elif status.st_size <= LARGE:
                with open(path, "rb") as file:
                    yield _place(relative), (status.st_mode, file.read())


def _nothing():
    """What stress-ng asks of a screen's libraries, which no test here uses: functions of nothing."""
    program = packages.fetch("stress-ng") / "usr/bin/stress-ng"
    words = subprocess.run(["nm", "-D", "--undefined-only", program], capture_output=True, text=True, check=True).stdout.split()
    source = "".join(f"void *{word}(void) {{ return 0; }}\n" for word in words if word.startswith(("egl", "gl", "gbm_")) and not word.startswith("glob"))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("libEGL.so.1", "libGLESv2.so.2", "libgbm.so.1"):
            path = os.path.join(folder, name)
            subprocess.run(["gcc", "-m32", "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{name}", "-x", "c", "-o", path, "-"], input=source, text=True,
                           check=True)
            with open(path, "rb") as file:
                yield f"usr/lib/i386-linux-gnu/{name}", (0o100644, file.read())


def files(more=None):
    """{name: (mode, bytes)} for session.Machine; more is added in the same form."""
    found = {}
    for package in (*PACKAGES, *LIBRARIES):
        found.update(tree(package))
    found.update(_nothing())
    found.update(more or {})
    folders = {""}
    for name in found:
        while name := name.rpartition("/")[0]:
            folders.add(name)
    known = {"bin", "dev", "etc", "proc", "root", "sys", "tmp", "var", ""}
    result = {name: (0o040755, b"") for name in sorted(folders - known)}
    return {**result, **dict(sorted(found.items()))}
