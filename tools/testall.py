# SPDX-License-Identifier: MIT
"""`./perigee test`: everything, or what matches. Each suite lists its tests by name and runs those that are chosen.

A name is SUITE/REST. A suite is a module-level class with `names()` and `run(chosen)`, which yields (name, passed, text): the text of
a failure is what helps to understand it. Failures end with the command that runs just that test again.

The suites run side by side (lanes.py), after the builds and after `prepare()` of each has made what it runs: from then on nothing that two of them
use is written. What a suite does write has the number of its process in its name.
"""
import argparse
import contextlib
import functools
import importlib.util
import io
import os
import pathlib
import re
import subprocess
import sys
import time

import kernelbuild
import lanes
import packages

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
HOST_BUILD = ROOT / "build" / "host"
sys.path.insert(0, str(TESTS / "guest"))

HOST_LIMIT_S = 300
MODEL_LIMIT_S = 240
MOST_LANES = 2
ROOM_MIB = 3900         # for all lanes together: of a machine with 4 GiB
BOOT_TWICE = ["shell", "script", "limits", "scarce", "programs", "serial"]       # tests of the boot suite that say something else on two CPUs
VARIANTS = {"clang": (False, "clang"), "clang-debug": (True, "clang"), "gcc": (False, "gcc"), "gcc-debug": (True, "gcc"),
            "clang-sanitize": (True, "clang", True)}


# What suites share is made once, by who starts them.
_perigee = functools.cache(kernelbuild.build)
_debug = functools.cache(lambda: kernelbuild.build(debug=True))
_sanitized = functools.cache(lambda: kernelbuild.build(sanitize=True))
_host = functools.cache(kernelbuild.build_host)
_linux = functools.cache(packages.linux)


def _say(text):
    print(text, flush=True)


class Suite:
    memory = 900            # MiB that run() takes at most, with its machines

    def prepare(self):
        """Makes what run() needs and another suite may need, too."""


class Build(Suite):
    """The kernel with both compilers, with and without checks: not one warning."""
    prefix = "build"

    def names(self):
        return list(VARIANTS)

    def run(self, chosen):
        for name in chosen:
            path, text = kernelbuild.try_build(*VARIANTS[name])
            yield name, path is not None and "warning:" not in text, text


class Checks(Suite):
    """What is checked in the sources alone."""
    prefix = "check"
    commands = {
        "layers": ["tools/layercheck.py"],
        "locks": ["tools/checklocks.py"],
        "syscalls-documented": ["tools/gensyscalls.py", "--check", "docs/syscalls.md"],
        "programs-documented": ["tools/genprograms.py", "--check", "docs/programs.md"],
        "documents": ["tools/checkdocs.py"],
        "guest-tests-documented": ["tools/genguesttests.py", "--check", "docs/guest-tests.md"],
    }

    def names(self):
        return list(self.commands)

    def prepare(self):
        _perigee()

    def run(self, chosen):
        for name in chosen:
            result = subprocess.run(["/usr/bin/python3", *self.commands[name]], cwd=ROOT, capture_output=True, text=True, check=False)
            yield name, result.returncode == 0, result.stdout + result.stderr


WHOLE = "all"  # the name of what a program tests that is no list of cmocka's: thousands of schedules or cases, and one result


class HostTests(Suite):
    """cmocka programs over the real sources on this machine; the suites `unit` and `property` of the native meson build."""

    def __init__(self, prefix):
        self.prefix = prefix

    def _programs(self):
        packages.require("build", "unit")
        _host()
        return kernelbuild.host_tests(self.prefix)

    def names(self):
        found = []
        for program, command in self._programs().items():
            found += [f"{program}/{function}" for function in kernelbuild.test_functions(command) or [WHOLE]]
        return found

    def run(self, chosen):
        programs = self._programs()
        for program in dict.fromkeys(name.rpartition("/")[0] for name in chosen):
            mine = [name.rpartition("/")[2] for name in chosen if name.rpartition("/")[0] == program]
            yield from self._run_program(program, programs[program], mine)

    def _run_program(self, program, command, wanted):
        environment = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "STDOUT"}
        if len(wanted) == 1 and wanted != [WHOLE]:
            environment["TEST_FILTER"] = wanted[0]
        # A program that hangs is a failure, too, not the end of the tests.
        limited = ["timeout", "--kill-after=5", str(HOST_LIMIT_S), *command]
        result = subprocess.run(limited, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False)
        text = result.stdout + result.stderr
        good = set(re.findall(r"\[ +OK +\] (\w+)", text))
        if wanted == [WHOLE] and not result.returncode:
            good.add(WHOLE)
        for function in wanted:
            yield f"{program}/{function}", function in good, text[-6000:]
        if result.returncode and good.issuperset(wanted):
            yield f"{program}/exit", False, f"status {result.returncode}\n{text[-6000:]}"


class Models(Suite):
    """The protocols of tests/models, searched by Spin: each must hold, and each fault that is put into it must be found."""
    prefix = "models"
    memory = 1900           # MEMORY_MIB of tests/models/run.py

    @staticmethod
    def _module():
        packages.require("models", "gcc")
        spec = importlib.util.spec_from_file_location("models", TESTS / "models" / "run.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def names(self):
        models = self._module()
        return [name for model in sorted(models.HERE.glob("*.pml")) for name in [model.stem, *(f"{model.stem}/{bug}" for bug in models.bugs_of(model))]]

    def run(self, chosen):
        models = self._module()
        for name in chosen:
            stem, _, bug = name.partition("/")
            with contextlib.redirect_stdout(io.StringIO()) as text:
                good = models.check(models.HERE / f"{stem}.pml", bug or None, argparse.Namespace(seconds=MODEL_LIMIT_S, lines=80, times=False))
            yield name, good, text.getvalue()


class Guest(Suite):
    """The programs of tests/guest on one kernel."""

    def __init__(self, prefix, kernel, torture=False, **options):
        self.prefix, self.kernel, self.torture, self.options = prefix, kernel, torture, options

    def names(self):
        packages.require("gcc")
        import run
        return [name for name in run.tests() if name.startswith("torture") == self.torture]

    def prepare(self):
        self.kernel()

    def run(self, chosen):
        packages.require("qemu", "gcc")
        import run
        alone = chosen[0] if len(chosen) == 1 else None
        wanted = set(chosen)
        groups = dict.fromkeys(name.split("/")[0] for name in chosen)
        pattern = alone or list(groups)
        for result in run.run_kernel(self.kernel(), pattern, echo=True, **self.options):
            extra = result.test in ("machine", "exit", "leak", "stack")
            if extra or result.name in wanted:
                yield result.name, result.passed, "\n".join([result.reason, *("  | " + line for line in result.log)])


class Sanitize(Suite):
    """Faults that the sanitized kernel makes on demand: it must find each."""
    prefix = "sanitize"

    @staticmethod
    def _module():
        import sanitize
        return sanitize

    def names(self):
        return list(self._module().PROBES)

    def prepare(self):
        _sanitized()

    def run(self, chosen):
        packages.require("qemu")
        for name in chosen:
            yield name, *self._module().check(_sanitized(), name)


class Latency(Suite):
    """The guest programs on the kernel with its checks, under -icount: how many instructions preemption and interrupts are off at most."""
    prefix = "latency"

    def names(self):
        import run
        return [name for name in run.programs() if not name.startswith("torture")]

    def prepare(self):
        import run
        _debug()
        run.build()

    def run(self, chosen):
        packages.require("qemu", "gcc")
        import latency
        sections, why = latency.measure(_debug(), chosen)
        ended = sections.finished
        for name in chosen:
            bad = [lines for cycles, program, lines in sections.longest.values() if program == name and cycles > latency.LIMIT]
            text = "\n".join("\n  ".join(lines) for lines in bad)
            yield name, name in ended and not bad, text or why or "it did not end"
        if sections.longest:
            _say(f"  {max(each[0] for each in sections.longest.values())} instructions at most")


class Bench(Suite):
    """The small benchmarks under -icount: none may need a tenth more instructions than the last accepted figures say. They repeat, so that this is no
    test of time; the limit leaves room for another compiler's code."""
    prefix = "bench"
    limit = 1.10
    memory = 1200

    @staticmethod
    def _module():
        import bench
        return bench

    def names(self):
        bench = self._module()
        return list(bench.baseline(bench.SMALL))

    def prepare(self):
        _perigee()

    def run(self, chosen):
        packages.require("qemu", "gcc")
        bench = self._module()
        why, figures = "", {}
        try:
            figures = bench.measure_checked(_perigee(), chosen[0] if len(chosen) == 1 else "", [bench.SMALL])
        except bench.benchrun.Failed as error:
            why = str(error)
        bad = {line.split(":")[0]: line for line in bench.worse(figures, self.limit, chosen)}
        for name in chosen:
            yield name, name not in bad, why or bad.get(name, "")


class Boot(Suite):
    """pytest + pexpect: the system used as a person would."""
    memory = 3000           # one test fills a machine of 3 GiB

    def __init__(self, prefix, cpus, files=None):
        self.prefix, self.cpus, self.files = prefix, cpus, files

    def _pytest(self, *words):
        packages.require("qemu", "boot", "image", "gdb", "gcc")
        command = ["/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "--rootdir", str(TESTS / "boot"), *words]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PERIGEE_TEST_CPUS": str(self.cpus)}, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace")

    def names(self):
        files = [str(TESTS / "boot" / f"test_{name}.py") for name in self.files] if self.files else [str(TESTS / "boot")]
        listed = self._pytest("--collect-only", "-q", *files).communicate()[0]
        return [line.split("::")[0].split("/")[-1].removesuffix(".py").removeprefix("test_") + "/" + line.split("::", 1)[1].removeprefix("test_")
                for line in listed.splitlines() if "::" in line]

    @staticmethod
    def _node(name):
        file, _, test = name.partition("/")
        return f"{TESTS / 'boot' / f'test_{file}.py'}::test_{test}"

    def prepare(self):
        _perigee()

    def run(self, chosen):
        process = self._pytest("-v", "--tb=short", *[self._node(name) for name in chosen])
        outcome, text = {}, []
        try:
            for line in process.stdout:
                text.append(line)
                found = re.match(r"(?:\S*/)?test_(\w+)\.py::test_(.+?) (PASSED|FAILED|ERROR|SKIPPED)", line)
                if found:
                    name = f"{found[1]}/{found[2]}"
                    outcome[name] = found[3]
                    _say(f"{'ok' if found[3] == 'PASSED' else found[3]} {name}")
        finally:
            process.wait()      # it ends its machines when it is interrupted, as this process is
        whole = "".join(text)
        for name in chosen:
            yield name, outcome.get(name) == "PASSED", "" if outcome.get(name) == "PASSED" else _about(whole, name)


def _about(whole, name):
    """The part of pytest's report that is about one test, or its end."""
    title = re.escape("test_" + name.split("/")[1])
    part = re.search(rf"^_+ (?:ERROR at setup of )?{title} _+$(.*?)(?=^_+ \S|^=+ )", whole, re.M | re.S)
    return part[1] if part else whole[-4000:]


def suites():
    """All; those that take longest first, so that the lanes end together."""
    # The shadow takes an eighth of the memory and more; TORTURE gives each test of the plain programs twice the time.
    sanitized = Guest("guest-sanitize", _sanitized, cpus=2, memory=320, leaks=False, append="TORTURE=2")
    guest = [Guest("guest-2cpu", _perigee, cpus=2), Guest("guest-debug", _debug, cpus=2), Guest("guest", _perigee),
             Guest("guest-linux", _linux, leaks=False)]
    torture = [Guest("torture-sanitize", _sanitized, torture=True, cpus=2, memory=512, leaks=False),
               Guest("torture-debug", _debug, torture=True, cpus=2, leaks=False), Guest("torture-linux", _linux, torture=True, cpus=2, leaks=False)]
    # To look for leaks takes each program a second time.
    torture += [Guest(f"torture-{cpus}cpu", _perigee, torture=True, cpus=cpus, leaks=cpus == 2) for cpus in (2, 4, 8)]
    return [Build(), Boot("boot", 1), sanitized, HostTests("property"), Latency(), Models(), *guest, *torture, Boot("boot-2cpu", 2, BOOT_TWICE),
            Bench(), Sanitize(), HostTests("unit"), Checks()]


def _chosen(suite, pattern):
    if pattern and "/" in pattern and pattern.split("/")[0] in [s.prefix for s in suites()] and pattern.split("/")[0] != suite.prefix:
        return []
    names = suite.names()
    return [n for n in names if not pattern or pattern in f"{suite.prefix}/{n}"]


class Report:
    """What the suites find, told and counted as it comes (lanes.run)."""

    def __init__(self, chosen):
        self.chosen, self.began, self.tests, self.passed, self.failed = chosen, {}, {}, 0, []

    def started(self, name):
        self.began[name], self.tests[name] = time.monotonic(), []
        _say(f"== {name}: {len(self.chosen[name])} tests")

    def line(self, name, text):
        _say(f"{name} | {text}")

    def reported(self, name, what):
        test, good, text = what
        self.tests[name].append(good)
        if good:
            self.passed += 1
        else:
            self._failure(f"{name}/{test}", text)

    def ended(self, name, why):
        if why is not None:
            self.tests[name].append(False)
            self._failure(name, f"the suite's process {why}")
        good, bad = self.tests[name].count(True), self.tests[name].count(False)
        _say(f"== {name}: {good} passed, {bad} failed, {self._seconds(name)}")
        del self.began[name]

    def quiet(self):
        _say("== still at work: " + ", ".join(f"{name} ({self._seconds(name)})" for name in self.began))

    def _failure(self, test, text):
        self.failed.append(test)
        _say(f"FAILED {test}\n{text}\n  again: ./perigee test {test}")

    def _seconds(self, name):
        return f"{time.monotonic() - self.began[name]:.0f} s"


def _run_suites(chosen):
    """Runs {suite: names of tests}: the builds by themselves, which use all CPUs, and what they make is then there for all others."""
    report = Report({suite.prefix: names for suite, names in chosen.items()})
    jobs = {suite: (suite.prefix, functools.partial(_work, suite, names), suite.memory) for suite, names in chosen.items()}
    lanes.run([job for suite, job in jobs.items() if isinstance(suite, Build)], 1, ROOM_MIB, report)
    rest = {suite: job for suite, job in jobs.items() if not isinstance(suite, Build)}
    for suite in rest:
        suite.prepare()
    lanes.run(list(rest.values()), min(MOST_LANES, len(os.sched_getaffinity(0))), ROOM_MIB, report)
    return report


def _work(suite, names, report):
    for result in suite.run(names):
        report(result)


def run(args):
    packages.require("build", "gcc", "qemu", "unit", "models", "boot", "image", "gdb")
    chosen = {suite: names for suite in suites() if (names := _chosen(suite, args.pattern))}
    if args.list:
        _say("\n".join(f"{suite.prefix}/{name}" for suite, names in chosen.items() for name in names))
        return 0
    report = _run_suites(chosen)
    if report.failed:
        _say("\nfailed:\n" + "\n".join("  " + name for name in report.failed))
    if not chosen:
        _say(f"nothing matches {args.pattern}; ./perigee test --list lists")
    _say(f"{report.passed} passed, {len(report.failed)} failed")
    return 1 if report.failed or not report.passed else 0
