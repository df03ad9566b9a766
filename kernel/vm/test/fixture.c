/* SPDX-License-Identifier: MIT */
/* A machine and pretend files for the tests of vm. */
#include "fixture.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/timer.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "sched/sched.h"
#include "sched/test/machine.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct test_file test_files[FILES_MAX];
struct test_file *test_last_shared;

static bool page_fault(struct trapframe *tf, uaddr_t addr, enum fault_access access, bool present)
{
	(void)tf;
	return aspace_current() && vm_fault(aspace_current(), addr, access, !present) == FAULT_OK;
}

const struct trap_ops test_traps = { .timer = timer_interrupt, .irq_enter = irq_enter, .irq_exit = sched_irq_exit, .page_fault = page_fault,
	.ipi = ipi_interrupt };

static int new_shared(unsigned long bytes, const struct vm_ops **vm_ops, void **object)
{
	struct test_file *f = alloc_should_fail() ? NULL : test_file_new(bytes >> PAGE_SHIFT);

	if (!f)
		return -ENOMEM;
	*vm_ops = &test_file_ops;
	*object = test_last_shared = f;
	return 0;
}

int test_machine(void **state)
{
	(void)state;
	test_boot(4096, 3000, &test_traps);
	aspace_init();
	vm_shared_anon_hook = new_shared;
	return 0;
}

struct test_file *test_file_new(unsigned long size)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct test_file *f = &test_files[i];

		if (f->refs)
			continue;
		memset(f, 0, sizeof(*f));
		f->refs = 1;
		f->size = size < FILE_PAGES ? size : FILE_PAGES;
		list_init(&f->vmas);
		return f;
	}
	return NULL;
}

static void drop_pages(struct test_file *f, unsigned long from)
{
	for (unsigned long i = from; i < FILE_PAGES; i++) {
		if (!f->pages[i])
			continue;
		f->pages[i]->owner = NULL;
		page_put(f->pages[i]);
		f->pages[i] = NULL;
	}
}

void test_file_put(struct test_file *f)
{
	assert_true(f->refs > 0);
	if (--f->refs)
		return;
	assert_true(list_empty(&f->vmas));
	drop_pages(f, 0);
}

void test_file_truncate(struct test_file *f, unsigned long size)
{
	struct vma *v;

	f->size = size;
	drop_pages(f, size);
	list_for_each_entry(v, &f->vmas, link)
		vma_zap(v, size, ~0ul);
	for (unsigned long i = size; i < FILE_PAGES; i++)
		f->values[i] = 0;
}

static void get(void *object) { ((struct test_file *)object)->refs++; }
static void put(void *object) { test_file_put(object); }
static void link(struct vma *v) { list_push_back(&((struct test_file *)v->object)->vmas, &v->link); }
static void unlink(struct vma *v) { list_del(&v->link); }
static bool current_page(void *object, struct page *p) { return p->owner == object; }

static struct page *peek(void *object, unsigned long pgoff)
{
	struct test_file *f = object;

	if (pgoff >= FILE_PAGES || !f->pages[pgoff])
		return NULL;
	page_get(f->pages[pgoff]);
	return f->pages[pgoff];
}

static int fault(struct vma *v, unsigned long pgoff, bool write, struct page **out)
{
	struct test_file *f = v->object;

	(void)write;
	if (pgoff >= f->size)
		return -EFAULT;
	if (!f->pages[pgoff]) {
		f->pages[pgoff] = frame_alloc(0, PAGE_CACHE, FRAME_ZERO);
		if (!f->pages[pgoff])
			return -ENOMEM;
		f->pages[pgoff]->owner = f;
		f->pages[pgoff]->index = pgoff;
	}
	page_get(f->pages[pgoff]);
	*out = f->pages[pgoff];
	return 0;
}

const struct vm_ops test_file_ops = { .get = get, .put = put, .fault = fault, .link = link, .unlink = unlink, .current_page = current_page,
	.peek = peek };

void test_enter(struct aspace *as)
{
	if (as) {
		aspace_activate(as);
		return;
	}
	thread_current()->aspace = NULL;
	tlb_switch(NULL);
}

unsigned long test_settled_free(void)
{
	vmap_reap();
	slab_reap();
	frame_check();
	return frame_free_count();
}

struct map_request test_anon_request(uaddr_t at, unsigned long bytes, int prot, int flags)
{
	return (struct map_request){ .addr = at, .len = bytes, .prot = prot, .flags = flags | MAP_ANONYMOUS, .may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC };
}

void test_map_anon(struct aspace *as, uaddr_t at, unsigned long pages, int prot, int more_flags)
{
	struct map_request r = test_anon_request(at, pages << PAGE_SHIFT, prot, MAP_PRIVATE | MAP_FIXED | more_flags);

	assert_true(vm_map(as, &r) == at);
}
