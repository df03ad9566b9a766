# SPDX-License-Identifier: MIT
"""Packages: what a command needs is installed where that is possible; otherwise the exact line to type is printed.

`require(*groups)` is for packages of this machine. `fetch(name)` unpacks one of Debian's i386 packages under build/cache without
installing it, with an apt state of its own, so that the machine needs no foreign architecture and nobody needs to be root.
"""
import fcntl
import glob
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "cache"

# Group -> package -> how to see that it is there: the name of a program, or a path with wildcards.
GROUPS = {
    "build": {"meson": "meson", "ninja-build": "ninja", "clang": "clang", "lld": "ld.lld", "binutils": "nm"},
    "gcc": {"gcc": "gcc", "gcc-multilib": "/usr/lib/gcc/*/*/32/libgcc.a", "libc6-dev-i386": "/usr/lib32/libc.a"},
    "qemu": {"qemu-system-x86": "qemu-system-i386"},
    "unit": {"libcmocka-dev": "/usr/include/cmocka.h", "pkg-config": "pkg-config", "libc6-dev": "/usr/include/stdio.h",
             "libclang-rt-14-dev|libclang-rt-dev": "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-x86_64.a"},
    "boot": {"python3-pytest": "/usr/lib/python3/dist-packages/pytest", "python3-pexpect": "/usr/lib/python3/dist-packages/pexpect",
             "cpio": "cpio", "gzip": "gzip", "seabios": "/usr/share/seabios/bios.bin"},
    "image": {"grub-pc-bin": "/usr/lib/grub/i386-pc/multiboot.mod", "grub-common": "grub-mkrescue", "xorriso": "xorriso",
              "mtools": "mformat"},
    "models": {"spin": "spin"},
    "gdb": {"gdb": "/usr/bin/gdb"},
}
_fetched_lists = False


def _there(probe):
    return bool(glob.glob(probe)) if probe.startswith("/") else shutil.which(probe) is not None


def _first_known(names):
    """Of alternatives `a|b`, the first that apt knows."""
    names = names.split("|")
    for name in names[:-1]:
        if subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).returncode == 0:
            return name
    return names[-1]


def missing(*groups):
    return [package for group in groups for package, probe in GROUPS[group].items() if not _there(probe)]


def _apt(*words):
    """apt-get as root. A failed update of one list is not the end: what is needed may be in the others."""
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run([*become, "apt-get", "-q", "-o", "Acquire::Retries=3", *words], env=environment, stdout=sys.stderr, check=False).returncode


def require(*groups):
    """Sees to it that the packages of these groups are installed, or leaves with the line to type."""
    names = missing(*groups)
    if not names:
        return
    if shutil.which("apt-get") is None:
        sys.exit("These Debian packages, or your system's name for them, are needed: " + " ".join(names))
    print("installing: " + " ".join(names), file=sys.stderr, flush=True)
    may = os.geteuid() == 0 or subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0 \
        if os.geteuid() == 0 or shutil.which("sudo") else False
    if may:
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", *[_first_known(n) for n in names])
        names = missing(*groups)
    if names:
        sys.exit("Packages are missing; type: sudo apt-get install --no-install-recommends "
                 + " ".join(n.split("|")[0] for n in names))


def _private_apt(*words, **kwargs):
    """apt-get for i386 with its lists and its notion of what is installed under build/cache/apt."""
    state = CACHE / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = {"Dir::State": state, "Dir::State::lists": state / "lists", "Dir::State::status": state / "status",
               "Dir::Cache": state / "cache", "APT::Architecture": "i386", "APT::Architectures::": "i386",
               "APT::Sandbox::User": "", "Acquire::Languages": "none", "Acquire::Retries": "3", "APT::Get::List-Cleanup": "0"}
    (state / "apt.conf").write_text("#clear APT::Architectures;\n" + "".join(f'{k} "{v}";\n' for k, v in options.items()))
    return subprocess.run(["apt-get", "-q", *words], env={**os.environ, "APT_CONFIG": str(state / "apt.conf")}, **kwargs)


def _dependencies(package):
    """What a meta package of one dependency stands for (linux-image-686 -> linux-image-6.1.0-NN-686)."""
    state = CACHE / "apt"
    shown = subprocess.run(["apt-cache", "show", package], env={**os.environ, "APT_CONFIG": str(state / "apt.conf")},
                           capture_output=True, text=True, check=False).stdout
    for line in shown.splitlines():
        if line.startswith("Depends:"):
            return [word.split()[0] for word in line[len("Depends:"):].split(",") if word.strip()]
    return []


def _update_once():
    global _fetched_lists
    if not _fetched_lists:
        print("asking Debian's mirror for its list of i386 packages", file=sys.stderr, flush=True)
        _private_apt("update", check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _fetched_lists = True


def fetch(package, meta=False):
    """The folder with the unpacked i386 package; fetched once. With meta, the package that it depends on is meant."""
    folder = CACHE / package
    if (folder / ".complete").exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)        # another process may be at it
        return folder if (folder / ".complete").exists() else _fetch(package, folder, meta)


def _fetch(package, folder, meta):
    if shutil.which("apt-get") is None:
        sys.exit(f"Debian's i386 package {package} is needed, and this machine has no apt-get: unpack it to {folder}")
    _update_once()
    real = _dependencies(package)[0] if meta and _dependencies(package) else package
    work = CACHE / f"{package}.new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    print(f"fetching {real} (i386)", file=sys.stderr, flush=True)
    result = _private_apt("download", real, cwd=work, check=False, capture_output=True, text=True)
    found = list(work.glob("*.deb"))
    if not found:
        sys.exit(f"cannot fetch Debian's package {real} for i386:\n{result.stdout}{result.stderr}")
    subprocess.run(["dpkg-deb", "-x", found[0], work / "root"], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    (work / "root").rename(folder)
    shutil.rmtree(work)
    (folder / ".complete").touch()
    return folder


def busybox():
    """Debian's static busybox for i386."""
    return fetch("busybox-static") / "bin" / "busybox"


def linux():
    """Debian's own kernel for i386, the judge of the guest tests and of speed."""
    return sorted((fetch("linux-image-686", meta=True) / "boot").glob("vmlinuz-*"))[0]
