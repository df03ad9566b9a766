# SPDX-License-Identifier: MIT
"""No memory is left, for processes and what they hold have all of it: those that exist go on, and no shell is stuck."""
import subprocess

import pytest
from session import BUILD, CPUS, Machine

# Starts processes that take all they can of one thing, until none can be started, and fills pipes with the rest. Then all of them, and their parent, do what
# needs no memory.
FULL = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define MOST 2000

static struct shared { int may, ready, well, polling; } *shared;
static char data[65536], kind;
static int go[2], quit[2], files;

static void take_all(void)
{
    char name[40];
    sigset_t all;

    sigfillset(&all);
    for (int n = 0; n < 20000; n++) {
        int p[2], fd;

        if (kind == 'e' && eventfd(0, 0) < 0)
            return;
        if (kind == 'p' && (pipe2(p, O_NONBLOCK) < 0 || write(p[1], data, sizeof(data)) <= 0))
            return;
        if (kind == 's' && ((n == 0 && sigprocmask(SIG_BLOCK, &all, NULL)) || sigqueue(getpid(), SIGRTMIN + n % 8, (union sigval){ .sival_int = n })))
            return;
        if (kind == 'f') {
            snprintf(name, sizeof(name), "/tmp/full.%d.%d", getpid(), n);
            fd = open(name, O_CREAT | O_WRONLY, 0600);
            if (fd < 0 || write(fd, data, sizeof(data)) <= 0)
                return;
            close(fd);
        }
        if (kind == 'n')
            return;
    }
}

static int go_on(void)
{
    struct timespec soon = { .tv_nsec = 1000 };
    struct pollfd fds[2] = { { quit[0], POLLIN, 0 }, { go[0], 0, 0 } };
    fd_set set;
    char name[256];

    FD_ZERO(&set);
    FD_SET(quit[0], &set);
    return poll(fds, 1, 1) == 0 && ppoll(fds, 1, &soon, NULL) == 0 && select(quit[0] + 1, &set, NULL, NULL, &(struct timeval){ 0, 1000 }) == 0
           && syscall(SYS_getcwd, name, sizeof(name)) > 0 && kill(getpid(), 0) == 0;
}

static void set_result(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EAX] = -ENOMEM;
}

/* A handler may end with any result: it is none of the call that returns from it. */
static int returns_as_it_likes(void)
{
    struct sigaction a = { .sa_sigaction = set_result, .sa_flags = SA_SIGINFO };

    sigaction(SIGUSR1, &a, NULL);
    errno = 0;
    return syscall(SYS_kill, getpid(), SIGUSR1) == -1 && errno == ENOMEM;
}

static void child(int number)
{
    struct pollfd p = { quit[0], POLLIN, 0 };
    volatile char stack[6000];
    char c;

    memset((void *)stack, 1, sizeof(stack));
    close(go[1]);
    close(quit[1]);
    setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ 100000, 100000 });
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4096, 4096 });
    go_on();
    returns_as_it_likes();
    while (__atomic_load_n(&shared->may, __ATOMIC_SEQ_CST) < number)
        usleep(100);
    take_all();
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
    (void)!read(go[0], &c, 1);
    if (go_on()) {
        __atomic_add_fetch(&shared->polling, 1, __ATOMIC_SEQ_CST);
        if (poll(&p, 1, -1) == 1)
            __atomic_add_fetch(&shared->well, 1, __ATOMIC_SEQ_CST);
    }
    _exit(0);
}

static int fill_pipes(void)
{
    int p[2], n = 0;

    while (pipe2(p, O_NONBLOCK) == 0 && n < 1000)
        for (n++; write(p[1], data, 4096) > 0;)
            ;
    return n;
}

int main(int argc, char **argv)
{
    volatile char *large = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    int n = 0, error, more, well, status;
    pid_t pid = 1;

    kind = argv[1][0];
    memset(data, 1, sizeof(data));
    memset((void *)large, 1, 2 << 20); /* the one to be killed, should it come to that, unless root says otherwise */
    if (argc == 2) {
        int fd = open("/proc/self/oom_score_adj", O_WRONLY);
        if (write(fd, "-1000", 5) != 5)
            return 2;
        close(fd);
    }
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared->may = shared->ready = 0;
    if (pipe(go) || pipe(quit))
        return 2;
    well = go_on();
    printf("begins\n");
    fflush(stdout);
    while (n < MOST && (pid = fork()) > 0) {
        n++;
        well &= go_on() && returns_as_it_likes(); /* what of its pages is shared with the child is copied before that takes all */
        __atomic_store_n(&shared->may, n, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < n && waitpid(pid, NULL, WNOHANG) != pid)
            usleep(100);
        if (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < n)
            n--; /* killed */
    }
    if (pid == 0)
        child(n + 1);
    error = errno;
    files = go_on() + returns_as_it_likes();
    files = fill_pipes();
    well &= go_on() && returns_as_it_likes();
    more = fork();
    if (more == 0)
        _exit(0);
    if (argc > 2) {
        printf("full %d\n", n);
        fflush(stdout);
        pause();
    }
    close(go[1]);
    for (int i = 0; i < 20000 && __atomic_load_n(&shared->polling, __ATOMIC_SEQ_CST) < n; i++)
        usleep(1000);
    close(quit[1]);
    while (wait(&status) > 0)
        ;
    printf("started %d polling %d well %d parent %d pipes %d fork %s more %s\n", n, shared->polling, shared->well, well, files, strerrorname_np(error),
           more < 0 ? "no" : "yes");
    return 0;
}
"""


@pytest.fixture(scope="module")
def files():
    source, program = BUILD / "full.c", BUILD / "full"
    BUILD.mkdir(parents=True, exist_ok=True)
    source.write_text(FULL)
    subprocess.run(["gcc", "-m32", "-O2", "-static", "-s", "-o", program, source], check=True)
    return {"bin/full": (0o100755, program.read_bytes())}


@pytest.mark.parametrize("kind", ["nothing", "signals", "files"])
def test_those_that_exist_go_on(machine, files, kind):
    m = machine(memory=16, files=files)
    words = m.out(f"full {kind}; rm -f /tmp/full.*").splitlines()[-1].split()
    got = dict(zip(words[::2], words[1::2]))
    assert int(got["started"]) > 0 and got["polling"] == got["well"] == got["started"] and got["parent"] == "1", got
    assert got["fork"] == "ENOMEM" and got["more"] == "no", got
    assert m.out("seq 1 1000 | sort -n | tail -n 1") == "1000"
    assert "Out of memory" not in m.out("dmesg")


@pytest.mark.parametrize("kind", ["nothing", "pipes", "eventfds", "signals", "files"])
def test_a_user_takes_all(machine, files, kind):
    """Root's shell answers all the while, and ends him."""
    m = machine(memory=16, files=files)
    m.sendline(f"set -- /proc/[0-9]*; n=$#; su nobody -s /bin/sh -c 'full {kind} and stay' &")
    m.expect(r"full \d+|Out of memory")
    for _ in range(3):
        m.sendline("echo us''able")
        m.exact("usable")
    # Their memory is back when they are gone; what looks for that needs no process. A command that cannot be started would end its whole line.
    m.sendline("kill -9 -$!; while set -- /proc/[0-9]*; [ ! -e $1 ] || [ $# -gt $n ]; do :; done; echo en''ded")
    m.exact("ended")
    m.run("rm -f /tmp/full.*")
    assert m.out("seq 1 1000 | sort -n | tail -n 1") == "1000"
