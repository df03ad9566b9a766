/* SPDX-License-Identifier: MIT */
/*
 * Looking things up without their lock: files by their numbers in a table that threads share, threads and processes by theirs; while others open and close,
 * fail to open, make the table larger, make processes and end them, on several pretend CPUs that change at any access to memory, as a seed says
 * (arch_target/interleave.h). These are objects of stable caches: who looks may hold, for a moment, what has become something else. Half of the threads
 * do nothing but look as long as the others change things, so that their CPUs often stand still in the middle of that; one schedule in four is about processes, the others about files.
 *
 * In one schedule in four a file is moved between two numbers, and tables are copied: a copy has it.
 *
 * Checked: what is found is what was looked for, and stays while it is held; each file is released once, when nobody holds it, and one whose open
 * failed never; at the end nothing is left.
 */
#include "arch_target/interleave.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "mem/vmap.h"
#include "sched/kthread.h"
#include "sched/test/cpus.h"
#include "sched/test/crew.h"
#include "sched/test/schedules.h"
#include "vfs/anonfile.h"
#include "vfs/anoninode.h"
#include "vfs/test/machine.h"
#include <unistd.h>

#define CPUS 4u
#define WORKERS 4u
#define LOOKERS 2u
#define CHANGES 24u
#define HIGH 64u        /* a file belongs below this number, or from it on, where tables must grow */
#define HOT 2u          /* numbers from 0 and from HIGH on */
#define NUMBER_MOST 512u
#define ONE_HOME 200u   /* numbers of the file that moves: they are copied in different steps */
#define OTHER_HOME 400u
#define FILES_MOST 64u  /* in one schedule */
#define RECENT 2u       /* numbers of processes that are looked for */
#define BATCH 100ul
#define SCHEDULES 1200ul

/* What a file of the test stands for. */
struct made {
	bool high;
	unsigned holders, releases;
};

static struct made made[FILES_MOST];
static unsigned made_count;
static struct fdtable *table;
static struct path refusing; /* a file that cannot be opened */
static pid_t recent[RECENT];
static unsigned long first_seed, last_seed;
static unsigned changing;

struct worker { unsigned id; uint64_t rnd; };
static struct worker workers[WORKERS];

static unsigned rnd(struct worker *w, unsigned n) { return crew_random(&w->rnd, n); }

/* ---- files ---- */

static void released(struct file *f)
{
	struct made *m = f->data;

	EXPECT(m >= made && m < made + made_count);
	EXPECT(!m->holders && !m->releases++);
}

static int refuse(struct inode *i, struct file *f)
{
	(void)i, (void)f;
	return -EIO;
}

static void never(struct file *f)
{
	(void)f;
	schedules_wrong(__FILE__, __LINE__, "a file that was never open is released");
}

static const struct file_ops counted_ops = { .release = released };
static const struct file_ops refusing_ops = { .open = refuse, .release = never };

static unsigned some_number(struct worker *w, bool high) { return (high ? HIGH : 0) + rnd(w, HOT); }

static void do_open(bool high)
{
	struct made *m = &made[made_count];
	struct file *f;
	int fd;

	if (made_count == FILES_MOST)
		return;
	made_count++;
	m->high = high;
	f = anonfile_new("test", &counted_ops, 0, m);
	EXPECT(!IS_ERR(f));
	fd = fd_install(table, f, high ? HIGH : 0, false, high ? NUMBER_MOST : HIGH);
	EXPECT(fd >= 0 && (fd >= (int)HIGH) == high);
}

static void do_refused(void)
{
	EXPECT(PTR_ERR(file_open_path(&refusing, O_RDONLY)) == -EIO);
}

static void do_look(struct worker *w, unsigned fd)
{
	struct file *f = fd_get(table, fd, true);
	struct made *m;

	if (!f)
		return;
	EXPECT(f->ops == &counted_ops);
	m = f->data;
	EXPECT(m >= made && m < made + made_count && m->high == (fd >= HIGH));
	m->holders++;
	for (unsigned i = rnd(w, 4); i; i--)
		host_pause();
	EXPECT(f->data == m && !m->releases);
	m->holders--;
	file_put(f);
}

static void do_dup(struct worker *w, bool high)
{
	int to = (int)some_number(w, high), r = fd_dup_to(table, some_number(w, high), (unsigned)to, false, NUMBER_MOST);

	EXPECT(r == to || r == -EBADF);
}

/* ---- copies of the table ---- */

/* There is the file that moves. */
static void put_mover(void)
{
	struct file *f = anonfile_new("mover", &counted_ops, 0, &made[made_count++]);

	EXPECT(!IS_ERR(f) && fd_install(table, f, ONE_HOME, false, NUMBER_MOST) == (int)ONE_HOME);
}

/* By one thread only. */
static void move(unsigned from, unsigned to)
{
	EXPECT(fd_dup_to(table, from, to, true, NUMBER_MOST) == (int)to);
	EXPECT(fd_close(table, from) == 0);
}

static bool has(struct fdtable *t, unsigned fd)
{
	struct file *f = fd_get(t, fd, true);

	EXPECT(!f || f->data == &made[0]);
	EXPECT(!f == (fd_get_cloexec(t, fd) < 0));
	if (f)
		file_put(f);
	return f;
}

static void do_copy(void)
{
	struct fdtable *copy = fdtable_dup(table);

	EXPECT(copy && (has(copy, ONE_HOME) || has(copy, OTHER_HOME)));
	EXPECT(fd_next(copy, NUMBER_MOST) == -1);
	fdtable_put(copy);
}

/* ---- processes ---- */

static void do_process(struct worker *w)
{
	struct task *t = test_fork(init_process, NULL, NULL);

	EXPECT(t != NULL);
	recent[rnd(w, RECENT)] = t->tid;
	if (rnd(w, 2))
		host_pause();
	test_discard(t);
}

static void do_look_for_task(struct worker *w, pid_t n)
{
	struct task *t = pid_task(n);

	if (!t)
		return;
	EXPECT(t->tid == n && t->process->pid == n);
	for (unsigned i = rnd(w, 4); i; i--)
		host_pause();
	EXPECT(t->tid == n && t->thread.stack && t->process->pid == n);
	task_put(t);
}

static void do_look_for_process(struct worker *w, pid_t n)
{
	struct process *p = pid_process(n);

	if (!p)
		return;
	EXPECT(p->pid == n);
	for (unsigned i = rnd(w, 4); i; i--)
		host_pause();
	EXPECT(p->pid == n && p->sighand);
	process_put(p);
}

/* ---- */

static void look(struct worker *w)
{
	pid_t n = recent[rnd(w, RECENT)];

	if (schedule_seed % 4 == 1 && w->id == 0)
		do_copy();
	else if (schedule_seed % 4)
		do_look(w, some_number(w, rnd(w, 2)));
	else if (rnd(w, 2))
		do_look_for_task(w, n);
	else
		do_look_for_process(w, n);
}

static void change(struct worker *w)
{
	unsigned kind = rnd(w, 12);
	bool high = rnd(w, 3) == 0;

	if (schedule_seed % 4 == 0)
		do_process(w);
	else if (schedule_seed % 4 == 1 && w->id == LOOKERS)
		for (int i = 0; i < 20; i++)
			move(i % 2 ? OTHER_HOME : ONE_HOME, i % 2 ? ONE_HOME : OTHER_HOME);
	else if (kind < 4)
		do_open(high);
	else if (kind < 7)
		do_refused();
	else if (kind < 11)
		fd_close(table, some_number(w, high));
	else
		do_dup(w, high);
}

static void steps(struct worker *w)
{
	if (w->id < LOOKERS) {
		while (READ_ONCE(changing))
			look(w);
		return;
	}
	for (unsigned i = 0; i < (schedule_seed % 4 ? CHANGES : CHANGES / 4); i++)
		change(w);
	__atomic_fetch_sub(&changing, 1, __ATOMIC_SEQ_CST);
}

static void work(unsigned id, uint64_t random)
{
	struct worker *w = &workers[id];

	w->rnd = random;
	steps(w);
	fdtable_put(table);
}

static void one_schedule(unsigned long n)
{
	schedule_seed = n;
	host_interleave(n, 1u << n % 10);
	memset(made, 0, sizeof(made));
	made_count = 0;
	table = fdtable_new();
	EXPECT(table && anoninode_new(S_IFREG | 0600, "refusing", NULL, &refusing) == 0);
	refusing.dentry->inode->fops = &refusing_ops;
	if (n % 4 == 1)
		put_mover();
	for (unsigned i = 1; i < WORKERS; i++)
		fdtable_get(table);
	changing = WORKERS - LOOKERS;
	crew_run();
	path_put(&refusing);
	for (unsigned i = 0; i < made_count; i++)
		EXPECT(made[i].releases == 1);
	EXPECT(file_live() == 0 && process_count() == 1);
}

static unsigned long settled_free(void)
{
	host_interleave(schedule_seed, 1u << 28); /* only where somebody waits */
	for (int i = 0; i < 20; i++)
		sched_yield(); /* what is given back later */
	vmap_reap();
	slab_reap();
	frame_check();
	return slab_live();
}

static void director(void *unused)
{
	unsigned long before = 0;

	(void)unused;
	for (unsigned long n = first_seed; n <= last_seed; n++) {
		one_schedule(n);
		if (n == first_seed)
			before = settled_free();
		else if (settled_free() != before)
			schedules_wrong(__FILE__, __LINE__, "objects were lost or gained");
	}
	_exit(0);
}

static void run_batch(unsigned long first, unsigned long last)
{
	first_seed = first;
	last_seed = last;
	test_machine_start(NULL);
	check_panic_hook = schedules_wrong;
	host_stuck = schedules_stuck;
	test_cpus_start(CPUS, 1);
	for (unsigned i = 0; i < WORKERS; i++)
		workers[i].id = i;
	crew_start(WORKERS, work);
	kthread_start("director", director, NULL);
	sched_idle_loop();
}

int main(int argc, char **argv)
{
	static const struct schedules looks = { SCHEDULES, BATCH, run_batch };

	return schedules_main(&looks, argc, argv);
}
