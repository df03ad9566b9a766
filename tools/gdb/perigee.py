# SPDX-License-Identifier: MIT
"""Commands for GDB that know the kernel: ps, threads, regions PID, pagetables PID, klog, bt-all. `./perigee debug` loads them."""
import gdb

PAGE_SHIFT, PAGE_SIZE = 12, 4096
KERNEL_BASE = 0xC0000000
ROOT_ENTRIES_USER, ENTRIES = 768, 1024
PRESENT, WRITE, USER, DIRTY, HIDDEN = 1, 2, 4, 0x40, 0x400
VMA_BITS = ((1, "r"), (2, "w"), (4, "x"), (8, "s"))
STATES = ("running", "zombie", "reaped")
BACKTRACE_MAX = 32


def evaluate(text):
    return gdb.parse_and_eval(text)


def static_of(source, name):
    """A variable that only one source knows."""
    return evaluate(f"'{source}'::{name}")


def container(pointer, kind, member):
    """The structure around a member, as container_of() in the kernel."""
    struct = gdb.lookup_type("struct " + kind)
    offset = next(f.bitpos // 8 for f in struct.fields() if f.name == member)
    return (pointer.cast(gdb.lookup_type("unsigned long")) - offset).cast(struct.pointer()).dereference()


def entries(head, kind, member):
    """The structures on a list, which may be damaged: it is left after a million."""
    at = head["next"]
    for _ in range(1_000_000):
        if int(at) in (0, int(head.address)):
            return
        yield container(at, kind, member)
        at = at["next"]


def processes():
    """All that are not reaped: init and its descendants, parents first."""
    init = evaluate("init_process")
    left = [init.dereference()] if int(init) else []
    while left:
        p = left.pop()
        yield p
        left.extend(reversed(list(entries(p["children"], "process", "sibling"))))


def process(argument):
    """The process of a command's argument."""
    words = gdb.string_to_argv(argument)
    if len(words) != 1:
        raise gdb.GdbError("a process number is wanted")
    number = int(words[0], 0)
    for p in processes():
        if int(p["pid"]) == number:
            return p
    raise gdb.GdbError(f"there is no process {number}")


def text(array):
    return array.string(errors="replace", length=array.type.range()[1] + 1).split("\0")[0]


def aspace(p):
    if not int(p["aspace"]):
        raise gdb.GdbError(f"process {int(p['pid'])} has no address space any more")
    return p["aspace"].dereference()


def thread_state(thread):
    value = thread["state"].cast(gdb.lookup_type("enum thread_state"))
    return str(value).removeprefix("THREAD_").lower()


class Command(gdb.Command):
    """A command whose name and help come from its class."""

    def __init__(self):
        super().__init__(self.word, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        self.run(argument)


class Ps(Command):
    """ps: all processes: number, parent, state, threads, name."""
    word = "ps"

    def run(self, argument):
        print("  PID  PPID STATE    THREADS NAME")
        for p in processes():
            parent = int(p["parent"]["pid"]) if int(p["parent"]) else 0
            state = STATES[int(p["state"])] if not p["stopped"] else "stopped"
            print(f"{int(p['pid']):5} {parent:5} {state:8} {int(p['task_count']):7} {text(p['comm'])}")


class Threads(Command):
    """threads: all threads of programs, and what runs on each CPU."""
    word = "threads"

    def run(self, argument):
        print("  TID   PID CPU STATE            NAME             THREAD")
        for p in processes():
            for task in entries(p["tasks"], "task", "process_link"):
                thread = task["thread"]
                print(f"{int(task['tid']):5} {int(p['pid']):5} {int(thread['cpu']):3} {thread_state(thread):16} {text(thread['name']):16}"
                      f" {int(thread.address):#x}")
        for cpu in cpus():
            if int(cpu["current"]):
                thread = current(cpu)
                print(f"CPU {int(cpu['id'])} runs {text(thread['name'])} {int(thread.address):#x}")


def cpus():
    array = evaluate("cpus")
    return [array[i] for i in range(max(1, int(evaluate("cpu_count"))))]


def current(cpu):
    return cpu["current"].cast(gdb.lookup_type("struct thread").pointer()).dereference()


class Regions(Command):
    """regions PID: the regions of a process's address space."""
    word = "regions"

    def run(self, argument):
        space = aspace(process(argument))
        for node in self.nodes(space["vmas"]["root"]):
            v = container(node, "vma", "node")
            flags = int(v["flags"])
            letters = "".join(letter if flags & bit else "-" for bit, letter in VMA_BITS)
            what = v["name"].string() if int(v["name"]) else "file" if int(v["object"]) else "anonymous"
            print(f"{int(v['start']):08x}-{int(v['end']):08x} {letters} {(int(v['end']) - int(v['start'])) >> 10:7} KiB  pgoff {int(v['pgoff']):#x}  {what}")
        print(f"{int(space['vma_count'])} regions, {int(space['rss_anon'])} anonymous and {int(space['rss_file'])} file pages resident")

    def nodes(self, node):
        if int(node):
            yield from self.nodes(node["left"])
            yield node
            yield from self.nodes(node["right"])


def read_frame(pfn):
    """The 1024 entries of a page table."""
    data = gdb.selected_inferior().read_memory(KERNEL_BASE + (pfn << PAGE_SHIFT), PAGE_SIZE)
    return memoryview(bytes(data)).cast("I")


def page(pfn):
    return evaluate("page_array")[pfn - int(evaluate("page_base_pfn"))]


class PageTables(Command):
    """pagetables PID: the tables of a process, how many share each, and runs of pages in them."""
    word = "pagetables"

    def run(self, argument):
        space = aspace(process(argument))
        root = (space["root"].cast(gdb.lookup_type("unsigned long")) - evaluate("page_array").cast(gdb.lookup_type("unsigned long")))
        pfn = int(root) // gdb.lookup_type("struct page").sizeof + int(evaluate("page_base_pfn"))
        print(f"root: frame {pfn:#x}, count {int(page(pfn)['count'])}")
        table = read_frame(pfn)
        for i in range(ROOT_ENTRIES_USER):
            if table[i] & PRESENT:
                self.table(i << 22, table[i])

    def table(self, base, entry):
        pfn = entry >> PAGE_SHIFT
        info = page(pfn)
        count = int(info["count"])
        sharing = f"shared by {count}" if count > 1 else "own"
        print(f"{base:08x} table: frame {pfn:#x}, {sharing}, {int(info['table']['present'])} pages{'' if entry & WRITE else ', read-only'}")
        start, seen, number = 0, None, 0
        for i, e in [*enumerate(read_frame(pfn)), (ENTRIES, 0)]:
            kind = self.kind(e)
            if kind != seen:
                if seen:
                    first = base + (start << PAGE_SHIFT)
                    print(f"  {first:08x}-{first + (number << PAGE_SHIFT):08x} {seen} {number} pages")
                start, seen, number = i, kind, 0
            number += 1

    def kind(self, e):
        if not e & (PRESENT | HIDDEN):
            return None
        return "".join(letter if e & bit else "-" for bit, letter in ((PRESENT, "p"), (WRITE, "w"), (USER, "u"), (DIRTY, "d")))


class Klog(Command):
    """klog: the kernel's log."""
    word = "klog"

    def run(self, argument):
        ring, end = static_of("klog.c", "ring"), int(static_of("klog.c", "ring_end"))
        size = ring.type.sizeof
        data = bytes(gdb.selected_inferior().read_memory(int(ring.address), size))
        data = data[:end] if end <= size else data[end % size:] + data[:end % size]
        print(data.decode(errors="replace"), end="")


class BacktraceAll(Command):
    """bt-all: where each thread of a program stands in the kernel, and GDB's backtrace of each CPU."""
    word = "bt-all"

    def run(self, argument):
        running = {int(cpu["current"]) for cpu in cpus()}
        for p in processes():
            for task in entries(p["tasks"], "task", "process_link"):
                thread = task["thread"]
                print(f"thread {int(task['tid'])} {text(thread['name'])}, {thread_state(thread)}:")
                if int(thread.address) in running:
                    print("  runs: see its CPU")
                else:
                    self.sleeper(thread)
        gdb.execute("thread apply all bt")

    def sleeper(self, thread):
        """The frames of a thread that does not run: what x86_switch_stacks saved, then the chain of frame pointers."""
        word = gdb.lookup_type("unsigned long").pointer()
        low = int(thread["stack"])
        saved = thread["arch"]["sp"].cast(word)
        fp, ip = int(saved[3]), int(saved[4])
        for _ in range(BACKTRACE_MAX):
            print(f"  {ip:08x} {gdb.execute(f'info symbol {ip:#x}', to_string=True).split(' in section')[0].strip()}")
            if not low <= fp < low + 0x10000 or fp & 3:
                break
            frame = gdb.Value(fp).cast(word)
            fp, ip = int(frame[0]), int(frame[1])
            if not ip:
                break


for command in (Ps, Threads, Regions, PageTables, Klog, BacktraceAll):
    command()
