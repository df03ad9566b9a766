# SPDX-License-Identifier: MIT
"""`./perigee bench`: the same benchmarks on Perigee and on Debian's kernel, in instructions and by wall clock, as one table.

The static programs of bench/ run on both kernels in the same machine: first under QEMU's -icount, where a nanosecond is one instruction, then,
in turn and several times, by wall clock, of which the best of each benchmark counts. build/bench/bench.json and bench.html get the figures.

`--check` compares Perigee's instructions alone with bench/baseline.json and ends with status 1 when something got more than 3 % worse;
`--accept` makes what it measures the baseline.
"""
import datetime
import json
import pathlib
import subprocess
import sys

import benchdocs
import benchkept
import benchpage
import benchrun
import benchtable
import kernelbuild
import packages

BASELINE = pathlib.Path(__file__).resolve().parent.parent / "bench" / "baseline.json"
OUT = kernelbuild.BUILD / "bench"
SMALL, SCALE = "kbench", "kscale"           # one operation at a time; much of everything, and real work
CHECKED = {SMALL: ["ms=10", "mb=768"], SCALE: []}   # what the baseline was measured with: the number of repeats is a part of a figure
WORSE = 1.03
ROUNDS = 3
LINUX = "linux"


def add_arguments(parser):
    parser.add_argument("--only", default="", metavar="PART", help="benchmarks whose names contain PART; of the large ones, what a name begins with (live_1000, sparse)")
    parser.add_argument("--quick", action="store_true", help="only kbench: fewer repeats, fork of at most 64 MiB, one round by wall clock")
    parser.add_argument("--long", action="store_true", help="1,000 children of the largest process instead of 50, in a row and all alive, in 3 GiB: minutes of copying page tables on Linux")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of both machines (1)")
    parser.add_argument("--no-wall", action="store_true", help="instructions only")
    parser.add_argument("--reuse", action="store_true", help="Linux's instructions from the last time that the same was measured")
    parser.add_argument("--docs", action="store_true", help="with --no-wall and all benchmarks: writes the tables into README.md and docs/figures.md")
    parser.add_argument("--check", action="store_true", help="says what needs more instructions than bench/baseline.json says")
    parser.add_argument("--accept", action="store_true", help="writes bench/baseline.json")
    parser.add_argument("--kernel", help="another kernel than the tree's")
    parser.add_argument("--out", type=pathlib.Path, default=OUT, metavar="FOLDER", help="where bench.json and bench.html go (build/bench)")


def _words(program, args, icount):
    if program == SCALE:
        words = ["long=1"] if args.long else []
    elif args.quick:
        words = ["ms=4" if icount else "ms=10", "mb=64"]
    else:
        words = CHECKED[program] if icount else ["ms=40", "mb=256"]
    return [*words, *([f"only={args.only}"] if args.only else [])]


def _tell(title):
    """Progress: a line for each benchmark, on standard error, so that the table can be redirected."""
    return lambda name, figure: print(f"  {title}: {name:<36}" + ("" if figure is None else f"{figure:>16,.0f}"), file=sys.stderr, flush=True)


def _measure(program, kernel, title, args, icount):
    what = f"{title}, {'instructions' if icount else 'ns'}"
    failures = []
    # Under -icount QEMU 7.2 gives the second CPU no turn while Linux waits for it during its start; later it does (bench/benchimage.py).
    append = "maxcpus=1" if icount and title == LINUX and args.cpus > 1 else ""
    words = _words(program, args, icount)
    kept = benchkept.key(kernel, program, words, args.cpus, _memory(args)) if icount and title == LINUX else None
    figures = benchkept.load(OUT, program, kept) if kept and args.reuse else None
    if figures is not None:
        print(f"  {what}: {program} as it was measured before", file=sys.stderr, flush=True)
        return figures
    figures = benchrun.run(kernel, program, words, args.cpus, icount, _memory(args), append, _tell(what), failures)
    for failure in failures:
        print(f"  {title}: {failure}", file=sys.stderr, flush=True)
    if kept and not failures:
        benchkept.store(OUT, program, kept, figures)
    return figures


def _memory(args):
    """MiB, of either machine."""
    return 3072 if args.long else 1024


def _best(figures, more):
    for name, value in more.items():
        figures[name] = min(value, figures.get(name, value))


def _wall(kernels, args):
    """The kernels take turns, so that both get their share of what else this machine does."""
    figures = {name: {} for name in kernels}
    for i in range(1 if args.quick else ROUNDS):
        for name, kernel in kernels.items():
            _best(figures[name], _measure(SMALL, kernel, f"{name}, round {i + 1}", args, False))
    return figures


def measure_checked(kernel, only="", programs=tuple(CHECKED)):
    """{benchmark: instructions} of one kernel, as the baseline was measured."""
    figures = {}
    for program in programs:
        words = [*CHECKED[program], *([f"only={only}"] if only else [])]
        figures.update(benchrun.run(kernel, program, words, tell=_tell("perigee, instructions")))
    return figures


def baseline(program=None):
    """{benchmark: instructions} as they were accepted: of one program, or of all."""
    accepted = json.loads(BASELINE.read_text())["instructions"]
    return accepted[program] if program else {name: value for rows in accepted.values() for name, value in rows.items()}


def _accept(kernel, only):
    """What is measured becomes the baseline; with only, the other rows stay as they are."""
    rows = {p: {**(baseline(p) if only else {}), **measure_checked(kernel, only, [p])} for p in CHECKED}
    BASELINE.write_text(json.dumps({"settings": CHECKED, "instructions": rows}, indent=1) + "\n")
    print(f"wrote {BASELINE}")
    return 0


def worse(figures, limit, wanted=None):
    """[line] for each benchmark of the baseline (or of wanted) that takes more than limit times what it says, or is missing."""
    found = []
    for name, before in baseline().items():
        if wanted is not None and name not in wanted:
            continue
        now = figures.get(name)
        if now is None:
            found.append(f"{name}: not measured")
        elif now > before * limit:
            found.append(f"{name}: {now:,.1f} instructions, {before:,.1f} in the baseline: {100 * (now / before - 1):.1f} % more")
    return found


def _check(kernel, only):
    figures = measure_checked(kernel, only)
    bad = worse(figures, WORSE, set(figures) if only else None)
    print("\n".join(bad) if bad else f"{len(figures)} benchmarks: none more than {100 * (WORSE - 1):.0f} % above the baseline")
    return 1 if bad or not figures else 0


def _about(linux, args):
    qemu = subprocess.run(["qemu-system-i386", "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    qemu = qemu.split(" (")[0].removeprefix("QEMU emulator version ")
    return (f"Linux is {pathlib.Path(linux).name.removeprefix('vmlinuz-')}, with mitigations=off; both in QEMU {qemu} with {args.cpus} CPU"
            f"{'s' if args.cpus > 1 else ''} and {_memory(args) // 1024} GiB, {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}.")


def _write(args, about, instructions, wall, scale):
    args.out.mkdir(parents=True, exist_ok=True)
    whole, rest = benchtable.means(instructions)
    data = {"about": about, "instructions": instructions, "wall_ns": wall, "scale": scale, "mean": whole, "mean_without_fork": rest}
    (args.out / "bench.json").write_text(json.dumps(data, indent=1) + "\n")
    (args.out / "bench.html").write_text(benchpage.page(about, instructions, wall, scale), encoding="utf-8")
    (args.out / "fork.svg").write_text(benchpage.fork_picture(instructions), encoding="utf-8")
    print(f"\nwrote {args.out / 'bench.json'} and {args.out / 'bench.html'}", file=sys.stderr)


def _compare(kernels, args):
    """Measures, prints and writes; the exit status."""
    both = lambda program: {name: _measure(program, each, name, args, True) for name, each in kernels.items()}  # noqa: E731
    instructions = both(SMALL)
    scale = None if args.quick else both(SCALE)
    wall = None if args.no_wall or not instructions["perigee"] else _wall(kernels, args)
    if not instructions["perigee"] and not (scale and scale["perigee"]):
        sys.exit(f"perigee: no benchmark's name contains {args.only}")
    about = _about(kernels[LINUX], args)
    if instructions["perigee"]:
        print("\n".join(["", *benchtable.table(instructions, wall)]))
    if scale and scale["perigee"]:
        print("\n".join(["", *benchtable.table(scale, with_means=False), "", *benchdocs.summary(scale)]))
    print(f"\n{about}")
    _write(args, about, instructions, wall, scale)
    if args.docs:
        benchdocs.write(about, instructions, scale, args.out / "fork.svg")
    return 0


def run(args):
    packages.require("build", "gcc", "qemu")
    if args.docs and (not args.no_wall or args.only or args.quick or args.long or args.cpus > 1):
        sys.exit("perigee: --docs goes with --no-wall, and with all benchmarks on one CPU")
    kernel = args.kernel or kernelbuild.build()
    try:
        if args.check or args.accept:
            return (_accept if args.accept else _check)(kernel, args.only)
        return _compare({LINUX: packages.linux(), "perigee": kernel}, args)
    except benchrun.Failed as why:
        print(f"perigee: {why}", file=sys.stderr)
        return 1
