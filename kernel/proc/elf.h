/* SPDX-License-Identifier: MIT */
/* Reads and maps an ELF image (System V ABI, chapters 4 and 5). Every field is hostile. */
#ifndef PROC_ELF_H
#define PROC_ELF_H

#include "vfs/file.h"
#include "vm/aspace.h"

#define ELF_PHDRS_MAX 64
#define ET_EXEC 2
#define ET_DYN 3
#define ET_CORE 4
#define EM_386 3
#define PT_LOAD 1u
#define PT_INTERP 3u
#define PT_NOTE 4u
#define PF_X 1u
#define PF_W 2u
#define PF_R 4u

struct elf_phdr { uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align; };
struct elf_header {
	unsigned char ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_image {
	struct file *file;
	struct elf_header h;
	struct elf_phdr ph[ELF_PHDRS_MAX];
	bool interp;            /* names an interpreter */
	char interp_name[256];
	/* after elf_map */
	uaddr_t base, entry, phdrs, end;
};

/* Reads and checks the headers. 0, -ENOEXEC (not such an image, or a bad one), -EIO, -ENOMEM. */
int elf_read(struct file *f, struct elf_image *img);
/* Maps it into as; position-independent ones at bias. 0 or an errno; then as is fit only for destruction. */
int elf_map(struct elf_image *img, struct aspace *as, uaddr_t bias);
/* Span of the loadable segments, bytes. */
unsigned long elf_span(const struct elf_image *img);

#endif
