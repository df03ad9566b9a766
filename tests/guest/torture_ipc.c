/* SPDX-License-Identifier: MIT */
/* Torture of waiting and waking: futexes, pipes with many ends, poll and select, pseudo-terminals whose master goes. */
#include "torture.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static uint32_t seed;
static volatile int *words;

/* ---- futexes ---- */

static void turn_to(int i, int others, int n)
{
	for (int k = n; k > 0; k--) {
		int now;

		while ((now = get(&words[0])) % others != i)
			futex(&words[0], FUTEX_WAIT, now);
		add(&words[0], 1);
		futex(&words[0], FUTEX_WAKE, INT_MAX);
	}
}

static void turn_of_2(int i) { turn_to(i, 2, rounds(300)); }
static void turn_of_5(int i) { turn_to(i, 5, rounds(60)); }

TEST(futex_ping_pong)
{
	words = (int *)map_rw(PAGE);
	gang(2, turn_of_2);
	CHECK_EQ(words[0], rounds(600));
}

TEST(futex_ring_of_processes)
{
	words = shared(PAGE);
	crowd(5, turn_of_5);
	CHECK_EQ(words[0], rounds(300));
}

/* A mutex of one word (0 free, 1 taken, 2 taken and waited for) and a condition of one word, used by processes. */
static void lock_word(volatile int *m)
{
	int was = 0;

	if (__atomic_compare_exchange_n(m, &was, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(m, 2, __ATOMIC_ACQUIRE) != 0)
		futex(m, FUTEX_WAIT, 2);
}

static void unlock_word(volatile int *m)
{
	if (__atomic_exchange_n(m, 0, __ATOMIC_RELEASE) == 2)
		futex(m, FUTEX_WAKE, 1);
}

static void count_under_word(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(1500); k > 0; k--) {
		lock_word(&words[0]);
		int was = words[1];
		CHECK_EQ(words[2], was);
		if (draw(&s, 64) == 0)
			sched_yield();
		words[1] = was + 1;
		words[2] = was + 1;
		unlock_word(&words[0]);
	}
}

TEST(a_mutex_of_one_word)
{
	seed = torture_seed();
	words = shared(PAGE);
	crowd(6, count_under_word);
	CHECK_EQ(words[1], rounds(9000));
}

/* Requeue: waiters of a condition are moved to a mutex's queue and each comes out exactly once. */
#define SLEEPERS 8

static void sleep_in_cond(int i UNUSED)
{
	for (int k = rounds(30); k > 0; k--) {
		int at;

		lock_word(&words[0]);
		at = get(&words[16]);
		add(&words[32], 1); /* waiting */
		unlock_word(&words[0]);
		while (get(&words[16]) == at)
			futex(&words[16], FUTEX_WAIT, at);
		while (__atomic_exchange_n(&words[0], 2, __ATOMIC_ACQUIRE) != 0)
			futex(&words[0], FUTEX_WAIT, 2);
		words[48]++;
		unlock_word(&words[0]);
	}
}

static void wake_by_requeue(void)
{
	for (int k = 0; k < rounds(30); k++) {
		while (get(&words[32]) < SLEEPERS * (k + 1))
			sched_yield();
		lock_word(&words[0]);
		put(&words[0], 2);
		int now = (int)add(&words[16], 1);
		long r;
		do { /* wake one, move the rest to the mutex */
			r = syscall(SYS_futex, &words[16], FUTEX_CMP_REQUEUE, 1, INT_MAX, &words[0], now);
		} while (r < 0 && errno == EAGAIN);
		CHECK(r >= 0 && r <= SLEEPERS);
		unlock_word(&words[0]);
	}
}

TEST(requeue_loses_nobody)
{
	struct gang_member m[SLEEPERS];

	words = (int *)map_rw(PAGE);
	gang_start(m, SLEEPERS, sleep_in_cond);
	wake_by_requeue();
	gang_join(m, SLEEPERS);
	CHECK_EQ(words[48], rounds(30) * SLEEPERS);
}

/* A wait with a timeout against a wake: the number of wakes that found someone is the number of waits that were woken. */
static void wait_a_little(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(250); k > 0; k--) {
		struct timespec limit = {0, (long)draw(&s, 200000)};

		if (syscall(SYS_futex, &words[0], FUTEX_WAIT, 0, &limit, NULL, 0) == 0)
			add(&words[1], 1);
		else
			CHECK(errno == ETIMEDOUT);
	}
	add(&words[3], 1);
}

static void wake_some(int i)
{
	uint32_t s = draw_start(seed, i);

	while (get(&words[3]) < 4) {
		long n = CHECK_OK(futex(&words[0], FUTEX_WAKE, 1));

		add(&words[2], (int)n);
		spin_for(draw(&s, 3000));
	}
}

static void wait_or_wake(int i)
{
	if (i < 4)
		wait_a_little(i);
	else
		wake_some(i);
}

TEST(woken_or_timed_out)
{
	seed = torture_seed();
	words = (int *)map_rw(PAGE);
	gang(6, wait_or_wake);
	CHECK_EQ(words[1], words[2]);
}

/* Mutex and condition of the C library: exact totals through a bounded buffer. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int buffer[4], filled, put_at, taken_at;
static long long total;

static void produce(int n)
{
	for (int k = 1; k <= n; k++) {
		pthread_mutex_lock(&lock);
		while (filled == 4)
			pthread_cond_wait(&not_full, &lock);
		buffer[put_at++ % 4] = k;
		filled++;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&lock);
	}
}

static void consume(int n)
{
	for (int k = 0; k < n; k++) {
		pthread_mutex_lock(&lock);
		while (filled == 0)
			pthread_cond_wait(&not_empty, &lock);
		total += buffer[taken_at++ % 4];
		filled--;
		pthread_cond_signal(&not_full);
		pthread_mutex_unlock(&lock);
	}
}

static void produce_or_consume(int i)
{
	if (i & 1)
		produce(rounds(1000));
	else
		consume(rounds(1000));
}

TEST(a_bounded_buffer)
{
	long long n = rounds(1000);

	gang(8, produce_or_consume);
	CHECK_EQ(total, 4 * n * (n + 1) / 2);
	CHECK_EQ(filled, 0);
}

/* Owners of a robust mutex die holding it, one after the other: each heir hears of it once. */
static pthread_mutex_t *robust;

static void inherit(int i UNUSED)
{
	int r = pthread_mutex_lock(robust);

	CHECK(r == 0 || r == EOWNERDEAD);
	if (r == EOWNERDEAD) {
		add(&words[1], 1);
		CHECK_EQ(pthread_mutex_consistent(robust), 0);
	}
	add(&words[2], 1); /* and ends with it */
}

TEST(robust_mutexes_pass_through_the_dead)
{
	pthread_mutexattr_t attr;

	words = shared(PAGE);
	robust = shared(PAGE);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	for (int k = rounds(8); k > 0; k--) {
		memset((void *)robust, 0, sizeof(*robust));
		pthread_mutex_init(robust, &attr);
		put(&words[1], 0);
		put(&words[2], 0);
		crowd(8, inherit);
		CHECK_EQ(words[2], 8);
		CHECK_EQ(words[1], 7);
	}
}

/* ---- pipes ---- */

#define WRITERS 4
#define READERS 3

static int ends[2];
static volatile int *sums; /* [0] bytes, [1] records, [2] sum of numbers, [8+w] records of a writer */

struct record {
	uint16_t bytes, writer;
	uint32_t number;
	unsigned char fill[];
};

static void write_records(int w)
{
	unsigned char space[PIPE_BUF];
	struct record *r = (struct record *)space;
	uint32_t s = draw_start(seed, w);

	close(ends[0]);
	for (int k = 0; k < rounds(300); k++) {
		r->bytes = (uint16_t)(sizeof(*r) + draw(&s, k % 8 ? 100 : PIPE_BUF - sizeof(*r)));
		r->writer = (uint16_t)w;
		r->number = (uint32_t)k;
		memset(r->fill, w * 31 + k, r->bytes - sizeof(*r));
		CHECK_EQ(write(ends[1], r, r->bytes), r->bytes);
	}
}

static void read_exactly(int fd, void *to, size_t bytes)
{
	char *p = to;

	while (bytes > 0) {
		ssize_t n = CHECK_OK(read(fd, p, bytes));

		CHECK(n > 0);
		p += n;
		bytes -= (size_t)n;
	}
}

/* One reader takes all: every record is whole, and the records of each writer are in order. */
TEST(records_of_many_writers_are_whole)
{
	uint32_t next[WRITERS] = {0};
	pid_t pid[WRITERS];
	char c;

	seed = torture_seed();
	CHECK_OK(pipe(ends));
	for (int w = 0; w < WRITERS; w++)
		FORK(pid[w])
			write_records(w);
	close(ends[1]);
	for (int k = 0; k < WRITERS * rounds(300); k++) {
		unsigned char space[PIPE_BUF];
		struct record *r = (struct record *)space;

		read_exactly(ends[0], r, sizeof(*r));
		CHECK(r->writer < WRITERS && r->bytes <= PIPE_BUF && r->bytes >= sizeof(*r));
		CHECK_EQ(r->number, next[r->writer]++);
		read_exactly(ends[0], r->fill, r->bytes - sizeof(*r));
		for (size_t n = 0; n < r->bytes - sizeof(*r); n++)
			CHECK_EQ(r->fill[n], (unsigned char)(r->writer * 31 + (int)r->number));
	}
	CHECK_EQ(read(ends[0], &c, 1), 0);
	for (int w = 0; w < WRITERS; w++)
		reap_ok(pid[w]);
}

/* Many readers too: words of four bytes, each read by exactly one (reads of multiples of four). */
static void write_words(int w)
{
	uint32_t s = draw_start(seed, w), space[64];

	for (uint32_t k = 0; k < (uint32_t)rounds(4000);) {
		uint32_t n = 1 + draw(&s, 64);

		for (uint32_t i = 0; i < n; i++)
			space[i] = (uint32_t)w << 24 | (k + i);
		CHECK_EQ(write(ends[1], space, n * 4), n * 4);
		k += n;
		add(&sums[0], (int)n);
		for (uint32_t i = 0; i < n; i++)
			add(&sums[2], (int)space[i]);
	}
}

static void read_words(int r)
{
	uint32_t s = draw_start(seed, r), space[256], last[WRITERS] = {0};
	ssize_t n;

	close(ends[1]);
	while ((n = CHECK_OK(read(ends[0], space, 4 * (1 + draw(&s, 256))))) > 0) {
		CHECK_EQ(n % 4, 0);
		add(&sums[1], (int)n / 4);
		for (int i = 0; i < n / 4; i++) {
			uint32_t w = space[i] >> 24, k = space[i] & 0xffffff;

			CHECK(w < WRITERS && (k == 0 || k > last[w])); /* each reader sees a writer's words in order */
			last[w] = k;
			add(&sums[3], (int)space[i]);
		}
	}
}

static void write_or_read(int i)
{
	if (i < WRITERS) {
		close(ends[0]);
		write_words(i);
	} else {
		read_words(i);
	}
}

TEST(every_word_is_read_once)
{
	pid_t pid[WRITERS + READERS];

	seed = torture_seed();
	sums = shared(PAGE);
	CHECK_OK(pipe(ends));
	for (int i = 0; i < WRITERS + READERS; i++)
		FORK(pid[i])
			write_or_read(i);
	close(ends[0]);
	close(ends[1]);
	for (int i = 0; i < WRITERS + READERS; i++)
		reap_ok(pid[i]);
	CHECK_EQ(sums[1], sums[0]);
	CHECK_EQ(sums[3], sums[2]);
}

/* The same with descriptors that do not block, by poll in one reader and select in the other. */
static void write_words_polled(int w)
{
	struct pollfd p = {ends[1], POLLOUT, 0};

	for (uint32_t k = 0; k < (uint32_t)rounds(1500);) {
		uint32_t word = (uint32_t)w << 24 | k;

		if (write(ends[1], &word, 4) == 4) {
			k++;
			add(&sums[0], 1);
			add(&sums[2], (int)word);
			continue;
		}
		CHECK_EQ(errno, EAGAIN);
		CHECK_EQ(poll(&p, 1, -1), 1);
		CHECK_EQ(p.revents, POLLOUT);
	}
}

static void wait_readable(int how)
{
	struct pollfd p = {ends[0], POLLIN, 0};
	fd_set in;

	if (how & 1) {
		CHECK_EQ(poll(&p, 1, -1), 1);
		CHECK((p.revents & (POLLIN | POLLHUP)) && !(p.revents & ~(POLLIN | POLLHUP)));
	} else {
		FD_ZERO(&in);
		FD_SET(ends[0], &in);
		CHECK_EQ(select(ends[0] + 1, &in, NULL, NULL, NULL), 1);
	}
}

static void read_words_polled(int r)
{
	uint32_t space[32];

	close(ends[1]);
	for (;;) {
		ssize_t n;

		wait_readable(r);
		n = read(ends[0], space, sizeof(space));
		if (n == 0)
			return;
		CHECK(n > 0 || errno == EAGAIN); /* the other reader was first */
		for (int i = 0; i < n / 4; i++)
			add(&sums[3], (int)space[i]);
		add(&sums[1], n > 0 ? (int)n / 4 : 0);
	}
}

static void poll_role(int i)
{
	if (i < WRITERS)
		write_words_polled(i);
	else
		read_words_polled(i);
}

TEST(poll_and_select_miss_nothing)
{
	sums = shared(PAGE);
	CHECK_OK(pipe2(ends, O_NONBLOCK));
	pid_t pid[WRITERS + 2];
	for (int i = 0; i < WRITERS + 2; i++)
		FORK(pid[i])
			poll_role(i);
	close(ends[0]);
	close(ends[1]);
	for (int i = 0; i < WRITERS + 2; i++)
		reap_ok(pid[i]);
	CHECK_EQ(sums[0], WRITERS * rounds(1500));
	CHECK_EQ(sums[1], sums[0]);
	CHECK_EQ(sums[3], sums[2]);
}

/* Readers go while writers write: all that the writers hear is success or EPIPE, and nobody stays behind. */
static void write_until_epipe(int i UNUSED)
{
	char text[700];

	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	memset(text, 'x', sizeof(text));
	while (write(ends[1], text, sizeof(text)) > 0)
		;
	CHECK_EQ(errno, EPIPE);
}

TEST(writers_whose_readers_go)
{
	uint32_t s = torture_seed();

	for (int k = rounds(25); k > 0; k--) {
		pid_t pid[5];
		char text[3000];

		CHECK_OK(pipe(ends));
		for (int i = 0; i < 3; i++)
			FORK(pid[i])
				write_until_epipe(i);
		for (int i = 3; i < 5; i++) {
			uint32_t n = draw(&s, 12);

			FORK(pid[i]) {
				close(ends[1]);
				for (uint32_t c = 0; c < n; c++)
					CHECK(read(ends[0], text, sizeof(text)) > 0);
			}
		}
		close(ends[0]);
		close(ends[1]);
		for (int i = 0; i < 5; i++)
			reap_ok(pid[i]);
	}
}

/* ---- pseudo-terminals ---- */

static void write_to_slave(const char *name, uint32_t n)
{
	char text[50];
	int fd = open(name, O_RDWR | O_NOCTTY);

	if (fd < 0) {
		CHECK(errno == EIO || errno == ENXIO || errno == ENOENT); /* the master went first */
		return;
	}
	memset(text, 'y', sizeof(text));
	while (n-- > 0)
		if (write(fd, text, sizeof(text)) < 0) {
			CHECK_EQ(errno, EIO);
			break;
		}
	close(fd);
}

/* The master goes while slaves write and read: writers hear EIO, readers end of file; none waits for ever. */
TEST(hangup_while_slaves_are_in_use)
{
	uint32_t s = torture_seed();

	for (int k = rounds(25); k > 0; k--) {
		int master = CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)), off = 0, n;
		char name[40], text[300];
		pid_t pid[4];

		CHECK_OK(ioctl(master, TIOCSPTLCK, &off));
		CHECK_OK(ioctl(master, TIOCGPTN, &n));
		snprintf(name, sizeof(name), "/dev/pts/%d", n);
		for (int i = 0; i < 4; i++)
			FORK(pid[i]) {
				close(master);
				signal(SIGHUP, SIG_IGN);
				write_to_slave(name, 100000);
			}
		for (uint32_t r = draw(&s, 20); r > 0; r--)
			(void)!read(master, text, sizeof(text));
		close(master);
		for (int i = 0; i < 4; i++)
			reap_ok(pid[i]);
	}
}
