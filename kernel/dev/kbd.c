/* SPDX-License-Identifier: MIT */
/* The PS/2 keyboard. Waits are bounded: a controller that does not answer counts as absent. */
#include "dev/kbd.h"

#include "arch/boot.h"
#include "arch/x86/io.h"
#include "core/irq.h"
#include "core/klog.h"
#include "core/spinlock.h"
#include "dev/keymap.h"
#include "dev/screen.h"

#define DATA 0x60
#define COMMAND 0x64 /* reads: status */
#define STATUS_OUTPUT 0x01u /* a byte for us */
#define STATUS_INPUT 0x02u  /* busy with a byte of ours */
#define STATUS_MOUSE 0x20u  /* that byte is the mouse's */
enum { READ_CONFIG = 0x20, WRITE_CONFIG = 0x60, MOUSE_OFF = 0xa7, SELF_TEST = 0xaa, KEYBOARD_OFF = 0xad, KEYBOARD_ON = 0xae };
enum { SET_LEDS = 0xed, ENABLE = 0xf4, ACK = 0xfa, RESEND = 0xfe };
#define SELF_TEST_PASSED 0x55
#define CONFIG_IRQ 0x01u
#define CONFIG_MOUSE_IRQ 0x02u
#define CONFIG_SYSTEM 0x04u
#define CONFIG_KEYBOARD_OFF 0x10u
#define CONFIG_MOUSE_OFF 0x20u
#define CONFIG_TRANSLATE 0x40u
#define KEYBOARD_IRQ 1
#define SPIN_MAX 50000u
#define DRAIN_MAX 64u

enum led_state { LEDS_IDLE, LEDS_ANNOUNCED, LEDS_SENT };

static struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE);
static struct keymap keys;      /* lock */
static uint8_t leds_shown;      /* lock */
static enum led_state led_state; /* lock */
static void (*receive)(const char *s, size_t n);

static bool ready_to_write(void)
{
	for (unsigned i = 0; i < SPIN_MAX; i++)
		if (!(inb(COMMAND) & STATUS_INPUT))
			return true;
	return false;
}

static bool command(uint8_t c)
{
	if (!ready_to_write())
		return false;
	outb(COMMAND, c);
	return true;
}

static bool data(uint8_t c)
{
	if (!ready_to_write())
		return false;
	outb(DATA, c);
	return true;
}

static int answer(void)
{
	for (unsigned i = 0; i < SPIN_MAX; i++)
		if (inb(COMMAND) & STATUS_OUTPUT)
			return inb(DATA);
	return -1;
}

static void drain(void)
{
	for (unsigned i = 0; i < DRAIN_MAX && inb(COMMAND) & STATUS_OUTPUT; i++)
		inb(DATA);
}

static bool controller_start(void)
{
	int config;

	if (inb(COMMAND) == 0xff || !command(KEYBOARD_OFF) || !command(MOUSE_OFF))
		return false;
	drain();
	if (!command(SELF_TEST) || answer() != SELF_TEST_PASSED || !command(READ_CONFIG) || (config = answer()) < 0)
		return false;
	config |= (int)(CONFIG_IRQ | CONFIG_SYSTEM | CONFIG_TRANSLATE | CONFIG_MOUSE_OFF);
	config &= (int)~(CONFIG_MOUSE_IRQ | CONFIG_KEYBOARD_OFF);
	return command(WRITE_CONFIG) && data((uint8_t)config) && command(KEYBOARD_ON);
}

/* Lock held. Locks and lights are brought together one byte at a time, each after the keyboard has said that it got the last. */
static void update_leds(void)
{
	if (led_state == LEDS_IDLE && keys.leds != leds_shown && data(SET_LEDS))
		led_state = LEDS_ANNOUNCED;
}

static void acknowledged(uint8_t code)
{
	if (code == RESEND || led_state == LEDS_SENT) {
		led_state = LEDS_IDLE;
	} else {
		leds_shown = keys.leds;
		led_state = data(leds_shown) ? LEDS_SENT : LEDS_IDLE;
	}
}

/* One byte of the controller's; what is to be sent on goes to out. */
static size_t take(uint8_t code, char *out)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	size_t n = 0;
	bool restart;

	if ((code == ACK || code == RESEND) && led_state != LEDS_IDLE) {
		acknowledged(code);
	} else {
		keys.application = screen_cursor_keys_app();
		n = keymap_code(&keys, code, out);
	}
	if (code != RESEND)
		update_leds();
	restart = keys.restart;
	spin_unlock_irqrestore(&lock, irq);
	if (restart)
		arch_power(POWER_RESTART);
	return n;
}

static void interrupt(unsigned line, void *ctx)
{
	char out[KEYMAP_BYTES];

	(void)line, (void)ctx;
	for (unsigned i = 0; i < DRAIN_MAX; i++) {
		uint8_t status = inb(COMMAND), code;
		size_t n;

		if (status == 0xff || !(status & STATUS_OUTPUT))
			break;
		code = inb(DATA);
		n = status & STATUS_MOUSE ? 0 : take(code, out);
		if (n)
			receive(out, n);
	}
}

void kbd_start(void (*fn)(const char *s, size_t n))
{
	if (!controller_start())
		return;
	receive = fn;
	if (!data(ENABLE) || answer() != ACK)
		klog_info("keyboard: controller without a keyboard");
	if (irq_request(KEYBOARD_IRQ, interrupt, NULL, "i8042"))
		klog_warn("keyboard: no interrupt");
}

uint8_t kbd_leds(void)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	uint8_t leds = keys.leds;

	spin_unlock_irqrestore(&lock, irq);
	return leds;
}
