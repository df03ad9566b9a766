# SPDX-License-Identifier: MIT
"""The commands of ./perigee."""
import argparse
import importlib
import pathlib
import sys

sys.dont_write_bytecode = True
import initrd
import kernelbuild
import machine
import packages

BUILD = kernelbuild.BUILD
MODULES = {"profile": "profiler"}  # commands whose name is a module's of Python's own


def command_build(args):
    print(kernelbuild.build(args.debug, args.compiler, args.sanitize))
    return 0


def _machine_arguments(parser):
    parser.add_argument("--memory", "-m", default="128", help="MiB of RAM, or with a suffix as QEMU takes it")
    parser.add_argument("--cpus", "-c", type=int, default=machine.default_cpus(), metavar="N",
                        help=f"processors of the machine (as many as there are here, at most {machine.MOST_CPUS})")
    parser.add_argument("--append", default="", help="more words for the kernel")
    parser.add_argument("--kernel", help="another kernel: any that QEMU starts")
    parser.add_argument("--debug", action="store_true", help="the kernel with all of its checks")


def command_run(args, program):
    packages.require("build", "qemu")
    kernel = args.kernel or kernelbuild.build(args.debug)
    if program:
        import runprogram
        return runprogram.run(kernel, program, args)
    image = args.initrd or initrd.shell_initrd(BUILD / "shell.cpio")
    if sys.stdin.isatty():
        print("`exit` or `poweroff` turns the machine off. To leave one that hangs: Ctrl-A, then X.")
    words = "console=tty0 console=ttyS0" if args.gui else "console=ttyS0"
    append = f"{words} quiet panic=-1 {machine.terminal_words()} {args.append}"
    return machine.run_on_terminal(kernel, image, append, args.memory, args.gui, args.cpus)


def command_test(args):
    import testall
    return testall.run(args)


def main():
    words, program = sys.argv[1:], []
    if "--" in words:
        program, words = words[words.index("--") + 1:], words[:words.index("--")]
        if not program:
            sys.exit("a program is missing behind --")
    parser = argparse.ArgumentParser(prog="perigee", description="Perigee: builds it, runs it, tests it.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sub = commands.add_parser("run", help="boots to a shell on this terminal; `run -- PROGRAM ARG...` runs a static i386 program")
    _machine_arguments(sub)
    sub.add_argument("--gui", action="store_true", help="with a window for the screen and the keyboard")
    sub.add_argument("--initrd", help="another initrd (cpio newc, plain or gzip)")
    sub = commands.add_parser("build", help="builds build/i386/perigee.elf")
    sub.add_argument("--debug", action="store_true", help="with all checks, in build/i386-debug")
    sub.add_argument("--sanitize", action="store_true", help="with all checks and the compiler's sanitizers, in build/i386-sanitize")
    sub.add_argument("--compiler", choices=["clang", "gcc"], default="clang")
    sub = commands.add_parser("test", help="runs all tests, or those whose name contains PATTERN")
    sub.add_argument("pattern", nargs="?", metavar="PATTERN")
    sub.add_argument("--list", action="store_true")
    for name, text in (("debug", "boots halted, with GDB attached"), ("image", "makes a bootable ISO"),
                       ("figures", "measures start time, sizes and the like"),
                       ("bench", "runs the benchmarks here and on Debian's kernel; `--check` compares with the last accepted figures"),
                       ("profile", "`profile -- PROGRAM ARG...`: where a program's instructions go, kernel and user")):
        sub = commands.add_parser(name, help=text)
        if name in words[:1]:
            importlib.import_module(MODULES.get(name, name)).add_arguments(sub)
    if words in ([], ["help"]):
        parser.print_help()
        return 0 if words else 2
    args = parser.parse_args(words)
    if args.command == "profile":
        import profiler
        return profiler.run(args, program)
    if program and args.command != "run":
        parser.error("a program behind -- is for run and profile")
    if args.command in ("debug", "image", "figures", "bench"):
        return importlib.import_module(args.command).run(args)
    return {"build": command_build, "test": command_test}[args.command](args) if args.command != "run" else command_run(args, program)


if __name__ == "__main__":
    sys.exit(main())
