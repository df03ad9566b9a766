/* SPDX-License-Identifier: MIT */
/* The fuzzer's calls that want several things to be right before they do much: each made so, with some of it wrong. */
#ifndef FUZZ_SPECIAL_H
#define FUZZ_SPECIAL_H

#include "fuzz.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/rseq.h>
#include <sys/timex.h>

/* What clone3 alone can do: chosen numbers, a descriptor, words that are written. */
static long clone_at_will(unsigned long flags)
{
	static const unsigned long long more[] = {CLONE_PIDFD, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID, CLONE_CLEAR_SIGHAND, CLONE_SYSVSEM, CLONE_IO, CLONE_PTRACE};
	int numbers[3];
	struct clone_args args = {.flags = flags, .exit_signal = rnd(2) ? SIGCHLD : rnd(4) ? 0 : rnd(70)};

	for (int i = 0; i < 3; i++)
		numbers[i] = rnd(2) ? 30000 + (int)rnd(20) : rnd(2) ? getpid() : (int)any_number();
	if (rnd(3) == 0)
		args.flags |= PICK(more) | (rnd(2) ? PICK(more) : 0);
	args.pidfd = (unsigned long)any_pointer();
	args.parent_tid = (unsigned long)any_pointer();
	args.child_tid = (unsigned long)any_pointer();
	if (rnd(3) == 0) {
		args.set_tid = rnd(8) ? (unsigned long)numbers : (unsigned long)any_pointer();
		args.set_tid_size = rnd(8) ? 1 : rnd(40);
	}
	return syscall(SYS_clone3, &args, rnd(8) ? sizeof(args) : (unsigned long)any_size());
}

/* An area of its own for restartable sequences, and in it what may be a sequence. */
static void sequence(void)
{
	uint32_t *area = (uint32_t *)(room + rnd(PAGE / 32) * 32), *section = (uint32_t *)(room + PAGE + rnd(PAGE / 32) * 32);
	uintptr_t code = (uintptr_t)sequence & ~31ul;

	syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
	syscall(SYS_rseq, area, 32, 0, rnd(2) ? RSEQ_SIG : (uint32_t)rnd_state);
	section[0] = rnd(8) == 0;
	section[1] = rnd(4) ? 0 : (uint32_t)any_flags();
	section[2] = rnd(4) ? (uint32_t)code : (uint32_t)any_pointer();
	section[3] = rnd(8) == 0;
	section[4] = rnd(4) ? 0x10000 : (uint32_t)any_size();
	section[5] = 0;
	section[6] = rnd(2) ? (uint32_t)(uintptr_t)room : (uint32_t)any_pointer();
	section[7] = 0;
	area[2] = rnd(4) ? (uint32_t)(uintptr_t)section : (uint32_t)any_pointer();
	area[3] = rnd(16) == 0;
	area[4] = rnd(8) ? 0 : (uint32_t)any_flags();
	sched_yield();
	if (rnd(2))
		syscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

/* Root's: mounts in its own corner, which the watcher takes away (remove_mounts). */
static void mount_something(void)
{
	static const char *const types[] = {"tmpfs", "tmpfs", "tmpfs", "ramfs", "mqueue", "proc", "nothing"};
	static const char *const options[] = {"", "size=40k", "size=0", "size=1%", "size=x", "nr_inodes=3", "nr_inodes=0", "nr_inodes=9999999999", "nr_blocks=2", "mode=700", "mode=9",
					      "uid=1000", "gid=-1", "uid=", "huge=never", "bogus", ",", "size=40k,nr_inodes=20,uid=7"};
	static const unsigned long flags[] = {0, 0, 0, MS_REMOUNT, MS_REMOUNT, MS_BIND, MS_BIND | MS_REC, MS_MOVE, MS_RDONLY, MS_REMOUNT | MS_BIND | MS_RDONLY, MS_NOSUID | MS_NOEXEC, MS_PRIVATE};
	static const char *const places[] = {"d", "d", "d/x", ".", "a", "nothing"};

	if (rnd(4) == 0)
		umount2(PICK(places), rnd(2) ? 0 : 1 << rnd(5));
	else
		mount(PICK(places), PICK(places), PICK(types), rnd(16) ? PICK(flags) : (unsigned long)any_flags() & ~(unsigned long)MS_REC, rnd(16) ? PICK(options) : (char *)any_pointer());
	if (rnd(3) == 0)
		mkdir("d/x", 0777);
}

/* Root's: what of the clock may be set without anybody's time changing. */
static void set_clock(void)
{
	static const unsigned modes[] = {0, ADJ_MAXERROR, ADJ_ESTERROR, ADJ_TIMECONST, ADJ_NANO, ADJ_MICRO, ADJ_MAXERROR | ADJ_ESTERROR};
	struct timex t = {.modes = PICK(modes), .maxerror = any_number(), .esterror = any_number(), .constant = (long)rnd(12)};

	clock_adjtime((clockid_t)(rnd(4) ? 0 : any_number()), &t);
}

static void special(bool is_root)
{
	switch (is_root ? rnd(4) : 0) {
	case 0: sequence(); break;
	case 1: set_clock(); break;
	default: mount_something();
	}
}

#endif
