/* SPDX-License-Identifier: MIT */
/* Boot options: split once, in place. */
#include "core/cmdline.h"
#include "arch/boot.h"
#include "lib/string.h"

#define WORDS_MAX 128

struct word { char *name; char *value; bool known, equals; };
static char whole[BOOT_CMDLINE_MAX], split[BOOT_CMDLINE_MAX];
static struct word words[WORDS_MAX];
static unsigned count, first_init_word; /* words from there on come after "--" */

static char *end_of_word(char *p)
{
	bool quoted = false;
	char *to = p;

	for (; *p && (quoted || *p != ' '); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*to++ = *p;
	}
	if (*p)
		p++;
	*to = '\0';
	return p;
}

void cmdline_init(const char *line)
{
	char *p = split;

	str_copy(whole, line, sizeof(whole));
	str_copy(split, line, sizeof(split));
	count = 0;
	first_init_word = ~0u;
	while (count < WORDS_MAX) {
		while (*p == ' ')
			p++;
		if (!*p)
			break;
		char *start = p, *eq;

		p = end_of_word(p);
		if (!strcmp(start, "--") && first_init_word == ~0u) {
			first_init_word = count;
			continue;
		}
		eq = first_init_word == ~0u ? strchr(start, '=') : NULL;
		words[count] = (struct word){ start, eq ? eq + 1 : start + strlen(start), false, eq != NULL };
		if (eq)
			*eq = '\0';
		count++;
	}
	if (first_init_word == ~0u)
		first_init_word = count;
}

const char *cmdline_text(void) { return whole; }

const char *cmdline_get_nth(const char *name, unsigned n)
{
	const char *found = NULL;

	for (unsigned i = 0; i < first_init_word; i++) {
		if (strcmp(words[i].name, name))
			continue;
		words[i].known = true;
		if (n-- == 0)
			found = words[i].value;
	}
	return found;
}

const char *cmdline_get(const char *name)
{
	const char *found = NULL;

	for (unsigned i = 0; i < first_init_word; i++) {
		if (!strcmp(words[i].name, name)) {
			words[i].known = true;
			found = words[i].value;
		}
	}
	return found;
}

bool cmdline_has(const char *name) { return cmdline_get(name) != NULL; }

unsigned long cmdline_u64(const char *name, unsigned long fallback)
{
	const char *v = cmdline_get(name);

	return v && *v ? (unsigned long)str_to_u64(v, NULL, 0) : fallback;
}

unsigned cmdline_init_args(const char **argv, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count && n < max; i++) {
		bool unknown = i < first_init_word && !words[i].known && !words[i].equals && !strchr(words[i].name, '.');

		if (i >= first_init_word || unknown)
			argv[n++] = words[i].name;
	}
	return n;
}

/* The name and the value lie beside each other: the '=' comes back. */
unsigned cmdline_init_env(const char **envp, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < first_init_word && n < max; i++) {
		if (words[i].known || !words[i].equals || strchr(words[i].name, '.'))
			continue;
		words[i].value[-1] = '=';
		envp[n++] = words[i].name;
	}
	return n;
}
