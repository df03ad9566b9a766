# SPDX-License-Identifier: MIT
"""`./perigee image`: a bootable ISO (GRUB, for a PC's BIOS) with the same shell on the screen and on the first serial line."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import initrd
import kernelbuild
import packages

WORDS = "quiet"
ENTRIES = [
    ("Perigee (screen and serial)", f"console=ttyS0 console=tty0 {WORDS}"),
    ("Perigee, telling what it does", "console=ttyS0 console=tty0 debug"),
]


def _menu():
    lines = ["set timeout=0", "set default=0"]
    for title, words in ENTRIES:
        lines += [f'menuentry "{title}" {{', f"\tmultiboot /boot/perigee.elf /boot/perigee.elf {words}", "\tmodule /boot/initrd.cpio", "\tboot", "}"]
    return "\n".join(lines) + "\n"


def make_image(kernel, initrd_path, out):
    """Writes the ISO; its path. The kernel is stripped of what only a debugger needs."""
    packages.require("image")
    out = pathlib.Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        boot = pathlib.Path(folder) / "boot"
        (boot / "grub").mkdir(parents=True)
        subprocess.run(["llvm-strip" if shutil.which("llvm-strip") else "strip", "-o", boot / "perigee.elf", kernel], check=True)
        shutil.copy(initrd_path, boot / "initrd.cpio")
        (boot / "grub" / "grub.cfg").write_text(_menu())
        command = ["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", str(out), "--compress=xz", "--locales=", "--fonts=", "--themes=",
                   "--install-modules=multiboot normal biosdisk iso9660 part_msdos test configfile serial terminal minicmd", folder]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or not out.exists():
        sys.exit(f"grub-mkrescue failed:\n{result.stdout}{result.stderr}")
    return out


def add_arguments(parser):
    parser.add_argument("--output", "-o", default=str(kernelbuild.BUILD / "perigee.iso"), help="where to write it")
    parser.add_argument("--initrd", help="another initrd")
    parser.add_argument("--kernel", help="another Multiboot kernel")


def run(args):
    kernel = args.kernel or kernelbuild.build()
    path = make_image(kernel, args.initrd or initrd.shell_initrd(kernelbuild.BUILD / "shell.cpio"), args.output)
    print(path)
    print(f"It starts with: qemu-system-i386 -cdrom {path} -serial stdio", file=sys.stderr)
    return 0
