# SPDX-License-Identifier: MIT
"""Debian's su, login and passwd with PAM and shadow passwords, and an editor on the terminal: programs that talk to a person."""
import subprocess

import pytest
import programs_image
from session import CPUS, Machine

MODULES = ("libpam-modules", "libpam-modules-bin", "passwd")
ROOT_WORD, ANN_WORD, NEW_WORD = "root-Word1", "ann-Word1", "b3tter-One"


def _hash(word):
    return subprocess.run(["openssl", "passwd", "-6", word], capture_output=True, text=True, check=True).stdout.strip()


def _accounts():
    """Root and Ann, and what PAM asks of each."""
    unix = "".join(f"{kind} required pam_unix.so\n" for kind in ("auth", "account", "session")) + "password required pam_unix.so sha512\n"
    texts = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n", "etc/group": "root:x:0:\ntty:x:5:\nann:x:1000:\n",
             "etc/shadow": f"root:{_hash(ROOT_WORD)}:19000:0:99999:7:::\nann:{_hash(ANN_WORD)}:19000:0:99999:7:::\n",
             "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\n", "home/ann/.profile": "PS1='ann> '\n",
             "etc/pam.d/su": "auth sufficient pam_rootok.so\n" + unix, **{f"etc/pam.d/{name}": unix for name in ("login", "passwd", "other")}}
    return {name: (0o100600 if name.endswith("shadow") else 0o100644, text.encode()) for name, text in texts.items()}


@pytest.fixture(scope="module")
def machine():
    more = {}
    for package in MODULES:
        more.update(programs_image.tree(package))
    m = Machine(files=programs_image.files({**more, **_accounts()}), cpus=max(2, CPUS), memory=768)
    m.out("mkdir -p /var/run /run /var/log; chown 1000:1000 /home/ann; export LC_ALL=C TERM=vt100")
    yield m
    m.kill()


def test_su_of_root_asks_for_nothing(machine):
    assert machine.out("/usr/bin/su ann -c '/usr/bin/id; id -u'") == "uid=1000(ann) gid=1000(ann) groups=1000(ann)\n1000"


def test_su_asks_for_a_password(machine):
    for word, answer in (("wrong", "Authentication failure"), (ROOT_WORD, r"uid=0\(root\)")):
        machine.sendline("/usr/bin/su ann -c '/usr/bin/su -c /usr/bin/id'")
        machine.expect("Password: ")
        machine.sendline(word)
        machine.expect(answer)
        machine.prompt()
    assert ROOT_WORD not in machine.output


def test_shadow_is_roots(machine):
    assert machine.run("/usr/bin/su ann -c 'cat /etc/shadow'")[1] == 1


def _login(machine, word):
    machine.sendline("/usr/bin/login")
    machine.expect("login: ")
    machine.sendline("ann")
    machine.expect("Password: ")
    machine.sendline(word)


def _in_and_out(machine, word):
    _login(machine, word)
    machine.expect("ann> ")
    machine.sendline("id -u; pwd; tty")
    machine.exact("1000\n/home/ann\n/dev/ttyS0")
    machine.sendline("exit")
    machine.prompt()


def test_login(machine):
    _in_and_out(machine, ANN_WORD)


def test_passwd(machine):
    machine.sendline("/usr/bin/su ann -c /usr/bin/passwd")
    for question, answer in (("Current password: ", ANN_WORD), ("New password: ", NEW_WORD), ("new password: ", NEW_WORD)):
        machine.expect(question)
        machine.sendline(answer)
    machine.expect("updated successfully")
    machine.prompt()
    _login(machine, ANN_WORD)
    machine.expect("Login incorrect")
    machine.send("\x03")
    machine.prompt()
    _in_and_out(machine, NEW_WORD)


def test_nano(machine):
    machine.sendline("/usr/bin/nano /tmp/n")
    for keys, answer in (("", "Exit"), ("hello\rworld", "world"), ("\x0f", "Write"), ("\r", "Wrote 2 lines")):
        machine.send(keys)
        machine.expect(answer)
    machine.send("\x18")
    machine.prompt()
    assert machine.out("cat /tmp/n") == "hello\nworld"
    machine.sendline("/usr/bin/nano /tmp/n")
    machine.expect("Exit")
    machine.send("\x0bmore \x0f\r")    # cuts the first line off, and saves
    machine.expect("Wrote 1 line")
    machine.send("\x18")
    machine.prompt()
    assert machine.out("cat /tmp/n") == "more world"
