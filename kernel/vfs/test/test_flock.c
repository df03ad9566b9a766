/* SPDX-License-Identifier: MIT */
/* Locks on files: records against a model of single bytes, whole-file locks, waiting, deadlocks, and what closing gives up. */
#include "vfs/flock.h"
#include "vfs/test/machine.h"

#define BYTES 40
#define OWNERS 4

static struct file *open_file(void)
{
	struct file *f = file_open(AT_FDCWD, "/locked", O_RDWR | O_CREAT, 0644);

	assert_false(IS_ERR(f));
	return f;
}

static void done_with(struct file *f)
{
	assert_null(f->inode->flocks); /* no set is left without locks */
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, "/locked"), 0);
}

static char owners[OWNERS]; /* their addresses count */

static struct flock_request record(unsigned owner, int type, loff_t start, loff_t end)
{
	return (struct flock_request){ .type = type, .start = start, .end = end, .owner = &owners[owner], .pid = owner == OWNERS - 1 ? -1 : 100 + (pid_t)owner };
}

static int lock(struct file *f, unsigned owner, int type, loff_t start, loff_t end)
{
	struct flock_request r = record(owner, type, start, end);

	return flock_record(f, &r, false);
}

static int held[OWNERS][BYTES]; /* the model; the last byte stands for all behind it */

static bool model_free(unsigned owner, int type, int start, int end)
{
	for (unsigned o = 0; o < OWNERS; o++)
		for (int i = start; o != owner && i <= end; i++)
			if (held[o][i] == F_WRLCK || (held[o][i] == F_RDLCK && type == F_WRLCK))
				return false;
	return true;
}

static unsigned locks_seen;

static void see(const char *kind, const struct flock_request *r, const struct inode *i, void *ctx)
{
	unsigned o = (unsigned)((const char *)r->owner - owners);
	int end = r->end == FLOCK_END ? BYTES - 1 : (int)r->end;

	(void)kind, (void)i, (void)ctx;
	locks_seen++;
	for (int b = (int)r->start; b <= end; b++)
		assert_int_equal(held[o][b], r->type);
	assert_true(!r->start || held[o][r->start - 1] != r->type); /* neighbours are one */
	assert_true(end == BYTES - 1 || held[o][end + 1] != r->type);
}

static unsigned runs(void)
{
	unsigned n = 0;

	for (unsigned o = 0; o < OWNERS; o++)
		for (int i = 0; i < BYTES; i++)
			n += held[o][i] != F_UNLCK && (i == 0 || held[o][i - 1] != held[o][i]);
	return n;
}

static void test_records_against_a_model(void)
{
	static const int types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	struct file *f = open_file();

	for (unsigned o = 0; o < OWNERS; o++)
		for (int i = 0; i < BYTES; i++)
			held[o][i] = F_UNLCK;
	srand(3);
	for (int step = 0; step < 20000; step++) {
		unsigned o = (unsigned)rand() % OWNERS;
		int type = types[rand() % 3], start = rand() % BYTES, end = start + rand() % (BYTES - start), n = rand() % 30 ? 0 : 1 + rand() % 3, err;
		bool may = type == F_UNLCK || model_free(o, type, start, end);
		struct flock_request r = record(o, type == F_UNLCK ? F_WRLCK : type, start, end == BYTES - 1 ? FLOCK_END : end), asked = r;

		flock_test(f, &r);
		assert_true((r.type == F_UNLCK) == model_free(o, asked.type, start, end));
		if (r.type != F_UNLCK) /* what is in the way is really there */
			assert_int_equal(held[(const char *)r.owner - owners][r.start], r.type);
		asked.type = type;
		atomic_set(&alloc_fail_after, n);
		err = flock_record(f, &asked, false);
		atomic_set(&alloc_fail_after, 0);
		assert_true(err == (may ? 0 : -EAGAIN) || (n && err == -ENOLCK));
		for (int i = start; !err && i <= end; i++)
			held[o][i] = type;
		locks_seen = 0;
		flock_each(see, NULL);
		assert_int_equal(locks_seen, runs());
	}
	for (unsigned o = 0; o < OWNERS; o++)
		assert_int_equal(lock(f, o, F_UNLCK, 0, FLOCK_END), 0);
	done_with(f);
}

static void test_whole_file_locks(void)
{
	struct file *a = open_file(), *b = open_file();

	assert_int_equal(flock_whole(a, F_RDLCK, false), 0);
	assert_int_equal(flock_whole(b, F_RDLCK, false), 0);
	assert_int_equal(flock_whole(a, F_WRLCK, false), -EAGAIN);
	assert_int_equal(flock_whole(b, F_WRLCK, false), 0); /* a has given its lock up in trying */
	assert_int_equal(flock_whole(b, F_WRLCK, false), 0);
	assert_int_equal(flock_whole(a, F_RDLCK, false), -EAGAIN);
	assert_int_equal(lock(a, 0, F_WRLCK, 0, FLOCK_END), 0); /* records are another matter */
	assert_int_equal(lock(a, 0, F_UNLCK, 0, FLOCK_END), 0);
	file_put(b); /* the last one of the open file: its lock goes */
	assert_int_equal(flock_whole(a, F_WRLCK, false), 0);
	assert_int_equal(flock_whole(a, F_UNLCK, false), 0);
	done_with(a);
}

static struct file *shared;
static int order[8], step;

static void wait_for_it(void *owner)
{
	unsigned o = (unsigned)((const char *)owner - owners);
	struct flock_request r = record(o, F_WRLCK, 0, 9);

	assert_int_equal(flock_record(shared, &r, true), 0);
	order[step++] = (int)o;
	r.type = F_UNLCK;
	assert_int_equal(flock_record(shared, &r, true), 0);
}

static void test_waiters_get_it_in_the_end(void)
{
	shared = open_file();
	step = 0;
	assert_int_equal(lock(shared, 0, F_WRLCK, 5, 6), 0);
	test_child(wait_for_it, &owners[1]);
	test_child(wait_for_it, &owners[2]);
	test_child(wait_for_it, &owners[3]);
	assert_int_equal(step, 0);
	assert_int_equal(lock(shared, 0, F_UNLCK, 5, 5), 0); /* not enough */
	test_let_run();
	assert_int_equal(step, 0);
	assert_int_equal(lock(shared, 0, F_UNLCK, 0, 100), 0);
	test_let_run();
	assert_int_equal(step, 3);
	assert_int_equal(order[0] + order[1] + order[2], 6);
	done_with(shared);
}

static int waited; /* what the wait of a child ended with; 1: not yet */

static void take_b_then_a(void *unused)
{
	struct flock_request a = record(1, F_WRLCK, 0, 0), b = record(1, F_WRLCK, 1, 1);

	(void)unused;
	assert_int_equal(flock_record(shared, &b, false), 0);
	waited = flock_record(shared, &a, true);
}

static void test_deadlocks_are_refused(void)
{
	struct flock_request b = record(0, F_WRLCK, 1, 1);

	shared = open_file();
	waited = 1;
	assert_int_equal(lock(shared, 0, F_WRLCK, 0, 0), 0);
	test_child(take_b_then_a, NULL);
	assert_int_equal(waited, 1);
	assert_int_equal(flock_record(shared, &b, true), -EDEADLK);
	assert_int_equal(flock_record(shared, &b, false), -EAGAIN);
	assert_int_equal(lock(shared, 0, F_UNLCK, 0, 0), 0);
	test_let_run();
	assert_int_equal(waited, 0);
	assert_int_equal(lock(shared, 1, F_UNLCK, 0, FLOCK_END), 0);
	done_with(shared);
}

static void wait_with_a_signal(void *task)
{
	struct flock_request r = record(1, F_WRLCK, 0, 0);

	*(struct task **)task = task_current();
	task_get(task_current());
	waited = flock_record(shared, &r, true);
}

static void test_a_signal_ends_the_wait(void)
{
	struct siginfo info = { .signo = SIGUSR1, .code = SI_USER };
	struct task *t = NULL;

	shared = open_file();
	waited = 1;
	assert_int_equal(lock(shared, 0, F_WRLCK, 0, 0), 0);
	test_child(wait_with_a_signal, &t);
	assert_int_equal(waited, 1);
	t->process->sighand->action[SIGUSR1 - 1].handler = 0x1000;
	assert_int_equal(signal_post_process(t->process, &info), 0);
	test_let_run();
	assert_int_equal(waited, -ERESTARTSYS);
	task_put(t);
	assert_int_equal(lock(shared, 0, F_UNLCK, 0, 0), 0);
	done_with(shared);
}

static void test_closing_any_descriptor_gives_up_the_records(void)
{
	struct fdtable *t = fdtable_current();
	struct file *f = open_file(), *g = open_file();
	struct flock_request mine = { .type = F_WRLCK, .start = 3, .end = 4, .owner = t, .pid = 5 };
	struct flock_request open_ones = { .type = F_WRLCK, .start = 7, .end = 8, .owner = f, .pid = -1 };

	file_get(f);
	file_get(g);
	assert_int_equal(fd_install(t, f, 0, false, 10), 0);
	assert_int_equal(fd_install(t, g, 0, false, 10), 1);
	assert_int_equal(flock_record(f, &mine, false), 0);
	assert_int_equal(flock_record(f, &open_ones, false), 0);
	assert_int_equal(lock(g, 0, F_WRLCK, 3, 3), -EAGAIN);
	assert_int_equal(fd_close(t, 1), 0); /* another open file of the same inode */
	assert_int_equal(lock(g, 0, F_WRLCK, 3, 3), 0);
	assert_int_equal(lock(g, 0, F_WRLCK, 7, 7), -EAGAIN); /* the open file's stay */
	assert_int_equal(fd_close(t, 0), 0);
	file_put(f); /* its last reference */
	assert_int_equal(lock(g, 0, F_WRLCK, 7, 7), 0);
	assert_int_equal(lock(g, 0, F_UNLCK, 0, FLOCK_END), 0);
	done_with(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_records_against_a_model), CASE(test_whole_file_locks), CASE(test_waiters_get_it_in_the_end), CASE(test_deadlocks_are_refused),
		CASE(test_a_signal_ends_the_wait), CASE(test_closing_any_descriptor_gives_up_the_records),
	};

	return cmocka_run_group_tests_name("flock", tests, test_machine_start, NULL);
}
