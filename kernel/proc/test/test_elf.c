/* SPDX-License-Identifier: MIT */
/* ELF images: a good one is laid out as it says, and whatever else is in a file ends in an error without leaving anything. */
#include "proc/elf.h"
#include "lib/bits.h"
#include "vfs/test/machine.h"
#include "vm/aspace.h"
#include "vm/fault.h"
#include "vm/vma.h"

#define LOAD 1u
#define INTERP 3u
#define R 4u
#define W 2u
#define X 1u

static struct {
	struct elf_header h;
	struct elf_phdr ph[3];
	char interp[16];
	char text[0x1800];
} image;

static void make_image(unsigned type)
{
	memset(&image, 0, sizeof(image));
	for (size_t i = 0; i < sizeof(image.text); i++)
		image.text[i] = (char)(i * 11 + 1);
	memcpy(image.h.ident, "\177ELF\1\1\1", 7);
	strcpy(image.interp, "/lib/ld.so");
	image.h.type = (uint16_t)type;
	image.h.machine = 3;
	image.h.version = 1;
	image.h.entry = 0x10100;
	image.h.phoff = sizeof(struct elf_header);
	image.h.ehsize = sizeof(struct elf_header);
	image.h.phentsize = sizeof(struct elf_phdr);
	image.h.phnum = 2;
	image.ph[0] = (struct elf_phdr){ .type = LOAD, .offset = 0, .vaddr = 0x10000, .filesz = 0x1200, .memsz = 0x1200, .flags = R | X, .align = 4096 };
	image.ph[1] = (struct elf_phdr){ .type = LOAD, .offset = 0x1200, .vaddr = 0x12200, .filesz = 0x300, .memsz = 0x3000, .flags = R | W, .align = 4096 };
	image.ph[2] = (struct elf_phdr){ .type = INTERP, .offset = offsetof(typeof(image), interp), .filesz = 11, .memsz = 11 };
}

static struct file *image_file(size_t size)
{
	struct file *f = file_open(AT_FDCWD, "/image", O_RDWR | O_CREAT | O_TRUNC, 0755);

	assert_false(IS_ERR(f));
	assert_int_equal(test_write(f, &image, size), size);
	return f;
}

static struct elf_image img;

/* Reads and maps what is in `image`; 0 or the error; *as is the space, to be put. */
static int load(size_t size, uaddr_t bias, struct aspace **as)
{
	struct file *f = image_file(size);
	int err = elf_read(f, &img);

	*as = aspace_new();
	assert_non_null(*as);
	if (!err)
		err = elf_map(&img, *as, bias);
	file_put(f);
	return err;
}

static void gone(struct aspace *as)
{
	aspace_put(as);
	assert_int_equal(path_unlink(AT_FDCWD, "/image"), 0);
}

static int refused(size_t size)
{
	struct aspace *as;
	int err = load(size, 0x20000000, &as);

	gone(as);
	return err;
}

static unsigned char byte_at(struct aspace *as, uaddr_t at)
{
	unsigned char c;

	assert_int_equal(vm_read_foreign(as, at, &c, 1), 1);
	return c;
}

static void check_layout(struct aspace *as, uaddr_t base)
{
	const unsigned char *file = (const unsigned char *)&image;
	unsigned char c = 1;

	assert_int_equal(img.entry, base + 0x10100);
	assert_int_equal(img.phdrs, base + 0x10000 + sizeof(struct elf_header));
	assert_int_equal(img.end, base + 0x12200 + 0x3000);
	for (unsigned i = 0; i < 0x1200; i += 7)
		assert_int_equal(byte_at(as, base + 0x10000 + i), file[i]);
	for (unsigned i = 0; i < 0x300; i++)
		assert_int_equal(byte_at(as, base + 0x12200 + i), file[0x1200 + i]);
	for (unsigned i = 0x300; i < 0x3000; i++)
		assert_int_equal(byte_at(as, base + 0x12200 + i), 0); /* also behind the file's bytes in their page */
	assert_int_equal(vm_read_foreign(as, base + 0x16000, &c, 1), -EFAULT);
	assert_int_equal(vma_find(as, base + 0x10000)->flags & 7, PROT_READ | PROT_EXEC);
	assert_int_equal(vma_find(as, base + 0x12000)->flags & 7, PROT_READ | PROT_WRITE);
}

static void test_a_program_is_laid_out_as_it_says(void)
{
	struct aspace *as;

	make_image(2);
	assert_int_equal(load(sizeof(image), 0x20000000, &as), 0);
	assert_false(img.interp);
	assert_int_equal(elf_span(&img), 0x6000);
	check_layout(as, 0);
	gone(as);
	make_image(3); /* position-independent: its lowest page comes to the bias */
	image.h.phnum = 3;
	assert_int_equal(load(sizeof(image), 0x20000000, &as), 0);
	assert_true(img.interp);
	assert_string_equal(img.interp_name, "/lib/ld.so");
	check_layout(as, 0x20000000 - 0x10000);
	gone(as);
}

static void test_what_is_no_image_is_refused(void)
{
	make_image(2);
	assert_int_equal(refused(0), -ENOEXEC);
	assert_int_equal(refused(sizeof(struct elf_header) - 1), -ENOEXEC);
	assert_int_equal(refused(sizeof(struct elf_header) + 10), -ENOEXEC);
#define BAD(change) do { make_image(2); change; assert_int_equal(refused(sizeof(image)), -ENOEXEC); } while (0)
	BAD(image.h.ident[0] = 0x7e);
	BAD(image.h.ident[4] = 2); /* 64 bits */
	BAD(image.h.ident[5] = 2); /* the other byte order */
	BAD(image.h.machine = 62);
	BAD(image.h.type = 1);
	BAD(image.h.phnum = 0);
	BAD(image.h.phnum = 65);
	BAD(image.h.phentsize = 56);
	BAD(image.h.phoff = 0xfffffff0u);
	BAD(image.ph[1].filesz = 0x3001);
	BAD(image.ph[1].memsz = 0xffffffffu);
	BAD(image.ph[1].vaddr = 0xfffff200u);
	BAD(image.ph[1].vaddr = 0x12201);
	BAD(image.ph[0].type = image.ph[1].type = 4);
	BAD(image.ph[0].memsz = image.ph[0].filesz = image.ph[1].memsz = image.ph[1].filesz = 0);
	BAD((image.h.phnum = 3, image.ph[2].filesz = 1));
	BAD((image.h.phnum = 3, image.ph[2].filesz = 257));
	BAD((image.h.phnum = 3, image.ph[2].filesz = 5)); /* no end of the name */
}

static void test_damaged_images_do_no_harm(void)
{
	unsigned long free_before = 0;
	unsigned loaded = 0;

	srand(17);
	for (int round = 0; round < 3000; round++) {
		unsigned char *bytes = (unsigned char *)&image;
		struct aspace *as;
		struct vma *v;
		int err;

		make_image(rand() % 2 ? 2 : 3);
		image.h.phnum = (uint16_t)(2 + rand() % 2);
		for (int k = 1 + rand() % 4; k; k--) { /* in the headers, whole words of interesting kinds among them */
			size_t at = (size_t)rand() % (sizeof(image.h) + sizeof(image.ph));
			static const uint32_t words[] = { 0, 1, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff, 0x2fffffff, 0x30000000 };

			if (rand() % 2)
				bytes[at] = (unsigned char)rand();
			else
				memcpy(bytes + (at & ~3ul), &words[(size_t)rand() % ARRAY_SIZE(words)], 4);
		}
		err = load((size_t)(rand() % 4 ? sizeof(image) : (size_t)rand() % sizeof(image)), 0x20000000, &as);
		assert_true(err <= 0);
		loaded += !err;
		for (v = vma_first(as); v; v = vma_next(v))
			assert_true(v->start < v->end && v->end <= ARCH_USER_TOP);
		gone(as);
		slab_reap();
		dentry_shrink(0);
		if (round == 100)
			free_before = frame_free_count();
	}
	assert_true(loaded > 100);
	assert_in_range(frame_free_count(), free_before - 8, free_before + 64); /* caches aside nothing is lost */
}

static void test_loading_without_memory(void)
{
	int failures = 0;

	for (long n = 1; n < 60; n++) {
		struct aspace *as = aspace_new();
		struct file *f;
		int err;

		make_image(2);
		f = image_file(sizeof(image));
		slab_reap();
		atomic_set(&alloc_fail_after, n);
		err = elf_read(f, &img);
		if (!err)
			err = elf_map(&img, as, 0);
		atomic_set(&alloc_fail_after, 0);
		assert_true(err == 0 || err == -ENOMEM);
		failures += err != 0;
		file_put(f);
		gone(as);
	}
	assert_true(failures >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_program_is_laid_out_as_it_says), CASE(test_what_is_no_image_is_refused), CASE(test_damaged_images_do_no_harm),
		CASE(test_loading_without_memory),
	};

	return cmocka_run_group_tests_name("elf", tests, test_machine_start, NULL);
}
