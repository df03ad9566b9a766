/* SPDX-License-Identifier: MIT */
/* A growing text, and what a node of /proc is made of. A text that ran out of memory says so once, at its end. */
#ifndef FS_PROCTEXT_H
#define FS_PROCTEXT_H

#include "lib/compiler.h"
#include "task/process.h"
#include "vfs/file.h"
#include "vfs/mount.h"

struct text {
	char *buf; /* kmalloc'd */
	size_t len, cap;
	bool failed;
	struct task *task; /* the thread whose file it is, below task/; else NULL */
	unsigned fd;       /* the descriptor whose file it is, below fdinfo/ */
};

void text_printf(struct text *t, const char *f, ...) __printf(2, 3);
void text_add(struct text *t, const char *s, size_t len);
void text_free(struct text *t);
/* What a program wrote: a decimal number with white space around it and perhaps a sign; false if it is anything else. */
bool text_number(const char *s, size_t len, long long *out);

enum proc_special { PROC_PLAIN, PROC_FD_DIR, PROC_FDINFO_DIR, PROC_TASK_DIR, PROC_FD_LINK, PROC_MOUNTS };

/*
 * One name under /proc. p is the process of the directory above, NULL in the system's part. Operations return 0 or an errno and may sleep.
 */
struct proc_node {
	const char *name;
	mode_t mode;                                              /* with the type */
	int (*fill)(struct text *t, struct process *p);           /* file: writes all of it */
	long (*store)(const char *s, size_t len);                 /* file: takes what was written */
	long (*set)(struct process *p, struct task *t, const char *s, size_t len); /* the same, of a process or its thread */
	const struct file_ops *fops;                              /* file: its own operations, instead of those three */
	bool guarded;                                             /* file: opened only by who may look into the process (EACCES) */
	int (*link)(struct text *t, struct process *p);           /* symbolic link: its target */
	int (*follow)(struct process *p, struct path *out);       /* magic link: with references; who may not know it does not get here */
	const struct proc_node *children;                         /* directory */
	unsigned child_count;
	enum proc_special special;
};

struct proc_inode {
	struct inode inode;
	const struct proc_node *node;
	struct process *process;  /* counted, or NULL */
	struct task *task;        /* counted: below task/; else NULL */
	unsigned fd;              /* below fd/ and fdinfo/ */
};

static inline struct proc_inode *proc_inode_of(const struct inode *i) { return container_of(i, struct proc_inode, inode); }

#define PROC_FILE(n, m, f) { .name = n, .mode = S_IFREG | (m), .fill = f }
#define PROC_KNOB(n, f, s) { .name = n, .mode = S_IFREG | 0644, .fill = f, .store = s }
#define PROC_DIR(n, c) { .name = n, .mode = S_IFDIR | 0555, .children = c, .child_count = ARRAY_SIZE(c) }

#endif
