/* SPDX-License-Identifier: MIT */
#include "dev/termio.h"
#include "lib/string.h"

struct termio termio_of(const struct termios *m)
{
	struct termio s = { (uint16_t)m->iflag, (uint16_t)m->oflag, (uint16_t)m->cflag, (uint16_t)m->lflag, m->line, { 0 } };

	memcpy(s.cc, m->cc, sizeof(s.cc));
	return s;
}

void termio_into(struct termios *m, const struct termio *s)
{
	m->iflag = (m->iflag & ~0xffffu) | s->iflag;
	m->oflag = (m->oflag & ~0xffffu) | s->oflag;
	m->cflag = (m->cflag & ~0xffffu) | s->cflag;
	m->lflag = (m->lflag & ~0xffffu) | s->lflag;
	m->line = s->line;
	memcpy(m->cc, s->cc, sizeof(s->cc));
}
