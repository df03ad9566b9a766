/* SPDX-License-Identifier: MIT */
/* Restartable sequences, rseq(2): how a thread registers, its CPU's number, what makes a sequence begin anew, and what bad ones do. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <ucontext.h>

#define MEMBARRIER 375
#define MARK "0x53053053"
#define ROUNDS 300000
#define CPUS_MAX 32

struct section {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

/* As Linux 6.1 has it. */
struct area {
	uint32_t cpu_start, cpu;
	uint64_t section;
	uint32_t flags, unused[3];
} __attribute__((aligned(32)));

static long rseq(void *area, unsigned len, int flags, unsigned mark) { return syscall(SYS_rseq, area, len, flags, mark); }

static struct area *library_area(void) { return (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset); }

/* The C library registers each thread; a test has its own area instead. */
static struct area *own_area(struct area *a)
{
	CHECK_OK(rseq(library_area(), 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	*a = (struct area){.cpu_start = 77, .cpu = RSEQ_CPU_ID_UNINITIALIZED};
	CHECK_OK(rseq(a, 32, 0, RSEQ_SIG));
	return a;
}

static void stay_on(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_OK(sched_setaffinity(pid, sizeof(set), &set));
}

static int cpus(void)
{
	cpu_set_t set;

	CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
	return CPU_COUNT(&set);
}

/* Turns in a sequence without an end until it is broken off. `turns` counts. */
#define SPIN(a, turns)                                                                                                 \
	__asm__ volatile(".pushsection .data\n\t.balign 32\n"                                                           \
			 "771:\t.long 0, 0, 772f, 0, 773f - 772f, 0, 774f, 0\n\t.popsection\n\t"                        \
			 "movl $771b, 8(%0)\n"                                                                          \
			 "772:\tincl %1\n\tpause\n\tjmp 772b\n"                                                        \
			 "773:\t.pushsection .text.aborts, \"ax\"\n\t.long " MARK "\n774:\tjmp 775f\n\t.popsection\n"   \
			 "775:\n"                                                                                       \
			 :: "r"(a), "m"(turns) : "memory", "cc")

TEST(the_library_registers)
{
	struct area *a = library_area();

	CHECK(__rseq_size >= 20);
	CHECK_ERR(rseq(a, 32, 0, RSEQ_SIG), EBUSY);
	CHECK_EQ(a->cpu, sched_getcpu());
	CHECK_EQ(a->cpu_start, a->cpu);
	CHECK_OK(rseq(a, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	CHECK_EQ(a->cpu, (uint32_t)RSEQ_CPU_ID_UNINITIALIZED);
	CHECK_EQ(a->cpu_start, 0);
}

TEST(errors)
{
	static struct area a, b;
	char *wild = map_rw(PAGE);

	CHECK_ERR(rseq(&a, 32, 0, RSEQ_SIG), EINVAL); /* the library's is there */
	own_area(&a);
	CHECK_EQ(a.cpu_start, a.cpu);
	CHECK_ERR(rseq(&a, 32, 0, RSEQ_SIG), EBUSY);
	CHECK_ERR(rseq(&b, 32, 0, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 28, 0, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 32, 0, 1), EPERM);
	CHECK_ERR(rseq(&a, 32, 2, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 32, 3, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 32, -1, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&b, 32, 1, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 64, 1, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 32, 1, 2), EPERM);
	CHECK_OK(rseq(&a, 32, 1, RSEQ_SIG));
	CHECK_ERR(rseq(&a, 32, 1, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 31, 0, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(&a, 64, 0, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq((char *)&a + 16, 32, 0, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq((void *)0xffffffe0, 32, 0, RSEQ_SIG), EFAULT);
	CHECK_ERR(rseq((void *)0xfffffff0, 32, 0, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(NULL, 32, 0, RSEQ_SIG), EFAULT);
	CHECK_ERR(rseq(NULL, 32, 1, RSEQ_SIG), EINVAL);
	CHECK_ERR(rseq(map_edge(), 32, 0, RSEQ_SIG), EFAULT);
	memset(wild, 0x55, 32); /* what is left of another thread names no sequence */
	CHECK_OK(rseq(wild, 32, 0, 5));
	CHECK_EQ(((struct area *)wild)->section, 0);
	CHECK_OK(mprotect(wild, PAGE, PROT_READ));
	CHECK_ERR(rseq(wild, 32, 1, 5), EFAULT);
	CHECK_OK(mprotect(wild, PAGE, PROT_READ | PROT_WRITE));
	CHECK_OK(rseq(wild, 32, 1, 5));
}

TEST(the_number_follows_the_thread)
{
	static struct area a;
	int n = cpus();

	own_area(&a);
	for (int i = 0; i < 400; i++) {
		stay_on(0, i % n);
		CHECK_EQ(a.cpu, i % n);
		CHECK_EQ(a.cpu_start, i % n);
	}
}

static int cpus_then;

static void *in_thread(void *arg)
{
	CHECK_ERR(rseq(library_area(), 32, 0, RSEQ_SIG), EBUSY);
	for (int i = 0; i < 100; i++) {
		int cpu = (i + (int)(long)arg) % cpus_then;

		stay_on(0, cpu);
		CHECK_EQ(library_area()->cpu, cpu);
	}
	return NULL;
}

static int register_anew(void *area) { return rseq(area, 32, 0, RSEQ_SIG) == 0 && rseq(area, 32, 1, RSEQ_SIG) == 0 ? 0 : 1; }

TEST(children_and_threads)
{
	static struct area a;
	static char room[16384] __attribute__((aligned(16)));
	pthread_t t[4];
	pid_t pid;

	cpus_then = cpus();
	for (long i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, in_thread, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	own_area(&a);
	for (int i = 0; i < 60; i++) {
		stay_on(0, i % cpus_then);
		FORK(pid) {
			unsigned cpu, node;

			CHECK_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
			CHECK_EQ(a.cpu, cpu); /* it has one CPU only */
			CHECK_ERR(rseq(&a, 32, 0, RSEQ_SIG), EBUSY);
		}
		reap_ok(pid);
	}
	/* who shares the memory begins without */
	pid = CHECK_OK(clone(register_anew, room + sizeof(room), CLONE_VM | SIGCHLD, &a));
	reap_ok(pid);
}

HELPER(fresh)
{
	static struct area a;

	return rseq(&a, 32, 0, 9) == 0 && a.cpu == (uint32_t)sched_getcpu() && rseq(&a, 32, 1, 9) == 0 ? 0 : 1;
}

TEST(gone_at_exec)
{
	static struct area a;
	char *argv[] = {"rseq", "@fresh", NULL}, *env[] = {"GLIBC_TUNABLES=glibc.pthread.rseq=0", NULL};
	pid_t pid;

	for (int i = 0, n = cpus(); i < 20; i++) {
		FORK(pid) {
			stay_on(0, i % n);
			own_area(&a);
			execve("/proc/self/exe", argv, env);
			FAIL("exec: %s", strerror(errno));
		}
		reap_ok(pid);
	}
}

static volatile uintptr_t interrupted_at;
static volatile uint64_t section_then;
static struct area *the_area;

static void on_alarm(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	interrupted_at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_EIP];
	section_then = the_area->section;
}

/* A handler that comes into a sequence returns to its abort. */
TEST(a_signal_restarts)
{
	static struct area a;
	static volatile unsigned turns;
	struct sigaction sa = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
	struct itimerval tv = {.it_value = {0, 20000}};

	the_area = own_area(&a);
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	for (int hits = 0; hits < 5;) {
		interrupted_at = 0;
		CHECK_OK(setitimer(ITIMER_REAL, &tv, NULL));
		while (!interrupted_at) /* other switches come first, maybe */
			SPIN(&a, turns);
		CHECK_EQ(section_then, 0);
		CHECK_EQ(a.section, 0);
		hits += *(uint32_t *)(interrupted_at - 4) == RSEQ_SIG; /* else it came before the sequence began */
	}
	CHECK(turns > 0);
}

/* Two that want one CPU take turns: neither stays in its sequence. */
TEST(preemption_restarts)
{
	static struct area a;
	static volatile unsigned turns;
	pid_t pid;

	stay_on(0, 0);
	FORK(pid) {
		for (;;)
			;
	}
	own_area(&a);
	for (int i = 0; i < 10; i++) {
		SPIN(&a, turns);
		CHECK_EQ(a.section, 0);
		CHECK_EQ(a.cpu, 0);
	}
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(a_move_restarts)
{
	struct { struct area a; volatile unsigned turns, ends; } *shared = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t pid;

	if (cpus() < 2)
		SKIP("one CPU");
	stay_on(0, 0);
	FORK(pid) {
		own_area(&shared->a);
		for (;;) {
			SPIN(&shared->a, shared->turns);
			shared->ends++;
		}
	}
	for (int i = 0; i < 50; i++) {
		unsigned turns = shared->turns, ends;

		CHECK_SOON(shared->turns != turns);
		ends = shared->ends;
		stay_on(pid, (i + 1) % 2);
		CHECK_SOON(shared->ends != ends);
		CHECK_SOON(shared->a.cpu == (unsigned)(i + 1) % 2);
	}
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

static struct area thread_area;
static volatile unsigned thread_turns, thread_ends, thread_stop;

static void *spinning(void *arg)
{
	own_area(&thread_area);
	while (!thread_stop) {
		SPIN(&thread_area, thread_turns);
		thread_ends++;
	}
	return arg;
}

TEST(membarrier_restarts)
{
	long can = CHECK_OK(syscall(MEMBARRIER, 0, 0, 0));
	pthread_t t;

	CHECK_EQ(can & 511, 511);
	CHECK_ERR(syscall(MEMBARRIER, 128, 0, 0), EPERM);
	CHECK_ERR(syscall(MEMBARRIER, 128, 2, 0), EINVAL);
	CHECK_ERR(syscall(MEMBARRIER, 256, 1, 0), EINVAL);
	CHECK_ERR(syscall(MEMBARRIER, 8, 1, 0), EINVAL);
	CHECK_OK(syscall(MEMBARRIER, 256, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 128, 1, 0));
	CHECK_OK(syscall(MEMBARRIER, 128, 1, -1));
	CHECK_OK(syscall(MEMBARRIER, 128, 1, 1000000));
	CHECK_EQ(pthread_create(&t, NULL, spinning, NULL), 0);
	for (int i = 0; i < 100; i++) {
		unsigned turns = thread_turns, ends;

		CHECK_SOON(thread_turns != turns);
		ends = thread_ends;
		if (i == 99)
			thread_stop = 1;
		CHECK_OK(syscall(MEMBARRIER, 128, i & 1, -1));
		for (int n = 0; n < LATE_MS && thread_ends == ends; n++)
			sleep_ms(1);
		CHECK(thread_ends != ends);
	}
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* One counter for each CPU, without a lock and without an atomic operation: nothing is lost, whoever is preempted where. */
static struct { volatile uint32_t n; uint32_t unused[15]; } counter[CPUS_MAX] __attribute__((aligned(64)));
static volatile unsigned long broken_off;

/* Adds one to the counter of this CPU: 0, or 1 when it must begin anew. */
static int add_here(struct area *a)
{
	uint32_t cpu = *(volatile uint32_t *)&a->cpu_start;
	volatile uint32_t *n = &counter[cpu].n;
	int result;

	__asm__ volatile(".pushsection .data\n\t.balign 32\n"
			 "771:\t.long 0, 0, 772f, 0, 773f - 772f, 0, 774f, 0\n\t.popsection\n\t"
			 "movl $771b, 8(%[a])\n"
			 "772:\tcmpl %[cpu], 4(%[a])\n\tjne 775f\n\t"
			 "movl (%[n]), %%eax\n\tmovl $20, %%edx\n"
			 "776:\tdecl %%edx\n\tjnz 776b\n\t"
			 "incl %%eax\n\tmovl %%eax, (%[n])\n"
			 "773:\txorl %%eax, %%eax\n\tjmp 777f\n"
			 "\t.long " MARK "\n774:\tlock; incl broken_off\n"
			 "775:\tmovl $1, %%eax\n"
			 "777:\n"
			 : "=&a"(result) : [a] "r"(a), [cpu] "r"(cpu), [n] "r"(n) : "memory", "cc", "edx");
	return result;
}

static void *adding(void *arg)
{
	struct area *a = library_area();

	for (int i = 0; i < ROUNDS; ) {
		i += !add_here(a);
		if (arg && i % 2000 == 0)
			stay_on(0, i / 2000 % cpus_then);
	}
	return NULL;
}

TEST(counters_of_each_cpu)
{
	uint64_t sum = 0;
	pthread_t t[6];

	cpus_then = cpus();
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, adding, (void *)(i & 1L)), 0);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < CPUS_MAX; i++)
		sum += counter[i].n;
	CHECK_EQ(sum, 6LL * ROUNDS);
	CHECK(broken_off > 0);
}

/* After a fork the area lies in a page that is to be copied: it is the kernel that writes there first. */
TEST(an_area_that_must_be_copied)
{
	static struct area a;
	static volatile unsigned turns;
	struct itimerval tv = {.it_interval = {0, 2000}, .it_value = {0, 2000}};
	struct sigaction sa = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
	pid_t pid;

	the_area = own_area(&a);
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &tv, NULL));
	for (int i = 0; i < 50; i++) {
		FORK(pid) {
			CHECK_EQ(a.section, 0);
		}
		SPIN(&a, turns);
		CHECK_EQ(a.section, 0);
		reap_ok(pid);
	}
}

/* ---- what is wrong kills ---- */

extern char bad_start[], bad_end[], bad_abort[];
__asm__(".pushsection .text\n\t.globl bad_start, bad_end, bad_abort\n"
	"bad_start:\tpause\n\tjmp bad_start\n"
	"bad_end:\tnop\n\t.long " MARK "\n"
	"bad_abort:\tmovl $77, %ebx\n\tmovl $1, %eax\n\tint $0x80\n\t.popsection");

static void ignore(int sig UNUSED) { }

static void on_tick(int sig UNUSED)
{
	static int ticks;

	if (++ticks == 20)
		_exit(98);
}

/* In a child: turns in the sequence as s describes it until a signal comes. Its wait status. */
static int with(const struct section *s, uint32_t flags, uint64_t at, bool handler)
{
	static struct area a;
	pid_t pid;

	FORK(pid) {
		static struct section copy;
		struct itimerval tv = {.it_interval = {0, 5000}, .it_value = {0, 5000}};
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		copy = *s;
		signal(SIGALRM, on_tick);
		if (handler)
			signal(SIGSEGV, ignore);
		own_area(&a);
		a.flags = flags;
		setitimer(ITIMER_REAL, &tv, NULL);
		__atomic_store_n((uint32_t *)&a.section + 1, (uint32_t)(at >> 32), __ATOMIC_RELAXED);
		__atomic_store_n((uint32_t *)&a.section, at ? (uint32_t)at : (uint32_t)(uintptr_t)&copy, __ATOMIC_RELAXED);
		((void (*)(void))bad_start)();
	}
	return reap(pid);
}

#define KILLED(changed, ...) \
	do { \
		for (int h_ = 0; h_ < 2; h_++) { \
			struct section s = good; \
			changed; \
			CHECK_EQ(with(&s, __VA_ARGS__, h_), SIGSEGV); \
		} \
	} while (0)

TEST(bad_sections_kill)
{
	struct section good = {.start = (uintptr_t)bad_start, .length = (uintptr_t)(bad_end - bad_start), .abort = (uintptr_t)bad_abort};
	char *edge = map_edge();

	CHECK_EQ(with(&good, 0, 0, false), 77 << 8);
	KILLED(s.version = 1, 0, 0);
	for (unsigned f = 1; f; f = f == 8 ? 0x80000000u : f << 1) {
		struct section s = good;

		/* looked at in a sequence only: a handler of SIGSEGV that begins in another handler lives */
		CHECK_EQ(with(&s, f, 0, false), SIGSEGV);
		s.flags = f;
		CHECK_EQ(with(&s, 0, 0, false), SIGSEGV);
	}
	KILLED(s.abort++, 0, 0);
	KILLED(s.abort = 0, 0, 0);
	KILLED(s.abort = 0xc0000000u, 0, 0);
	KILLED(s.abort = (uintptr_t)bad_start, 0, 0);
	KILLED(s.abort += 1ull << 32, 0, 0);
	KILLED(s.start += 1ull << 32, 0, 0);
	KILLED(s.start = 0xc0000000u, 0, 0);
	KILLED(s.length = -1, 0, 0);
	KILLED(s.length = 0xc0000000u, 0, 0);
	KILLED(s.length = 1ull << 32, 0, 0);
	KILLED((s.start = -1ull, s.length = 5), 0, 0);
	KILLED((void)s, 0, 0xc0000000u);
	KILLED((void)s, 0, 0xfffffff0u);
	KILLED((void)s, 0, (uintptr_t)edge);
	KILLED((void)s, 0, (uintptr_t)edge - 16);
	KILLED((void)s, 0, 16);
	KILLED((void)s, 0, 1ull << 32);
}

/* The area itself goes. */
TEST(a_lost_area_kills)
{
	pid_t pid;

	FORK(pid) {
		struct area *a = (struct area *)map_rw(PAGE);
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGUSR1, ignore);
		own_area(a);
		CHECK_OK(munmap(a, PAGE));
		kill(getpid(), SIGUSR1);
		FAIL("it lives");
	}
	reap_signal(pid, SIGSEGV);
}

/* struct ptrace_rseq_configuration */
struct told {
	uint64_t area;
	uint32_t bytes, signature, flags, pad;
};

#define GET_RSEQ_CONFIGURATION 0x420f

static struct told told_of(pid_t pid)
{
	struct told t;

	memset(&t, 0xee, sizeof(t));
	CHECK_EQ(ptrace(GET_RSEQ_CONFIGURATION, pid, (void *)sizeof(t), &t), sizeof(t));
	return t;
}

/* What a debugger is told. */
TEST(a_tracer_is_told)
{
	struct told t;
	pid_t pid;

	FORK(pid) {
		CHECK_OK(ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		CHECK_OK(rseq(library_area(), 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
		raise(SIGSTOP);
	}
	CHECK_ERR(ptrace(GET_RSEQ_CONFIGURATION, getpid(), (void *)sizeof(t), &t), ESRCH);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	t = told_of(pid);
	CHECK_EQ(t.area, (uintptr_t)library_area());
	CHECK_EQ(t.bytes, 32);
	CHECK_EQ(t.signature, RSEQ_SIG);
	CHECK(t.flags == 0 && t.pad == 0);
	t.signature = 1;
	CHECK_EQ(ptrace(GET_RSEQ_CONFIGURATION, pid, (void *)12, &t), sizeof(t));
	CHECK_EQ(t.signature, 1);
	CHECK_EQ(ptrace(GET_RSEQ_CONFIGURATION, pid, (void *)0, (void *)8), sizeof(t));
	CHECK_ERR(ptrace(GET_RSEQ_CONFIGURATION, pid, (void *)4, (void *)8), EFAULT);
	CHECK_OK(ptrace(PTRACE_CONT, pid, 0, 0));
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	t = told_of(pid);
	CHECK(t.area == 0 && t.bytes == 32 && t.signature == 0);
	CHECK_OK(ptrace(PTRACE_CONT, pid, 0, 0));
	reap_ok(pid);
}
