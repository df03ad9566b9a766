# SPDX-License-Identifier: MIT
"""Jobs side by side: each in a process of its own, so many at a time, started in the order in which they are given.

    run(jobs, lanes, room, tell)        jobs: [(name, work, memory)]

A job that would take more memory than the others leave of room (both in MiB) lets later ones go first.
work(report) runs in the job's process; what it hands to report, and each whole line that it or one of its programs prints, comes back to the process
that called run(), which tells it one after the other:

    tell.started(name)          tell.line(name, text)       tell.reported(name, what)
    tell.ended(name, why)       why is None when work returned, else how the job ended instead, with the last lines that it printed
    tell.quiet()                for a while nothing came from any job

Nothing that a job has started outlives run(), however that ends: a job and what it
starts are a process group, so that Ctrl-C comes to it once and from here, and this process adopts what loses its parent.
"""
import collections
import contextlib
import ctypes
import glob
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import wait

QUIET_S = 20            # so long without a word is worth telling
GRACE_S = 10            # for jobs that are told to end to end their machines and to remove their files
KEPT_LINES = 40
PR_SET_CHILD_SUBREAPER = 36
_fork = multiprocessing.get_context("fork")
_END = None             # a job's last report


def _child(work, output, reports):
    """A job's process."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell without job control has what it puts into the background ignore it
    for target, fd in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(fd, target)
    try:
        work(reports.send)
    except KeyboardInterrupt:
        sys.exit(1)
    reports.send(_END)


class _Job:
    def __init__(self, name, work, memory):
        self.name, self.memory, self.rest, self.last, self.returned = name, memory, b"", collections.deque(maxlen=KEPT_LINES), False
        self.lines, output = os.pipe()
        os.set_blocking(self.lines, False)
        self.reports, reports = _fork.Pipe(duplex=False)
        self.process = _fork.Process(target=_child, args=(work, output, reports))
        self.process.start()
        os.setpgid(self.process.pid, self.process.pid)      # by both of us: whoever goes on has it done
        os.close(output)
        reports.close()
        self.open = {self.lines, self.reports}

    def sources(self):
        return [*self.open, self.process.sentinel]

    def read(self, tell):
        """Tells all that has come."""
        self._read_lines(tell)
        self._read_reports(tell)

    def _read_lines(self, tell):
        while self.lines in self.open:
            try:
                data = os.read(self.lines, 65536)
            except BlockingIOError:
                return
            if not data:
                self.open.remove(self.lines)
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                self._line(line, tell)

    def _line(self, line, tell):
        text = line.decode(errors="replace").rstrip("\r")
        self.last.append(text)
        tell.line(self.name, text)

    def _read_reports(self, tell):
        while self.reports in self.open and self.reports.poll():
            try:
                what = self.reports.recv()
            except (EOFError, OSError):     # it ended, or was killed in the middle of one
                self.open.remove(self.reports)
                return
            if what is _END:
                self.returned = True
            else:
                tell.reported(self.name, what)

    def finish(self, tell):
        """When its process has ended."""
        self.process.join()
        self.read(tell)
        if self.rest:
            self._line(self.rest, tell)
        os.close(self.lines)
        self.reports.close()
        tell.ended(self.name, None if self.returned else "\n".join([self._how_it_ended(), *("  | " + line for line in self.last)]))

    def _how_it_ended(self):
        code = self.process.exitcode
        return f"killed by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with status {code} before it was through"


def _children():
    """The numbers of this process's children."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                pid, rest = file.read().split(" ", 1)
        except OSError:
            continue        # it has just gone
        if int(rest.rpartition(")")[2].split()[1]) == os.getpid():
            yield int(pid)


def _end_strays(but=()):
    """Ends the children that are not meant to be there. Children of theirs become ours, and are next."""
    while strays := [pid for pid in _children() if pid not in but]:
        for pid in strays:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _interrupt(jobs):
    """As Ctrl-C does, so that each can clean up; then whatever is left is ended."""
    end = time.monotonic() + GRACE_S
    try:
        for job in jobs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.process.pid, signal.SIGINT)
        for job in jobs:
            job.process.join(max(0, end - time.monotonic()))
    finally:
        _end_strays()


def _terminated(number, _frame):
    sys.exit(128 + number)


def _next(waiting, running, room):
    """Takes the first job that there is room for from those that wait; or None."""
    left = room - sum(job.memory for job in running)
    for job in waiting:
        if job[2] <= left or not running:
            waiting.remove(job)
            return job
    return None


def run(jobs, lanes, room, tell):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = signal.signal(signal.SIGTERM, _terminated)
    waiting, running = list(jobs), []
    try:
        while waiting or running:
            while len(running) < lanes and (job := _next(waiting, running, room)):
                tell.started(job[0])
                running.append(_Job(*job))
            if not wait([source for job in running for source in job.sources()], QUIET_S):
                tell.quiet()
            for job in list(running):
                job.read(tell)
                if not job.process.is_alive():
                    running.remove(job)
                    job.finish(tell)
                    if not job.returned:
                        _end_strays([other.process.pid for other in running])
    finally:
        _interrupt(running)
        signal.signal(signal.SIGTERM, before)
