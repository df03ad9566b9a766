/* SPDX-License-Identifier: MIT */
/*
 * Lock classes and THE order in which they may be nested: a lock may be taken only while every lock held has a smaller class
 * (the same class only with _nested, in address order). Checked at run time when CONFIG_DEBUG. Sleeping locks come first, since a
 * spinlock holder may not sleep. A class that interrupt handlers take is never taken with interrupts on, and no class that is ever taken with
 * interrupts on is taken under one of them: checked for what has happened since the start. docs/locks.md describes each; keep both in step (a test compares them).
 */
#ifndef CORE_LOCKORDER_H
#define CORE_LOCKORDER_H

#include "lib/compiler.h"
#include "lib/types.h"

#define LOCK_CLASSES(X) \
	/* sleeping locks (sched/mutex, sched/rwlock), outermost first */ \
	X(EXEC)        /* process: one exec at a time */ \
	X(FUTEX_PI)    /* who waits for locks with an owner */ \
	X(EVERYBODY)   /* signals to all processes, one at a time */ \
	X(TTY_IO)      /* one reader / one writer of a terminal */ \
	X(MOUNTS)      /* mount table changes */ \
	X(RENAME)      /* rename between directories, one at a time per kernel */ \
	X(FILE_POS)    /* struct file: offset */ \
	X(PIPE)        /* struct pipe */ \
	X(SYSVIPC)     /* System V segments, semaphores, messages */ \
	X(INODE)       /* inode contents and directory entries; parents before children */ \
	X(ASPACE)      /* address space: regions */ \
	X(PAGE_CACHE)  /* mapping: file pages */ \
	X(EPOLL_LINKS) /* which epoll watches which file */ \
	X(EPOLL)       /* an epoll: its descriptors; one that watches another before that one */ \
	X(SIGNALFD)    /* which signalfd looks at which process */ \
	X(ANCESTRY)    /* who is above whom among names and mounts */ \
	X(ASYNC)       /* which files asked for signals when something is ready */ \
	X(SLAB_GROW)   /* growing an object cache */ \
	/* spinlocks, outermost first */ \
	X(PROC_TREE)   /* parents, children, groups, sessions */ \
	X(CPU_TIMERS)  /* timers on CPU time, by process */ \
	X(SIGHAND)     /* process: signal actions, pending signals */ \
	X(REPORTS)     /* what children have to tell their parent */ \
	X(PID)         /* pid tables */ \
	X(FDTABLE)     /* descriptor tables */ \
	X(FSCTX)       /* root, cwd, umask */ \
	X(DENTRY)      /* names, parents and mount points */ \
	X(NAMES)       /* a shard of the name cache */ \
	X(INODE_HASH)  /* inode tables, lists of super blocks */ \
	X(MAPPING)     /* page cache tree of a mapping */ \
	X(TTY)         /* terminal state: termios, buffers, groups */ \
	X(PAGETABLE)   /* aspace: its page tables */ \
	X(POLL)        /* poll sets */ \
	X(FLOCK)       /* locks on files */ \
	X(FUTEX)       /* futex buckets */ \
	X(NOTIFY)      /* watches of files, and what they are told */ \
	X(CLOCKSET)    /* who watches the wall clock */ \
	X(ALARM)       /* a timer of a program */ \
	X(SIGUSER)     /* the users for whom signals wait */ \
	X(WORK)        /* deferred work of a CPU */ \
	X(WAITQ)       /* wait queues */ \
	X(EVENT)       /* what a wake-up notes: counts, lists of the ready */ \
	X(TIMER)       /* per-CPU timer heaps */ \
	X(RUNQ)        /* run queues, thread states */ \
	X(SLAB)        /* object caches */ \
	X(VMAP)        /* kernel virtual ranges */ \
	X(FRAMES)      /* buddy allocator */ \
	X(RANDOM)      /* entropy pool */ \
	X(IRQ)         /* interrupt lines */ \
	X(DEVICE)      /* registers of a device */ \
	X(LEAF)        /* locks under which nothing else is taken but the log */ \
	X(KLOG)        /* the message ring */ \
	X(CONSOLE)     /* console output */

#define X(name) LOCK_##name,
enum lock_class { LOCK_CLASSES(X) LOCK_CLASS_COUNT };
#undef X
#define LOCK_FIRST_SPIN LOCK_PROC_TREE

/* The lock itself stands here, since the check looks at those that are held. Its operations are in core/spinlock. */
struct spinlock {
	union {
		uint32_t word;            /* zero: free, and nobody waits in turn */
		struct {
			uint8_t locked;
			uint8_t zero;
			uint16_t waiters; /* who wait in turn */
		};
	};
	uint8_t class;        /* enum lock_class */
	uint8_t owner;        /* debug builds: its CPU's number + 1, 0 if nobody has it */
	uint8_t ticket, turn; /* of those who wait in turn: the next to hand out, and whose turn it is */
} __aligned(4);

#define SPINLOCK_INIT(c) { .class = (c) }

const char *lock_class_name(enum lock_class c);

/* Debug bookkeeping, called by the lock rooms only. "spin" locks are kept per CPU, sleeping ones per thread by sched/mutex. */
void lockorder_acquire(const struct spinlock *lock, enum lock_class c, bool nested);
void lockorder_taken(struct spinlock *lock);
void lockorder_release(struct spinlock *lock, enum lock_class c);
/* Nothing is checked any more: a panic. */
void lockorder_end(void);
/* A lock was waited for so long that it is never released. */
__noreturn void lockorder_stuck(const struct spinlock *lock);
/* Panics (debug builds) if this context holds a spinlock: about to sleep, or about to return to user mode. */
void lockorder_assert_none(const char *what);

#endif
