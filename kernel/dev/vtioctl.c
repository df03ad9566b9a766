/* SPDX-License-Identifier: MIT */
/* Calls that only the terminal on the screen has. */
#include "dev/vtioctl.h"

#include "dev/kbd.h"
#include "lib/errno.h"
#include "vm/usercopy.h"

enum { KIOCSOUND = 0x4b2f, KDMKTONE, KDGETLED, KDGKBTYPE = 0x4b33, KDSETMODE = 0x4b3a, KDGETMODE, KDGKBMODE = 0x4b44, KDSKBMODE };
enum { VT_OPENQRY = 0x5600, VT_GETMODE, VT_SETMODE, VT_GETSTATE, VT_ACTIVATE = 0x5606, VT_WAITACTIVE, VT_DISALLOCATE };
#define KB_101 2
#define KD_TEXT 0
#define K_XLATE 1u
#define K_UNICODE 3u
#define VT_AUTO 0
#define VT_LAST 63u

struct vt_mode { int8_t mode, waitv; int16_t relsig, acqsig, frsig; };
struct vt_state { uint16_t active, signal, state; };

static long put_char(unsigned long arg, uint8_t c) { return user_put(arg, &c); }
static long put_int(unsigned long arg, int n) { return user_put(arg, &n); }

static long get_mode(unsigned long arg)
{
	struct vt_mode m = { .mode = VT_AUTO };

	return user_put(arg, &m);
}

static long set_mode(unsigned long arg)
{
	struct vt_mode m;

	if (user_get(&m, arg))
		return -EFAULT;
	return m.mode == VT_AUTO ? 0 : -EINVAL;
}

static long get_state(unsigned long arg)
{
	struct vt_state s = { 1, 0, 3 }; /* bit 0 is always set; terminal 1 is in use */

	return user_put(arg, &s);
}

static long disallocate(unsigned long n)
{
	if (n > VT_LAST)
		return -ENXIO;
	return n == 1 ? -EBUSY : 0;
}

long vtioctl(unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case KIOCSOUND: case KDMKTONE: return 0; /* there is no speaker */
	case KDGETLED: return put_char(arg, kbd_leds());
	case KDGKBTYPE: return put_char(arg, KB_101);
	case KDSETMODE: return arg == KD_TEXT ? 0 : -EINVAL;
	case KDGETMODE: return put_int(arg, KD_TEXT);
	case KDGKBMODE: return put_int(arg, (int)K_UNICODE);
	case KDSKBMODE: return arg == K_XLATE || arg == K_UNICODE ? 0 : -EINVAL;
	case VT_OPENQRY: return put_int(arg, -1); /* none is free */
	case VT_GETMODE: return get_mode(arg);
	case VT_SETMODE: return set_mode(arg);
	case VT_GETSTATE: return get_state(arg);
	case VT_ACTIVATE: case VT_WAITACTIVE: return arg == 1 ? 0 : -ENXIO;
	case VT_DISALLOCATE: return disallocate(arg);
	default: return -ENOTTY;
	}
}
