# SPDX-License-Identifier: MIT
"""`./perigee debug`: GDB's commands that know the kernel, on a machine that is stopped when the first child of init calls execve."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIMIT_S = 300
COMMANDS = ["ps", "regions 1", "pagetables 1", "threads", "klog", "bt-all", "regions 77"]


@pytest.fixture(scope="module", params=[1, 2], ids=["1cpu", "2cpu"])
def shown(request, tmp_path_factory):
    """{command: what it printed}"""
    script = tmp_path_factory.mktemp("debug") / "script"
    lines = ["tbreak sys_execve", "continue"]
    for command in COMMANDS:
        lines += [f"echo \\n== {command}\\n", command]
    script.write_text("\n".join(lines) + "\n")
    result = subprocess.run([ROOT / "perigee", "debug", f"--cpus={request.param}", "--script", script], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    parts = re.split(r"^== (.*)\n", result.stdout, flags=re.M)
    found = dict(zip(parts[1::2], parts[2::2]))
    found["errors"], found["cpus"] = result.stderr, request.param
    assert "regions 77" in found, result.stdout + result.stderr
    return found


def test_processes(shown):
    assert re.search(r"^ +1 +0 running +1 init$", shown["ps"], re.M), shown["ps"]
    assert re.search(r"^ +\d+ +1 running +1 \w+$", shown["ps"], re.M), shown["ps"]


def test_regions(shown):
    assert re.search(r"^08048000-\w+ r-+ ", shown["regions 1"], re.M), shown["regions 1"]
    assert re.search(r"rw-- .*\[stack\]$", shown["regions 1"], re.M), shown["regions 1"]
    assert "r-x-" in shown["regions 1"] and "[heap]" in shown["regions 1"]


def test_page_tables(shown):
    """Most tables of the forked child are still shared with init."""
    text = shown["pagetables 1"]
    assert re.search(r"^root: frame 0x\w+, count 1$", text, re.M), text
    assert re.search(r"^08000000 table: frame 0x\w+, (own|shared by 2), \d+ pages", text, re.M), text
    assert re.search(r"^b\w{7} table: ", text, re.M), text


def test_threads(shown):
    assert re.search(r"^ +1 +1 +\d \w+ +init +0xc\w{7}$", shown["threads"], re.M), shown["threads"]
    running = re.findall(r"^CPU (\d) runs (\w+) 0xc\w{7}$", shown["threads"], re.M)
    assert [int(cpu) for cpu, _ in running] == list(range(shown["cpus"])) and "init" in [name for _, name in running], shown["threads"]


def test_log(shown):
    assert re.search(r"^\[ +0\.\d{6}\] Perigee: \d+ MiB of memory$", shown["klog"], re.M), shown["klog"]


def test_backtraces(shown):
    assert re.search(r"^thread 1 init, \w+:\n  [0-9a-f]{8} schedule \+ \d+\n", shown["bt-all"], re.M), shown["bt-all"]
    assert re.search(r"^thread \d+ init, runnable:\n  runs: see its CPU$", shown["bt-all"], re.M), shown["bt-all"]
    assert re.search(r"^#0 +.*sys_execve", shown["bt-all"], re.M), shown["bt-all"]


def test_a_process_that_is_not_there(shown):
    assert "there is no process 77" in shown["errors"]
