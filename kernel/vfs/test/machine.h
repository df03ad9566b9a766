/* SPDX-License-Identifier: MIT */
/*
 * For the tests of task and vfs: a machine with memory, a scheduler and a tmpfs as its root, and processes whose threads run a function of the test
 * in place of a program. CASE(f) makes a test of "static void f(void)" that runs as a fresh process of root, a child of a pretended init.
 */
#ifndef VFS_TEST_MACHINE_H
#define VFS_TEST_MACHINE_H

#include "lib/errno.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "task/group.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "vfs/dentry.h"
#include "vfs/fdtable.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* cmocka group set-up. */
int test_machine_start(void **state);
void test_in_process(void **fn);
#define CASE(name) { #name, test_in_process, NULL, NULL, (void *)(name) }

/* A child of parent with copies of what it has, and a thread that will run fn(arg) and end. NULL without memory. The caller may hold references. */
struct task *test_fork(struct process *parent, void (*fn)(void *), void *arg);
/* Lets it run: it goes on whenever the caller sleeps. */
void test_start(struct task *t);
/* Takes a process that never ran apart. */
void test_discard(struct task *t);
/* Lets all others run until they wait. */
void test_let_run(void);
/* A child of the current process that runs until it ends or sleeps. */
void test_child(void (*fn)(void *), void *arg);
/* Other user and group ids for the current process, without capabilities unless it is 0. */
void test_become(uid_t uid, gid_t gid);

/* A file with that text, made or written anew. */
void test_make_file(const char *name, const char *text, mode_t mode);
/* Reads from or writes to an open file, at its position. */
ssize_t test_read(struct file *f, void *buf, size_t n);
ssize_t test_write(struct file *f, const void *buf, size_t n);

#endif
