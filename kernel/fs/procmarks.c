/* SPDX-License-Identifier: MIT */
/* The marks of a process as texts. */
#include "fs/procmarks.h"
#include "lib/errno.h"
#include "task/marks.h"

int procmarks_score(struct text *t, struct process *p)
{
	text_printf(t, "%ld\n", marks_oom_score(p));
	return 0;
}

int procmarks_adj(struct text *t, struct process *p)
{
	text_printf(t, "%d\n", READ_ONCE(p->marks.oom_adj));
	return 0;
}

long procmarks_set_adj(struct process *p, struct task *t, const char *s, size_t len)
{
	long long n;

	(void)t;
	if (!text_number(s, len, &n))
		return -EINVAL;
	return n == (int)n ? marks_set_oom_adj(p, (int)n) : -ERANGE;
}

int procmarks_login(struct text *t, struct process *p)
{
	text_printf(t, "%u", READ_ONCE(p->marks.login_uid));
	return 0;
}

long procmarks_set_login(struct process *p, struct task *t, const char *s, size_t len)
{
	long long n;

	(void)t;
	if (p != process_current())
		return -EPERM;
	if (!text_number(s, len, &n) || n < 0)
		return -EINVAL;
	return n == (uint32_t)n ? marks_set_login((uint32_t)n) : -ERANGE;
}

int procmarks_session(struct text *t, struct process *p)
{
	text_printf(t, "%u", READ_ONCE(p->marks.login_session));
	return 0;
}
