# SPDX-License-Identifier: MIT
"""`./perigee profile`: every instruction of a program, by function and as a picture."""
import pathlib
import re
import subprocess
import xml.etree.ElementTree

TREE = pathlib.Path(__file__).resolve().parents[2]


def profile(*words):
    done = subprocess.run([TREE / "perigee", "profile", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(text):
    """{function: instructions}, and the number in the first line."""
    found = {m[2]: int(m[1].replace(",", "")) for m in re.finditer(r"^ *([\d,]+) +[\d.]+% +[\d,]+  (.+)$", text, re.M)}
    return found, int(re.search(r"^([\d,]+) instructions:", text, re.M)[1].replace(",", ""))


def test_profile_counts_and_draws(tmp_path):
    picture = tmp_path / "p.svg"
    out = profile("--svg", str(picture), "--top", "1000", "--", "sh", "-c", "echo hello; exit 0")
    found, whole = rows(out)
    assert "hello" in out
    assert 100_000 < whole < 5_000_000
    assert sum(found.values()) == whole
    assert found["dispatch_syscall"] > 0 and found["sh (user)"] > 10_000
    titles = [t.text for t in xml.etree.ElementTree.parse(picture).iter() if t.tag.endswith("title")]
    assert any(t.startswith("sys_execve:") for t in titles)
    assert titles[0].startswith(f"all: {whole:,} instructions")


def test_profile_from_a_function_and_by_room():
    out = profile("--bench", "null_syscall", "--top", "1000", "--rooms", "100")
    table, _, rooms = out.partition("own instructions by room")
    found, whole = rows(table)
    by_room = {m[2]: int(m[1].replace(",", "")) for m in re.finditer(r"^ *([\d,]+) +[\d.]+%  (\S+)$", rooms, re.M)}
    assert sum(found.values()) == whole
    assert found["b_null (user)"] > 0 and "main (user)" not in out.split("b_null")[0]
    assert by_room["abi/dispatch.c"] >= found["dispatch_syscall"] and by_room["arch/x86/i386/entry.S"] > 0
    assert 0.9 * whole < sum(by_room.values()) + sum(n for name, n in found.items() if name.endswith("(user)")) <= whole


def test_profile_repeats():
    """But for the interrupts of the serial line, which tell of the beginning."""
    first, second = (rows(profile("--", "sh", "-c", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); done"))[1] for _ in range(2))
    assert abs(first - second) <= 0.02 * first
