# SPDX-License-Identifier: MIT
"""The terminal on the VGA screen and the PS/2 keyboard: keys are pressed, and what stands on the screen is read."""
import pytest
from session import BUILD, images, kernel, script_initrd
from vgascreen import VgaMachine

PROMPT = "perigee:~#"


@pytest.fixture(scope="module")
def initrd():
    path = images.shell_initrd(BUILD / "screen.cpio")
    yield path
    path.unlink()


@pytest.fixture
def vga(initrd):
    with VgaMachine(kernel(), initrd, "console=tty0 quiet") as m:
        m.wait_for(PROMPT)
        yield m


def last_line(text):
    return text.splitlines()[-1] if text else ""


def test_session(vga):
    vga.send_keys("clear; tty; stty size; echo $TERM; echo Six times seven: \"$((6*7))\" | tr a-z A-Z\n")
    text = vga.wait_for("SEVEN: 42\n" + PROMPT)
    assert text.splitlines()[-5:-1] == ["/dev/tty1", "25 80", "linux", "SIX TIMES SEVEN: 42"]


def test_keys_of_all_kinds(vga):
    vga.send_keys("cat -v\n")
    typed = "qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./ 1234567890-= QWERTYUIOP{}ASDFGHJKL:\"~|ZXCVBNM<>?!@#$%^&*()_+"
    vga.send_keys(typed + "\n")
    vga.wait_for(lambda text: typed[:80] + "\n" + typed[80:] in text and text.count(typed[80:]) == 2)
    vga.press("caps_lock")
    vga.send_keys("locked1\n")
    vga.press("caps_lock")
    vga.wait_for("LOCKED1\nLOCKED1")
    vga.press("ctrl-v")
    vga.press("f1")
    vga.press("ctrl-v")
    vga.press("pgup")
    vga.press("alt-x")
    vga.send_keys("\n")
    vga.wait_for("\n^[[[A^[[5~^[x\n")


def test_control_characters(vga):
    vga.send_keys("clear; echo ready | tr y Y; cat\n")
    vga.wait_for("readY")
    vga.send_keys("abd\x7fc\n")
    vga.wait_for("\nabc\nabc")
    vga.press("ctrl-c")
    vga.send_keys("echo status $?\n")
    vga.wait_for("\nstatus 130\n")
    vga.send_keys("sleep 1000\n")
    vga.press("ctrl-z")
    vga.wait_for("Stopped")
    vga.send_keys("kill %1; echo one two\n")
    vga.wait_for("\none two\n" + PROMPT)
    vga.press("up")
    vga.press("ctrl-w")
    vga.send_keys("three\n")
    vga.wait_for("\none three\n")


def test_vi_edits_and_saves(vga):
    vga.send_keys("vi /tmp/file\n")
    vga.wait_for(lambda text: "/tmp/file" in last_line(text) and text.count("~") >= 20)
    vga.send_keys("iHello World\nline two\x1b")
    vga.wait_for("- /tmp/file [Modified]")
    vga.press("up")
    vga.press("home")
    vga.send_keys("xiJ")
    vga.wait_for(lambda text: text.startswith("Jello World\nline two\n~") and last_line(text).startswith("I"))
    vga.send_keys("\x1b")
    vga.wait_for("- /tmp/file [Modified]")
    vga.send_keys(":wq\n")
    vga.wait_for(lambda text: PROMPT in last_line(text))
    vga.send_keys("clear; cat /tmp/file\n")
    vga.wait_for("Jello World\nline two\n" + PROMPT)


def test_top_and_less(vga):
    vga.send_keys("top\n")
    vga.wait_for(lambda text: text.startswith("Mem:") and "COMMAND" in text)
    headings = [a for c, a in vga.cells() if a == 0x70]
    assert len(headings) >= 40, "top shows its headings in reverse"
    vga.send_keys("q")
    vga.wait_for(lambda text: PROMPT in last_line(text))
    vga.send_keys("clear; seq 1 100 >/tmp/n; less /tmp/n\n")
    vga.wait_for(lambda text: text.startswith("1\n2\n") and "\n24\n" in text)
    vga.press("spc")
    vga.wait_for(lambda text: text.startswith("25\n"))
    vga.press("up")
    vga.wait_for(lambda text: text.startswith("24\n25\n"))
    vga.send_keys("q")
    vga.wait_for(lambda text: PROMPT in last_line(text))


def test_colours_and_answers(vga):
    vga.send_keys("clear; printf '\\033[31;44mX\\033[1mY\\033[0m\\033(0lqk\\033(B\\303\\251\\n'; ls --color=always -d /bin\n")
    vga.wait_for("XY┌─┐é\n/bin")
    cells = vga.cells()
    at = next(i for i, (c, a) in enumerate(cells) if c == "X" and a != 7)
    assert cells[at][1] == 0x14 and cells[at + 1][1] == 0x1c
    vga.send_keys("clear; stty -echo -icanon; printf '\\033[6n'; dd bs=1 count=6 2>/dev/null | cat -v; stty sane\n")
    vga.wait_for("^[[1;1R")


def test_ctrl_alt_del_restarts(vga):
    vga.press("ctrl-alt-delete")
    assert vga.wait_end() == 0


def test_two_consoles(initrd):
    with VgaMachine(kernel(), initrd, "console=tty0 console=ttyS0") as m:
        m.wait_for(PROMPT)
        assert "MiB of memory" in m.screen_text() and "MiB of memory" in m.serial_text()


def test_last_console_is_dev_console():
    image = script_initrd("which-console", "#!/bin/sh\necho this is the console\n(</dev/console tty)\nsleep 1000\n")
    with VgaMachine(kernel(), image, "console=ttyS0 console=tty0 quiet") as m:
        m.wait_for("this is the console")
        assert "console" not in m.serial_text()


def test_without_words_the_screen_is_the_console(initrd):
    with VgaMachine(kernel(), initrd, "") as m:
        m.wait_for("MiB of memory")
        assert "MiB" not in m.serial_text()


def test_panic_is_shown(vga):
    vga.send_keys("clear; echo c >/proc/sysrq-trigger\n")
    text = vga.wait_for("end of panic")
    assert "Kernel panic" in text and "backtrace" in text


def test_machine_without_a_screen():
    image = script_initrd("no-screen", "#!/bin/sh\nmount -t devtmpfs dev /dev\nstty size </dev/tty1 >/dev/ttyS0\necho unseen >/dev/tty1 && poweroff -f\n")
    with VgaMachine(kernel(), image, "console=tty0", video="none") as m:
        assert m.wait_end() == 0
        assert m.serial_text().split() == ["25", "80"]
    with VgaMachine(kernel(), image, "", video="none") as m:
        assert m.wait_end() == 0
        assert "MiB of memory" in m.serial_text()


def test_adapter_that_no_bios_has_set_up(initrd):
    """Without its BIOS the adapter has no mode, no colours and no characters' pictures: what is seen must be the kernel's own."""
    with VgaMachine(kernel(), initrd, "console=tty0 quiet", options=["-global", "VGA.romfile="]) as m:
        m.wait_for(PROMPT)
        m.send_keys("clear; printf '\\033[31;44mH\\033[m\\n'\n")
        m.wait_for(lambda text: text.startswith("H\n" + PROMPT))
        width, height, pixel = m.picture()
        assert (width, height) == (720, 400)
        cell = {pixel(x, y) for x in range(9) for y in range(16)}
        assert cell == {(0, 0, 168), (168, 0, 0)}, "a red letter on blue"
        upright = [y for y in range(16) if pixel(1, y) == (168, 0, 0)]
        assert len(upright) >= 9 and not [y for y in range(16) if pixel(8, y) == (168, 0, 0)]
