/* SPDX-License-Identifier: MIT */
/* The VGA's text mode: found, set, written to. */
#include "dev/vga.h"

#include "arch/mmu.h"
#include "arch/x86/io.h"
#include "dev/vgafont.h"
#include "lib/compiler.h"

#define TEXT_PHYS 0xb8000u
#define FONT_PHYS 0xa0000u
#define CELLS (VGA_COLS * VGA_ROWS)
#define FONT_STRIDE 32u /* bytes from one character to the next in plane 2 */

enum { MISC_WRITE = 0x3c2, MISC_READ = 0x3cc, ATTRIBUTE = 0x3c0, ATTRIBUTE_READ = 0x3c1, SEQUENCER = 0x3c4, PALETTE_MASK = 0x3c6, PALETTE_INDEX = 0x3c8,
       PALETTE_DATA = 0x3c9, GRAPHICS = 0x3ce, CRTC = 0x3d4, STATUS = 0x3da, DISPI_INDEX = 0x1ce, DISPI_DATA = 0x1cf };
enum { CRTC_DISPLAY_END = 1, CRTC_CURSOR_START = 10, CRTC_START_HIGH = 12, CRTC_START_LOW, CRTC_CURSOR_HIGH, CRTC_CURSOR_LOW, CRTC_PROTECT = 17 };
enum { SEQ_RESET, SEQ_CLOCKING, SEQ_PLANES, SEQ_FONT, SEQ_MEMORY };
enum { GC_READ_PLANE = 4, GC_MODE, GC_MISC };
#define MISC_COLOR 1u        /* registers at 0x3Dx, not 0x3Bx */
#define GC_MISC_GRAPHICS 1u
#define GC_MISC_MAP 0x0cu
#define GC_MISC_MAP_TEXT 0x0cu /* 32 KiB at 0xB8000 */
#define CURSOR_OFF 0x20u
#define PALETTE_ENABLE 0x20u
#define DISPI_ENABLE 4u
#define DISPI_ID 0xb0c0u

/* Mode 3: 720 by 400 points, characters of 9 by 16. */
static const uint8_t mode_misc = 0x67;
static const uint8_t mode_seq[] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
static const uint8_t mode_gc[] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff };
static const uint8_t mode_crtc[] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
				     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
static const uint8_t mode_attribute[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
					  0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00 };

/* What the hardware shows; the screen's lock, as all that follows the probe. */
static uint16_t shown[CELLS];
static unsigned cursor_cell = ~0u;
static bool cursor_on = true;

static void set(uint16_t port, uint8_t index, uint8_t v)
{
	outb(port, index);
	outb(port + 1, v);
}

static uint8_t get(uint16_t port, uint8_t index)
{
	outb(port, index);
	return inb(port + 1);
}

/* Reading the status makes the next write to the attribute port an index. */
static void set_attribute(uint8_t index, uint8_t v)
{
	inb(STATUS);
	outb(ATTRIBUTE, index);
	outb(ATTRIBUTE, v);
}

/* The position of the cursor is a register that keeps what is written to it, where there is one. */
static bool present(void)
{
	uint8_t misc = inb(MISC_READ), was;
	bool yes;

	if (misc == 0xff)
		return false;
	if (!(misc & MISC_COLOR))
		outb(MISC_WRITE, misc | MISC_COLOR);
	was = get(CRTC, CRTC_CURSOR_LOW);
	set(CRTC, CRTC_CURSOR_LOW, 0x5a);
	yes = get(CRTC, CRTC_CURSOR_LOW) == 0x5a;
	set(CRTC, CRTC_CURSOR_LOW, 0xa5);
	yes = yes && get(CRTC, CRTC_CURSOR_LOW) == 0xa5;
	set(CRTC, CRTC_CURSOR_LOW, was);
	return yes;
}

static bool in_text_mode(void)
{
	uint8_t misc = get(GRAPHICS, GC_MISC);

	return !(misc & GC_MISC_GRAPHICS) && (misc & GC_MISC_MAP) == GC_MISC_MAP_TEXT && get(CRTC, CRTC_DISPLAY_END) == VGA_COLS - 1;
}

/* Emulators' adapters have a second set of modes, which hides the first one while it is on. */
static bool leave_extended_mode(void)
{
	outw(DISPI_INDEX, 0);
	if ((inw(DISPI_DATA) & 0xfff0) != DISPI_ID)
		return false;
	outw(DISPI_INDEX, DISPI_ENABLE);
	if (!(inw(DISPI_DATA) & 1))
		return false;
	outw(DISPI_DATA, 0);
	return true;
}

/* The sixteen colours stand in a palette of 64 at the places that the attribute registers name: bits rgbRGB, thirds of brightness. */
static void load_palette(void)
{
	outb(PALETTE_MASK, 0xff);
	outb(PALETTE_INDEX, 0);
	for (unsigned i = 0; i < 64; i++) {
		for (unsigned bit = 4; bit; bit >>= 1)
			outb(PALETTE_DATA, (uint8_t)((i & bit ? 42 : 0) + (i & bit << 3 ? 21 : 0)));
	}
}

/* Characters' pictures live in plane 2, which text mode hides: it is laid open for a while. */
static void load_font(void)
{
	volatile uint8_t *to = arch_direct(FONT_PHYS);
	uint8_t rows[VGAFONT_ROWS];

	set(SEQUENCER, SEQ_RESET, 1);
	set(SEQUENCER, SEQ_PLANES, 4);
	set(SEQUENCER, SEQ_MEMORY, 6);
	set(SEQUENCER, SEQ_RESET, 3);
	set(GRAPHICS, GC_READ_PLANE, 2);
	set(GRAPHICS, GC_MODE, 0);
	set(GRAPHICS, GC_MISC, 4); /* 64 KiB at 0xA0000 */
	for (unsigned c = 0; c < 256; c++) {
		vgafont_draw((uint8_t)c, rows);
		for (unsigned y = 0; y < VGAFONT_ROWS; y++)
			to[c * FONT_STRIDE + y] = rows[y];
	}
	set(SEQUENCER, SEQ_RESET, 1);
	set(SEQUENCER, SEQ_PLANES, mode_seq[SEQ_PLANES]);
	set(SEQUENCER, SEQ_MEMORY, mode_seq[SEQ_MEMORY]);
	set(SEQUENCER, SEQ_RESET, 3);
	set(GRAPHICS, GC_READ_PLANE, 0);
	set(GRAPHICS, GC_MODE, mode_gc[GC_MODE]);
	set(GRAPHICS, GC_MISC, mode_gc[GC_MISC]);
}

static void set_mode(void)
{
	outb(MISC_WRITE, mode_misc);
	set(SEQUENCER, SEQ_RESET, 1);
	for (uint8_t i = 1; i < sizeof(mode_seq); i++)
		set(SEQUENCER, i, mode_seq[i]);
	set(SEQUENCER, SEQ_RESET, 3);
	set(CRTC, CRTC_PROTECT, 0); /* opens registers 0 to 7 */
	for (uint8_t i = 0; i < sizeof(mode_crtc); i++)
		set(CRTC, i, mode_crtc[i]);
	for (uint8_t i = 0; i < sizeof(mode_gc); i++)
		set(GRAPHICS, i, mode_gc[i]);
	for (uint8_t i = 0; i < sizeof(mode_attribute); i++)
		set_attribute(i, mode_attribute[i]);
	load_palette();
	load_font();
	inb(STATUS);
	outb(ATTRIBUTE, PALETTE_ENABLE);
}

static volatile uint16_t *text(void) { return arch_direct(TEXT_PHYS); }

bool vga_probe(void)
{
	if (!present())
		return false;
	if (leave_extended_mode() || !in_text_mode())
		set_mode();
	set(CRTC, CRTC_START_HIGH, 0);
	set(CRTC, CRTC_START_LOW, 0);
	for (unsigned i = 0; i < CELLS; i++)
		text()[i] = shown[i] = 0x0720;
	return true;
}

void vga_draw(const uint16_t *cells, uint32_t rows)
{
	for (unsigned y = 0; y < VGA_ROWS; y++) {
		if (!(rows >> y & 1))
			continue;
		for (unsigned i = y * VGA_COLS; i < (y + 1) * VGA_COLS; i++)
			if (shown[i] != cells[i])
				text()[i] = shown[i] = cells[i];
	}
}

void vga_cursor(unsigned cell, bool on)
{
	if (cell != cursor_cell) {
		set(CRTC, CRTC_CURSOR_HIGH, (uint8_t)(cell >> 8));
		set(CRTC, CRTC_CURSOR_LOW, (uint8_t)cell);
		cursor_cell = cell;
	}
	if (on != cursor_on) {
		set(CRTC, CRTC_CURSOR_START, (uint8_t)((get(CRTC, CRTC_CURSOR_START) & ~CURSOR_OFF) | (on ? 0 : CURSOR_OFF)));
		cursor_on = on;
	}
}
