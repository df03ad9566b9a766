/* SPDX-License-Identifier: MIT */
/* Reads and maps an ELF image. */
#include "proc/elf.h"
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/fault.h"
#include "vm/mmap.h"


static int check_header(const struct elf_header *h)
{
	if (memcmp(h->ident, "\177ELF\1\1\1", 7) || h->machine != EM_386 || (h->type != ET_EXEC && h->type != ET_DYN))
		return -ENOEXEC;
	if (h->phentsize != sizeof(struct elf_phdr) || h->phnum < 1 || h->phnum > ELF_PHDRS_MAX)
		return -ENOEXEC;
	return 0;
}

static int check_segment(const struct elf_phdr *p)
{
	if (p->filesz > p->memsz || (uint64_t)p->vaddr + p->memsz > ARCH_USER_TOP)
		return -ENOEXEC;
	if ((p->vaddr ^ p->offset) & (PAGE_SIZE - 1))
		return -ENOEXEC;
	return 0;
}

static int read_interp(struct elf_image *img, const struct elf_phdr *p)
{
	ssize_t n;

	if (p->filesz < 2 || p->filesz > sizeof(img->interp_name))
		return -ENOEXEC;
	n = file_read_kernel(img->file, img->interp_name, p->filesz, p->offset);
	if (n != (ssize_t)p->filesz)
		return n < 0 ? (int)n : -EIO;
	if (img->interp_name[p->filesz - 1])
		return -ENOEXEC;
	img->interp = true;
	return 0;
}

int elf_read(struct file *f, struct elf_image *img)
{
	size_t bytes;
	ssize_t n;
	int err;

	img->file = f;
	img->interp = false;
	n = file_read_kernel(f, &img->h, sizeof(img->h), 0);
	if (n < 0)
		return (int)n;
	if (n < (ssize_t)sizeof(img->h))
		return -ENOEXEC;
	err = check_header(&img->h);
	if (err)
		return err;
	bytes = img->h.phnum * sizeof(struct elf_phdr);
	n = file_read_kernel(f, img->ph, bytes, img->h.phoff);
	if (n != (ssize_t)bytes)
		return n < 0 ? (int)n : -ENOEXEC;
	for (unsigned i = 0; i < img->h.phnum && !err; i++) {
		if (img->ph[i].type == PT_LOAD)
			err = check_segment(&img->ph[i]);
		else if (img->ph[i].type == PT_INTERP && !img->interp)
			err = read_interp(img, &img->ph[i]);
	}
	return err;
}

static void bounds(const struct elf_image *img, uaddr_t *low, uaddr_t *high)
{
	*low = ARCH_USER_TOP;
	*high = 0;
	for (unsigned i = 0; i < img->h.phnum; i++) {
		const struct elf_phdr *p = &img->ph[i];

		if (p->type != PT_LOAD || !p->memsz)
			continue;
		*low = MIN(*low, (uaddr_t)PAGE_DOWN(p->vaddr));
		*high = MAX(*high, (uaddr_t)PAGE_UP(p->vaddr + p->memsz));
	}
}

unsigned long elf_span(const struct elf_image *img)
{
	uaddr_t low, high;

	bounds(img, &low, &high);
	return high > low ? high - low : 0;
}

static int map_file_part(struct elf_image *img, struct aspace *as, const struct elf_phdr *p, uaddr_t at, int prot)
{
	struct map_request r = { .addr = PAGE_DOWN(at), .len = (at & (PAGE_SIZE - 1)) + p->filesz, .prot = prot, .flags = MAP_PRIVATE | MAP_FIXED,
				 .pgoff = p->offset >> PAGE_SHIFT };
	unsigned long a;
	int err;

	if (!img->file->ops->mmap)
		return -ENOEXEC;
	err = img->file->ops->mmap(img->file, &r);
	if (err)
		return err;
	r.may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC;
	a = vm_map(as, &r);
	return IS_ERR_VALUE(a) ? (int)(long)a : 0;
}

/* Zeroes from the end of the file's bytes to the end of their page, then whole pages. The C library's loader counts on the whole page. */
static int map_zero_part(struct aspace *as, uaddr_t file_end, uaddr_t end, int prot, bool writable)
{
	static const char zeroes[256];
	uaddr_t page = PAGE_UP(file_end);
	unsigned long a = 0;

	if (page < PAGE_UP(end)) {
		struct map_request r = { .addr = page, .len = PAGE_UP(end) - page, .prot = prot, .flags = MAP_PRIVATE | MAP_FIXED,
					 .may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC };

		a = vm_map(as, &r);
	}
	if (IS_ERR_VALUE(a))
		return (int)(long)a;
	while (writable && file_end < page) {
		size_t n = MIN(sizeof(zeroes), page - file_end);

		if (vm_write_foreign(as, file_end, zeroes, n) != (ssize_t)n)
			return -ENOMEM;
		file_end += n;
	}
	return 0;
}

static int map_segment(struct elf_image *img, struct aspace *as, const struct elf_phdr *p)
{
	int prot = (p->flags & PF_R ? PROT_READ : 0) | (p->flags & PF_W ? PROT_WRITE : 0) | (p->flags & PF_X ? PROT_EXEC : 0), err = 0;
	uaddr_t at = img->base + p->vaddr;

	if (!p->memsz)
		return 0;
	if (p->filesz)
		err = map_file_part(img, as, p, at, prot);
	if (!err && p->memsz > p->filesz)
		err = map_zero_part(as, p->filesz ? at + p->filesz : PAGE_DOWN(at), at + p->memsz, prot, p->flags & PF_W);
	if (p->flags & PF_X) {
		as->code_start = as->code_start ? MIN(as->code_start, at) : at;
		as->code_end = MAX(as->code_end, at + p->filesz);
	} else {
		as->data_start = MAX(as->data_start, at);
		as->data_end = MAX(as->data_end, at + p->filesz);
	}
	if (img->h.phoff >= p->offset && img->h.phoff < p->offset + p->filesz)
		img->phdrs = at + (img->h.phoff - p->offset);
	img->end = MAX(img->end, at + p->memsz);
	return err;
}

int elf_map(struct elf_image *img, struct aspace *as, uaddr_t bias)
{
	uaddr_t low, high;
	int err = 0;

	bounds(img, &low, &high);
	if (high <= low)
		return -ENOEXEC;
	img->base = img->h.type == ET_DYN ? bias - low : 0;
	img->phdrs = img->end = 0;
	if (img->base + low > ARCH_USER_TOP - (high - low))
		return -ENOMEM;
	img->entry = img->base + img->h.entry;
	for (unsigned i = 0; i < img->h.phnum && !err; i++)
		if (img->ph[i].type == PT_LOAD)
			err = map_segment(img, as, &img->ph[i]);
	return err;
}
