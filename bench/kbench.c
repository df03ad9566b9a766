/* SPDX-License-Identifier: MIT */
/* kbench: kernel micro-benchmarks as one static Linux program, so that the same binary runs on any
 * Linux-ABI kernel in the same virtual machine. Prints one line per benchmark:
 *     name <tab> ns-per-operation (minimum over repeats) <tab> operations timed
 * The clock is CLOCK_MONOTONIC; under `qemu -icount` it counts guest instructions. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *self;
static const char *only;
static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void die(const char *w) { printf("FAIL\t%s\t%s\n", w, strerror(errno)); exit(1); }

typedef void (*body)(long n, void *arg);
static void bench(const char *name, body f, void *arg, long per, uint64_t budget_ns)
{
	if (only && !strstr(name, only)) return;
	long n = 1; uint64_t t;
	for (;;) { uint64_t a = now(); f(n, arg); t = now() - a; if (t > budget_ns / 8 || n > 1 << 22) break; n *= 2; }
	uint64_t best = t;
	for (int i = 0; i < 4; i++) { uint64_t a = now(); f(n, arg); t = now() - a; if (t < best) best = t; }
	printf("%s\t%.1f\t%ld\n", name, (double)best / n / per, n * per); fflush(stdout);
}

/* What begins with processes or pipes of its own does the same number of operations on every kernel: where the number grew until enough time had
 * passed, a faster kernel divided the same beginning by more of them. n is for ms=10, and is what Debian's kernel 6.1 came to when it grew. */
static void bench_fixed(const char *name, body f, void *arg, long per, uint64_t budget_ns, long n)
{
	if (only && !strstr(name, only)) return;
	n = n * (long)(budget_ns / 1000000) / 10; if (n < 1) n = 1;
	uint64_t best = ~0ull;
	for (int i = 0; i < 5; i++) { uint64_t a = now(); f(n, arg); uint64_t t = now() - a; if (t < best) best = t; }
	printf("%s\t%.1f\t%ld\n", name, (double)best / n / per, n * per); fflush(stdout);
}

static void b_null(long n, void *a) { while (n--) syscall(SYS_getppid); }
static void b_read1(long n, void *a) { char c; int fd = *(int *)a; while (n--) if (read(fd, &c, 1) != 1) die("read"); }
static void b_write1(long n, void *a) { char c = 0; int fd = *(int *)a; while (n--) if (write(fd, &c, 1) != 1) die("write"); }
static void b_stat(long n, void *a) { struct stat s; while (n--) if (stat(a, &s)) die("stat"); }
static void b_open(long n, void *a) { while (n--) { int fd = open(a, O_RDONLY); if (fd < 0) die("open"); close(fd); } }
static void b_creat(long n, void *a) { char p[64]; while (n--) { snprintf(p, sizeof p, "/tmp/kb.%ld", n & 63); int fd = open(p, O_CREAT | O_RDWR, 0600); if (fd < 0) die("creat"); close(fd); unlink(p); } }
static void b_pread4k(long n, void *a) { static char buf[4096]; int fd = *(int *)a; while (n--) if (pread(fd, buf, 4096, (n & 255) * 4096) != 4096) die("pread"); }
static void b_fork(long n, void *a) { while (n--) { pid_t p = fork(); if (p < 0) die("fork"); if (!p) _exit(0); if (waitpid(p, 0, 0) != p) die("wait"); } }
static void b_vfork_exec(long n, void *a) { while (n--) { pid_t p = vfork(); if (p < 0) die("vfork"); if (!p) { execl(self, self, "--exit", (char *)0); _exit(127); } int st; waitpid(p, &st, 0); if (st) die("exec status"); } }
static void b_fork_exec(long n, void *a) { while (n--) { pid_t p = fork(); if (p < 0) die("fork"); if (!p) { execl(self, self, "--exit", (char *)0); _exit(127); } int st; waitpid(p, &st, 0); if (st) die("exec status"); } }
static void b_sh(long n, void *a) { while (n--) { pid_t p = fork(); if (p < 0) die("fork"); if (!p) { execl("/bin/sh", "sh", "-c", "exit 0", (char *)0); _exit(127); } int st; waitpid(p, &st, 0); if (st) die("sh status"); } }
static void b_anon(long n, void *a) { size_t len = 256 * 4096; while (n--) { char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); if (p == MAP_FAILED) die("mmap"); for (size_t i = 0; i < len; i += 4096) p[i] = 1; munmap(p, len); } }
static void b_mmap(long n, void *a) { while (n--) { char *p = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); if (p == MAP_FAILED) die("mmap"); munmap(p, 65536); } }
static void b_filemap(long n, void *a) { int fd = *(int *)a; while (n--) { volatile char *p = mmap(0, 1 << 20, PROT_READ, MAP_SHARED, fd, 0); if (p == MAP_FAILED) die("mmap"); for (int i = 0; i < 1 << 20; i += 4096) (void)p[i]; munmap((void *)p, 1 << 20); } }
static void b_prot(long n, void *a) { while (n--) { mprotect(a, 65536, PROT_READ); mprotect(a, 65536, PROT_READ | PROT_WRITE); } }
static volatile int hits; static void onsig(int s) { hits++; }
static void b_siginst(long n, void *a) { struct sigaction sa = { .sa_handler = onsig }; while (n--) sigaction(SIGUSR1, &sa, 0); }
static void b_sig(long n, void *a) { pid_t me = getpid(); while (n--) kill(me, SIGUSR1); }
static void b_pipe_bw(long n, void *a)
{
	static char buf[65536]; int p[2]; if (pipe(p)) die("pipe"); pid_t c = fork(); if (c < 0) die("fork");
	if (!c) { close(p[1]); while (read(p[0], buf, sizeof buf) > 0); _exit(0); }
	close(p[0]); while (n--) { size_t o = 0; while (o < sizeof buf) { ssize_t w = write(p[1], buf + o, sizeof buf - o); if (w < 0) die("write"); o += w; } }
	close(p[1]); waitpid(c, 0, 0);
}
struct pp { int a[2], b[2]; };
static void pingpong(long n, int r, int w) { char c = 0; while (n--) { if (write(w, &c, 1) != 1) die("pp write"); if (read(r, &c, 1) != 1) die("pp read"); } }
static void b_pipe_lat(long n, void *arg)
{
	int sock = *(int *)arg; int a[2], b[2];
	if (sock) { if (socketpair(AF_UNIX, SOCK_STREAM, 0, a)) die("socketpair"); b[0] = a[0]; b[1] = a[1]; }
	else if (pipe(a) || pipe(b)) die("pipe");
	pid_t c = fork(); if (c < 0) die("fork");
	int pr = sock ? a[0] : b[0], pw = sock ? a[0] : a[1], cr = sock ? a[1] : a[0], cw = sock ? a[1] : b[1];
	if (!c) { char x; while (n--) { if (read(cr, &x, 1) != 1) _exit(1); if (write(cw, &x, 1) != 1) _exit(1); } _exit(0); }
	pingpong(n, pr, pw); waitpid(c, 0, 0);
	close(a[0]); close(a[1]); if (!sock) { close(b[0]); close(b[1]); }
}
/* token ring through `procs` processes */
static void b_ring(long n, void *arg)
{
	int procs = *(int *)arg, p[64][2]; pid_t c[64];
	for (int i = 0; i < procs; i++) if (pipe(p[i])) die("pipe");
	for (int i = 1; i < procs; i++) { c[i] = fork(); if (c[i] < 0) die("fork"); if (!c[i]) { char x; for (long k = 0; k < n; k++) { if (read(p[i][0], &x, 1) != 1) _exit(1); if (write(p[(i + 1) % procs][1], &x, 1) != 1) _exit(1); } _exit(0); } }
	char x = 0; for (long k = 0; k < n; k++) { if (write(p[1 % procs][1], &x, 1) != 1) die("ring"); if (read(p[0][0], &x, 1) != 1) die("ring"); }
	for (int i = 1; i < procs; i++) waitpid(c[i], 0, 0);
	for (int i = 0; i < procs; i++) { close(p[i][0]); close(p[i][1]); }
}
static void b_yield(long n, void *a) { pid_t c = fork(); if (c < 0) die("fork"); if (!c) { for (long i = 0; i < n; i++) sched_yield(); _exit(0); } for (long i = 0; i < n; i++) sched_yield(); waitpid(c, 0, 0); }
static void b_poll(long n, void *arg) { int k = *(int *)arg; struct pollfd f[256]; int p[2]; if (pipe(p)) die("pipe"); for (int i = 0; i < k; i++) f[i] = (struct pollfd){ p[0], POLLIN, 0 }; while (n--) poll(f, k, 0); close(p[0]); close(p[1]); }
static void *thr(void *a) { return a; }
static void b_thread(long n, void *a) { while (n--) { pthread_t t; if (pthread_create(&t, 0, thr, 0)) die("pthread_create"); pthread_join(t, 0); } }
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER; static pthread_cond_t cv = PTHREAD_COND_INITIALIZER; static int turn;
static void *ponger(void *a) { long n = *(long *)a; for (long i = 0; i < n; i++) { pthread_mutex_lock(&mu); while (turn != 1) pthread_cond_wait(&cv, &mu); turn = 0; pthread_cond_signal(&cv); pthread_mutex_unlock(&mu); } return 0; }
static void b_cond(long n, void *a) { pthread_t t; turn = 0; if (pthread_create(&t, 0, ponger, &n)) die("pthread_create"); for (long i = 0; i < n; i++) { pthread_mutex_lock(&mu); turn = 1; pthread_cond_signal(&cv); while (turn != 0) pthread_cond_wait(&cv, &mu); pthread_mutex_unlock(&mu); } pthread_join(t, 0); }

/* fork with a large resident set of 4 KiB pages (huge pages off, and once with the system's default):
 * the call itself as the parent sees it, fork+exit+wait, and then one write to every 64th page of the parent
 * while the child still holds the old contents */
static void big_fork(int mb, int huge)
{
	size_t len = (size_t)mb << 20; const char *sfx = huge ? "_default" : "";
	if (only && !strstr("fork_call fork_wait fork_cow_write", only) && strncmp(only, "fork_call_", 10) && strncmp(only, "fork_wait_", 10) && strncmp(only, "fork_cow_", 9)) return;
	char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) { printf("fork_call_%dMB%s\tnomem\t0\n", mb, sfx); return; }
#ifdef MADV_NOHUGEPAGE
	if (!huge) madvise(p, len, MADV_NOHUGEPAGE);
#endif
	for (size_t i = 0; i < len; i += 4096) p[i] = 1;
	uint64_t call = ~0ull, all = ~0ull, cow = ~0ull;
	for (int r = 0; r < 5; r++) {
		uint64_t a = now(); pid_t c = fork(); if (c < 0) die("big fork"); if (!c) _exit(0);
		waitpid(c, 0, 0); uint64_t t = now() - a; if (t < all) all = t;
	}
	for (int r = 0; r < 5; r++) {
		int hold[2]; if (pipe(hold)) die("pipe");
		uint64_t a = now(); pid_t c = fork(); if (c < 0) die("big fork"); if (!c) { char x; close(hold[1]); if (read(hold[0], &x, 1) < 0) _exit(2); _exit(0); }
		uint64_t t = now() - a; if (t < call) call = t;
		uint64_t w0 = now(); size_t k = 0; for (size_t i = 0; i < len; i += 64 * 4096, k++) p[i]++; uint64_t w = (now() - w0) / k; if (w < cow) cow = w;
		close(hold[1]); close(hold[0]); waitpid(c, 0, 0);
	}
	printf("fork_call_%dMB%s\t%llu\t5\nfork_wait_%dMB%s\t%llu\t5\nfork_cow_write_%dMB%s\t%llu\t%zu\n", mb, sfx, (unsigned long long)call, mb, sfx, (unsigned long long)all, mb, sfx, (unsigned long long)cow, len / (64 * 4096)); fflush(stdout);
	munmap(p, len);
}

/* A kernel without sockets has no row of them; the others are comparable. */
static int has_sockets(void) { int s[2]; if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) return 0; close(s[0]); close(s[1]); return 1; }

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exit")) return 0;
	self = "/proc/self/exe"; if (access(self, X_OK)) self = argv[0];
	char path[256]; ssize_t l = readlink("/proc/self/exe", path, 255); if (l > 0) { path[l] = 0; self = path; }
	int mbmax = 256; uint64_t B = 200000000ull;
	for (int i = 1; i < argc; i++) { if (!strncmp(argv[i], "only=", 5)) only = argv[i] + 5; if (!strncmp(argv[i], "mb=", 3)) mbmax = atoi(argv[i] + 3); if (!strncmp(argv[i], "ms=", 3)) B = atoi(argv[i] + 3) * 1000000ull; }
	mkdir("/tmp", 0777); signal(SIGUSR1, onsig);
	int z = open("/dev/zero", O_RDONLY), nl = open("/dev/null", O_WRONLY); if (z < 0 || nl < 0) die("dev");
	int f = open("/tmp/kb.file", O_CREAT | O_RDWR, 0600); if (f < 0) die("tmp file"); static char buf[65536]; for (int i = 0; i < 16; i++) if (write(f, buf, sizeof buf) != sizeof buf) die("fill");
	int two = 2, sixteen = 16, k10 = 10, k100 = 100, zero = 0, one = 1;
	char *prot = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); memset(prot, 1, 65536);
	bench("null_syscall", b_null, 0, 1, B); bench("read_zero_1B", b_read1, &z, 1, B); bench("write_null_1B", b_write1, &nl, 1, B);
	bench("stat", b_stat, "/tmp/kb.file", 1, B); bench("open_close", b_open, "/tmp/kb.file", 1, B); bench("create_unlink", b_creat, 0, 1, B); bench("pread_4k", b_pread4k, &f, 1, B);
	bench("sig_install", b_siginst, 0, 1, B); bench("sig_deliver", b_sig, 0, 1, B);
	bench("poll_10", b_poll, &k10, 1, B); bench("poll_100", b_poll, &k100, 1, B);
	bench("mmap_munmap_64k", b_mmap, 0, 1, B); bench("mprotect_64k", b_prot, prot, 2, B); bench("anon_fault_page", b_anon, 0, 256, B); bench("file_fault_page", b_filemap, &f, 256, B);
	bench_fixed("pipe_roundtrip", b_pipe_lat, &zero, 1, B, 128); if (has_sockets()) bench_fixed("unix_roundtrip", b_pipe_lat, &one, 1, B, 64); bench_fixed("pipe_64k", b_pipe_bw, 0, 1, B, 16);
	bench_fixed("yield_2proc", b_yield, 0, 2, B, 512); bench_fixed("ring_2", b_ring, &two, 2, B, 128); bench_fixed("ring_16", b_ring, &sixteen, 16, B, 1); bench_fixed("ring_16_long", b_ring, &sixteen, 16, B, 64);
	bench("fork_exit_wait", b_fork, 0, 1, B); bench("fork_exec_wait", b_fork_exec, 0, 1, B); bench("vfork_exec_wait", b_vfork_exec, 0, 1, B); bench("sh_c_exit", b_sh, 0, 1, B);
	bench("thread_create_join", b_thread, 0, 1, B); bench_fixed("cond_roundtrip", b_cond, 0, 1, B, 128);
	for (int mb = 1; mb < mbmax; mb *= 4) big_fork(mb, 0);
	big_fork(mbmax, 0);
	big_fork(mbmax < 256 ? mbmax : 256, 1);
	printf("kbench\tdone\t0\n"); return 0;
}
