/* SPDX-License-Identifier: MIT */
/* Waiting for any of several descriptors: what is ready at once, what wakes, time, signals, and many queues without memory. And FIFOs. */
#include "arch/clock.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "vfs/pipe.h"
#include "vfs/pollset.h"
#include "vfs/test/machine.h"

#define PIPES 20

static struct file *reader[PIPES], *writer[PIPES];
static int reader_fd[PIPES], writer_fd[PIPES];
static long result;
static struct pollset_fd seen[PIPES];
static bool ended;
static struct task *sleeper;

static int install(struct file *f)
{
	int fd;

	file_get(f);
	fd = fd_install(fdtable_current(), f, 0, false, 1000);
	assert_true(fd >= 0);
	return fd;
}

static void make_pipes(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pipe_create(&reader[i], &writer[i], O_NONBLOCK), 0);
		reader_fd[i] = install(reader[i]);
		writer_fd[i] = install(writer[i]);
	}
}

static void drop_pipes(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		fd_close(fdtable_current(), (unsigned)reader_fd[i]);
		fd_close(fdtable_current(), (unsigned)writer_fd[i]);
		file_put(reader[i]);
		file_put(writer[i]);
	}
}

static void test_what_is_ready_at_once(void)
{
	make_pipes(2);
	struct pollset_fd p[] = { { .fd = reader_fd[0], .events = POLLIN }, { .fd = writer_fd[0], .events = POLLOUT | POLLIN }, { .fd = -1, .events = POLLIN },
				  { .fd = 999, .events = 0 }, { .fd = reader_fd[1], .events = POLLIN } };

	assert_int_equal(pollset_wait(p, 5, 0), 2);
	assert_int_equal(p[0].revents, 0);
	assert_int_equal(p[1].revents, POLLOUT);
	assert_int_equal(p[2].revents, 0);
	assert_int_equal(p[3].revents, POLLNVAL);
	assert_int_equal(test_write(writer[0], "x", 1), 1);
	assert_int_equal(pollset_wait(p, 1, WAIT_FOREVER), 1);
	assert_int_equal(p[0].revents, POLLIN);
	assert_int_equal(pollset_wait(NULL, 0, 0), 0);
	fd_close(fdtable_current(), (unsigned)writer_fd[1]);
	file_put(writer[1]);
	assert_int_equal(pollset_wait(&p[4], 1, WAIT_FOREVER), 1);
	assert_int_equal(p[4].revents, POLLHUP); /* told whether asked for or not */
	fd_close(fdtable_current(), (unsigned)reader_fd[1]);
	file_put(reader[1]);
	fd_close(fdtable_current(), (unsigned)reader_fd[0]);
	file_put(reader[0]);
	assert_int_equal(pollset_wait(&p[1], 1, 0), 1);
	assert_true(p[1].revents & POLLERR); /* nobody reads any more */
	fd_close(fdtable_current(), (unsigned)writer_fd[0]);
	file_put(writer[0]);
}

static void wait_for_any(void *deadline)
{
	sleeper = task_current();
	task_get(sleeper);
	for (unsigned i = 0; i < PIPES; i++)
		seen[i] = (struct pollset_fd){ .fd = reader_fd[i], .events = POLLIN };
	result = pollset_wait(seen, PIPES, (ktime_t)(uintptr_t)deadline);
	ended = true;
}

static void begin(ktime_t deadline)
{
	make_pipes(PIPES);
	ended = false;
	test_child(wait_for_any, (void *)(uintptr_t)deadline);
}

static void finish(void)
{
	assert_true(ended);
	task_put(sleeper);
	drop_pipes(PIPES);
}

static void test_any_of_many_wakes(void)
{
	begin(WAIT_FOREVER);
	assert_false(ended);
	assert_int_equal(test_write(writer[PIPES - 2], "x", 1), 1);
	test_let_run();
	assert_int_equal(result, 1);
	for (unsigned i = 0; i < PIPES; i++)
		assert_int_equal(seen[i].revents, i == PIPES - 2 ? POLLIN : 0);
	finish();
}

static void test_what_was_read_by_another_does_not_count(void)
{
	char c;

	begin(WAIT_FOREVER);
	assert_int_equal(test_write(writer[3], "x", 1), 1);
	assert_int_equal(test_read(reader[3], &c, 1), 1); /* before the sleeper could look */
	test_let_run();
	assert_false(ended);
	assert_int_equal(test_write(writer[4], "x", 1), 1);
	test_let_run();
	assert_int_equal(result, 1);
	assert_int_equal(seen[3].revents, 0);
	finish();
}

static void test_the_time_runs_out(void)
{
	begin(clock_now() + 5000000);
	host_clock_advance(4900000);
	test_let_run();
	assert_false(ended);
	host_clock_advance(200000);
	test_let_run();
	assert_int_equal(result, 0);
	finish();
}

static void test_a_signal_ends_it(void)
{
	struct siginfo info = { .signo = SIGUSR1, .code = SI_USER };

	begin(WAIT_FOREVER);
	sleeper->process->sighand->action[SIGUSR1 - 1].handler = 0x1000;
	assert_int_equal(signal_post_process(sleeper->process, &info), 0);
	test_let_run();
	assert_int_equal(result, -EINTR);
	finish();
}

static void test_many_queues_without_memory(void)
{
	int failures = 0, held;

	make_pipes(PIPES);
	held = (int)refcount_read(&reader[0]->refs);
	for (unsigned i = 0; i < PIPES; i++)
		seen[i] = (struct pollset_fd){ .fd = reader_fd[i], .events = POLLIN };
	for (long n = 1; n < 6; n++) {
		long r;

		slab_reap();
		atomic_set(&alloc_fail_after, n);
		r = pollset_wait(seen, PIPES, clock_now()); /* ends at once if it can wait at all */
		atomic_set(&alloc_fail_after, 0);
		assert_true(r == 0 || r == -ENOMEM);
		failures += r != 0;
		for (unsigned i = 0; i < PIPES; i++)
			assert_int_equal(refcount_read(&reader[i]->refs), held);
	}
	assert_true(failures >= 2);
	assert_int_equal(test_write(writer[PIPES - 1], "x", 1), 1);
	slab_reap();
	atomic_set(&alloc_fail_after, 3); /* after the room for the files, in a new slab: too many queues to wait on, but there is no need to */
	assert_int_equal(pollset_wait(seen, PIPES, WAIT_FOREVER), 1);
	atomic_set(&alloc_fail_after, 0);
	drop_pipes(PIPES);
}

/* ---- FIFOs ---- */

static struct file *opened[2];
static long open_error;

static void open_side(void *flags)
{
	struct file *f = file_open(AT_FDCWD, "/fifo", (int)(intptr_t)flags, 0);

	sleeper = task_current();
	task_get(sleeper);
	open_error = IS_ERR(f) ? PTR_ERR(f) : 0;
	if (!IS_ERR(f))
		opened[(intptr_t)flags == O_WRONLY] = f; /* kept for the test */
	ended = true;
}

static void test_the_two_sides_of_a_fifo_meet(void)
{
	char c = 0;

	assert_int_equal(path_mknod(AT_FDCWD, "/fifo", S_IFIFO | 0644, 0), 0);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/fifo", O_WRONLY | O_NONBLOCK, 0)), -ENXIO);
	ended = false;
	test_child(open_side, (void *)(intptr_t)O_RDONLY);
	assert_false(ended);
	opened[1] = file_open(AT_FDCWD, "/fifo", O_WRONLY, 0); /* does not wait: there is a reader */
	assert_false(IS_ERR(opened[1]));
	test_let_run();
	assert_true(ended);
	assert_int_equal(open_error, 0);
	task_put(sleeper);
	assert_int_equal(test_write(opened[1], "x", 1), 1);
	file_put(opened[1]);
	assert_int_equal(test_read(opened[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	assert_int_equal(test_read(opened[0], &c, 1), 0); /* the writer is gone */
	file_put(opened[0]);
	ended = false;
	test_child(open_side, (void *)(intptr_t)O_WRONLY);
	assert_false(ended);
	opened[0] = file_open(AT_FDCWD, "/fifo", O_RDONLY | O_NONBLOCK, 0);
	assert_false(IS_ERR(opened[0]));
	test_let_run();
	assert_true(ended);
	task_put(sleeper);
	assert_int_equal(test_write(opened[1], "yz", 2), 2);
	file_put(opened[1]);
	file_put(opened[0]); /* what nobody read is gone with the last of them */
	opened[0] = file_open(AT_FDCWD, "/fifo", O_RDWR | O_NONBLOCK, 0);
	assert_false(IS_ERR(opened[0]));
	assert_int_equal(test_read(opened[0], &c, 1), -EAGAIN);
	file_put(opened[0]);
	assert_int_equal(path_unlink(AT_FDCWD, "/fifo"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_is_ready_at_once), CASE(test_any_of_many_wakes), CASE(test_what_was_read_by_another_does_not_count),
		CASE(test_the_time_runs_out), CASE(test_a_signal_ends_it), CASE(test_many_queues_without_memory),
		CASE(test_the_two_sides_of_a_fifo_meet),
	};

	return cmocka_run_group_tests_name("poll", tests, test_machine_start, NULL);
}
