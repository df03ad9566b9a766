/* SPDX-License-Identifier: MIT */
/* Signals: numbers, sets, actions and the table of actions that the threads of a process share. A set is a 64-bit mask: bit n-1 for signal n. */
#ifndef TASK_SIGHAND_H
#define TASK_SIGHAND_H

#include "core/spinlock.h"
#include "lib/list.h"
#include "lib/refcount.h"
#include "lib/types.h"

#define NSIG 64
typedef uint64_t sigset64;
#define SIGBIT(n) (1ull << ((n) - 1))

enum { SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
       SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS,
       SIGRTMIN };
#define SIG_UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIG_STOPS (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

#define SIG_DFL 0ul
#define SIG_IGN 1ul
#define SA_NOCLDSTOP 1u
#define SA_NOCLDWAIT 2u
#define SA_SIGINFO 4u
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u

/* si_code values */
#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_QUEUE (-1)
#define SI_TIMER (-2)
#define SI_SIGIO (-5)
#define SI_TKILL (-6)
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define CLD_TRAPPED 4
#define CLD_STOPPED 5
#define CLD_CONTINUED 6
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRALN 1
#define BUS_ADRERR 2

/* Width-free siginfo; abi/convert lays it out for user space. */
struct siginfo {
	int signo, code, err;
	pid_t pid;          /* SI_USER, SIGCHLD, ... */
	uid_t uid;
	int status;         /* SIGCHLD */
	uint64_t utime, stime; /* SIGCHLD, ns */
	uaddr_t addr;       /* faults */
	unsigned long value; /* sigqueue, timers */
	int timer_id, overrun;
	bool of_file;       /* something happened to the file with the number "status"; value: how poll(2) calls it */
	unsigned timer_setting; /* not 0: of a POSIX timer, and which setting of it */
};

struct sigaction {
	uaddr_t handler;    /* SIG_DFL, SIG_IGN, or a user address */
	unsigned long flags;
	uaddr_t restorer;
	sigset64 mask;
};

/* Handlers of a process; shared by CLONE_SIGHAND. */
struct sighand {
	struct spinlock lock; /* LOCK_SIGHAND; interrupts off */
	refcount_t refs;
	struct sigaction action[NSIG];
};

struct sigpending {
	sigset64 set;
	struct list queue; /* struct sigentry: of each number the oldest, which leads to the others (task/sigqueue) */
	uint64_t last;     /* the place of the last one that came */
};

/* A table of default actions, or a copy, with one reference; NULL without memory. */
struct sighand *sighand_new(void);
struct sighand *sighand_dup(struct sighand *s);
void sighand_clear(struct sighand *s); /* all actions but SIG_IGN become the default; nobody else has it yet */
void sighand_put(struct sighand *s);

#endif
