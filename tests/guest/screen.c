/* SPDX-License-Identifier: MIT */
/* The terminal on the screen: the calls that only it has (ioctl_console(2)). */
#include "guest.h"

#include <linux/kd.h>
#include <linux/vt.h>
#include <sys/ioctl.h>

static int screen_open(void)
{
	int fd = open("/dev/tty1", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		SKIP("no screen that may be opened");
	return fd;
}

TEST(size)
{
	int fd = screen_open();
	struct winsize w = { 0 };

	CHECK_OK(ioctl(fd, TIOCGWINSZ, &w));
	CHECK_EQ(w.ws_row, 25);
	CHECK_EQ(w.ws_col, 80);
	CHECK(isatty(fd));
	close(fd);
}

TEST(keyboard)
{
	int fd = screen_open(), mode = -1;
	char c = -1;

	CHECK_OK(ioctl(fd, KDGKBTYPE, &c));
	CHECK_EQ(c, KB_101);
	CHECK_OK(ioctl(fd, KDGETLED, &c));
	CHECK_OK(ioctl(fd, KDGKBMODE, &mode));
	CHECK(mode == K_UNICODE || mode == K_XLATE);
	CHECK_OK(ioctl(fd, KDSKBMODE, mode));
	CHECK_ERR(ioctl(fd, KDSKBMODE, 77), EINVAL);
	close(fd);
}

TEST(modes)
{
	int fd = screen_open(), mode = -1;
	struct vt_mode m;
	struct vt_stat s = { 0 };

	CHECK_OK(ioctl(fd, KDGETMODE, &mode));
	CHECK_EQ(mode, KD_TEXT);
	CHECK_OK(ioctl(fd, KDSETMODE, KD_TEXT));
	CHECK_ERR(ioctl(fd, KDSETMODE, 77), EINVAL);
	CHECK_OK(ioctl(fd, VT_GETMODE, &m));
	CHECK_EQ(m.mode, VT_AUTO);
	CHECK_OK(ioctl(fd, VT_GETSTATE, &s));
	CHECK_EQ(s.v_active, 1);
	CHECK_EQ(s.v_state & 3, 3);
	CHECK_OK(ioctl(fd, VT_ACTIVATE, 1));
	CHECK_OK(ioctl(fd, VT_WAITACTIVE, 1));
	CHECK_ERR(ioctl(fd, VT_ACTIVATE, 0), ENXIO);
	CHECK_ERR(ioctl(fd, VT_ACTIVATE, 64), ENXIO);
	CHECK_ERR(ioctl(fd, KDGETMODE, (void *)8), EFAULT);
	close(fd);
}

TEST(tty0_is_the_same)
{
	int fd = screen_open(), other = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct winsize old, got;

	CHECK_OK(other);
	CHECK_OK(ioctl(other, TIOCGWINSZ, &old));
	CHECK_EQ(old.ws_col, 80);
	CHECK_OK(ioctl(fd, TIOCGWINSZ, &got));
	CHECK_EQ(got.ws_row, old.ws_row);
	close(other);
	close(fd);
}

TEST(lines_have_none_of_this)
{
	int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), mode;
	struct vt_stat s;

	if (fd < 0)
		SKIP("no serial line");
	CHECK_ERR(ioctl(fd, KDGETMODE, &mode), ENOTTY);
	CHECK_ERR(ioctl(fd, VT_GETSTATE, &s), ENOTTY);
	close(fd);
}
