# SPDX-License-Identifier: MIT
"""`./perigee test`: everything, or what matches. Each suite lists its tests by name and runs those that are chosen.

A name is SUITE/REST. A suite is a module-level class with `names()` and `run(chosen)`, which yields (name, passed, text): the text of
a failure is what helps to understand it. Failures end with the command that runs just that test again.
"""
import argparse
import contextlib
import importlib.util
import io
import os
import pathlib
import re
import subprocess
import sys
import time

import kernelbuild
import packages

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
HOST_BUILD = ROOT / "build" / "host"
sys.path.insert(0, str(TESTS / "guest"))

HOST_LIMIT_S = 300
MODEL_LIMIT_S = 240
BOOT_TWICE = ["shell", "script", "limits", "programs", "serial"]       # tests of the boot suite that say something else on two CPUs
VARIANTS = {"clang": (False, "clang"), "clang-debug": (True, "clang"), "gcc": (False, "gcc"), "gcc-debug": (True, "gcc"),
            "clang-sanitize": (True, "clang", True)}


def _say(text):
    print(text, flush=True)


class Build:
    """The kernel with both compilers, with and without checks: not one warning."""
    prefix = "build"

    def names(self):
        return list(VARIANTS)

    def run(self, chosen):
        for name in chosen:
            path, text = kernelbuild.try_build(*VARIANTS[name])
            yield name, path is not None and "warning:" not in text, text


class Checks:
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

    def run(self, chosen):
        kernelbuild.build()
        for name in chosen:
            result = subprocess.run(["/usr/bin/python3", *self.commands[name]], cwd=ROOT, capture_output=True, text=True, check=False)
            yield name, result.returncode == 0, result.stdout + result.stderr


WHOLE = "all"  # the name of what a program tests that is no list of cmocka's: thousands of schedules or cases, and one result


class HostTests:
    """cmocka programs over the real sources on this machine; the suites `unit` and `property` of the native meson build."""

    def __init__(self, prefix):
        self.prefix = prefix

    def _programs(self):
        packages.require("build", "unit")
        kernelbuild.build_host()
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


class Models:
    """The protocols of tests/models, searched by Spin: each must hold, and each fault that is put into it must be found."""
    prefix = "models"

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


class Guest:
    """The programs of tests/guest on one kernel."""

    def __init__(self, prefix, kernel, torture=False, **options):
        self.prefix, self.kernel, self.torture, self.options = prefix, kernel, torture, options

    def names(self):
        packages.require("gcc")
        import run
        return [name for name in run.tests() if name.startswith("torture") == self.torture]

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


class Sanitize:
    """Faults that the sanitized kernel makes on demand: it must find each."""
    prefix = "sanitize"

    @staticmethod
    def _module():
        import sanitize
        return sanitize

    def names(self):
        return list(self._module().PROBES)

    def run(self, chosen):
        packages.require("qemu")
        kernel = kernelbuild.build(sanitize=True)
        for name in chosen:
            yield name, *self._module().check(kernel, name)


class Latency:
    """The guest programs on the kernel with its checks, under -icount: how many instructions preemption and interrupts are off at most."""
    prefix = "latency"

    def names(self):
        import run
        return [name for name in run.programs() if not name.startswith("torture")]

    def run(self, chosen):
        packages.require("qemu", "gcc")
        import latency
        sections, why = latency.measure(kernelbuild.build(debug=True), chosen)
        ended = sections.finished
        for name in chosen:
            bad = [lines for cycles, program, lines in sections.longest.values() if program == name and cycles > latency.LIMIT]
            text = "\n".join("\n  ".join(lines) for lines in bad)
            yield name, name in ended and not bad, text or why or "it did not end"
        if sections.longest:
            _say(f"  {max(each[0] for each in sections.longest.values())} instructions at most")


class Bench:
    """The small benchmarks under -icount: none may need a tenth more instructions than the last accepted figures say. They repeat, so that this is no
    test of time; the limit leaves room for another compiler's code."""
    prefix = "bench"
    limit = 1.10

    @staticmethod
    def _module():
        import bench
        return bench

    def names(self):
        bench = self._module()
        return list(bench.baseline(bench.SMALL))

    def run(self, chosen):
        packages.require("qemu", "gcc")
        bench = self._module()
        why, figures = "", {}
        try:
            figures = bench.measure_checked(kernelbuild.build(), chosen[0] if len(chosen) == 1 else "", [bench.SMALL])
        except bench.benchrun.Failed as error:
            why = str(error)
        bad = {line.split(":")[0]: line for line in bench.worse(figures, self.limit, chosen)}
        for name in chosen:
            yield name, name not in bad, why or bad.get(name, "")


class Boot:
    """pytest + pexpect: the system used as a person would."""

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

    def run(self, chosen):
        kernelbuild.build()
        process = self._pytest("-v", "--tb=short", *[self._node(name) for name in chosen])
        outcome, text = {}, []
        for line in process.stdout:
            text.append(line)
            found = re.match(r"(?:\S*/)?test_(\w+)\.py::test_(.+?) (PASSED|FAILED|ERROR|SKIPPED)", line)
            if found:
                name = f"{found[1]}/{found[2]}"
                outcome[name] = found[3]
                _say(f"  {'ok' if found[3] == 'PASSED' else found[3]} {self.prefix}/{name}")
        process.wait()
        whole = "".join(text)
        for name in chosen:
            yield name, outcome.get(name) == "PASSED", "" if outcome.get(name) == "PASSED" else _about(whole, name)


def _about(whole, name):
    """The part of pytest's report that is about one test, or its end."""
    title = re.escape("test_" + name.split("/")[1])
    part = re.search(rf"^_+ (?:ERROR at setup of )?{title} _+$(.*?)(?=^_+ \S|^=+ )", whole, re.M | re.S)
    return part[1] if part else whole[-4000:]


def suites():
    perigee, debug, linux = (lambda: kernelbuild.build()), (lambda: kernelbuild.build(debug=True)), packages.linux
    torture = [Guest("torture-linux", linux, torture=True, cpus=2, leaks=False)]
    # To look for leaks takes each program a second time.
    torture += [Guest(f"torture-{cpus}cpu", perigee, torture=True, cpus=cpus, leaks=cpus == 2) for cpus in (2, 4, 8)]
    # The shadow takes an eighth of the memory and more; TORTURE gives each test of the plain programs twice the time.
    sanitize = lambda: kernelbuild.build(sanitize=True)  # noqa: E731
    sanitized = [Guest("guest-sanitize", sanitize, cpus=2, memory=320, leaks=False, append="TORTURE=2"),
                 Guest("torture-sanitize", sanitize, torture=True, cpus=2, memory=512, leaks=False)]
    torture += [Guest("torture-debug", debug, torture=True, cpus=2, leaks=False)]
    return [Build(), Checks(), HostTests("unit"), HostTests("property"), Models(), Guest("guest", perigee), Guest("guest-debug", debug, cpus=2),
            Guest("guest-2cpu", perigee, cpus=2), Guest("guest-linux", linux, leaks=False), *torture, Sanitize(), *sanitized, Latency(), Bench(), Boot("boot", 1),
            Boot("boot-2cpu", 2, BOOT_TWICE)]


def _chosen(suite, pattern):
    if pattern and "/" in pattern and pattern.split("/")[0] in [s.prefix for s in suites()] and pattern.split("/")[0] != suite.prefix:
        return []
    names = suite.names()
    return [n for n in names if not pattern or pattern in f"{suite.prefix}/{n}"]


def _run_suite(suite, chosen):
    """(passed, failed names)"""
    started, passed, failed = time.monotonic(), 0, []
    _say(f"== {suite.prefix}: {len(chosen)} tests")
    for name, good, text in suite.run(chosen):
        if good:
            passed += 1
            continue
        failed.append(f"{suite.prefix}/{name}")
        _say(f"FAILED {suite.prefix}/{name}\n{text}\n  again: ./perigee test {suite.prefix}/{name}")
    _say(f"== {suite.prefix}: {passed} passed, {len(failed)} failed, {time.monotonic() - started:.0f} s")
    return passed, failed


def run(args):
    packages.require("build", "gcc", "qemu", "unit", "models", "boot", "image", "gdb")
    passed, failed = 0, []
    for suite in suites():
        chosen = _chosen(suite, args.pattern)
        if args.list:
            _say("\n".join(f"{suite.prefix}/{n}" for n in chosen))
        elif chosen:
            more, bad = _run_suite(suite, chosen)
            passed, failed = passed + more, failed + bad
    if args.list:
        return 0
    if failed:
        _say("\nfailed:\n" + "\n".join("  " + name for name in failed))
    if not passed and not failed:
        _say(f"nothing matches {args.pattern}; ./perigee test --list lists")
    _say(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0
