"""The processes of a round as the kernel lists them: who is who, and who is left."""
import ctypes
import os
import pathlib
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
DECODING = ("lentigo-decode", "lentigo-vips")


def end_with_us():
    """A process of its own, no child of ours, waits until we are gone and then kills all that were started by
    us: a test that is killed when its time is up leaves nobody behind. What a thread starts outlives the
    thread, so the kernel cannot do it (PR_SET_PDEATHSIG is about threads)."""
    mark = f"CHAOS_OF={os.getpid()}.{time.time_ns()}"
    os.environ.update([mark.split("=")])
    read, write = os.pipe()  # `write` stays open as long as we live, and nobody inherits it
    first = os.fork()
    if first:
        os.close(read)
        os.waitpid(first, 0)
        return
    os.setsid()
    if not os.fork():
        os.close(write)
        os.read(read, 1)
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                is_ours = mark.encode() in pathlib.Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if is_ours:
                send(int(entry), signal.SIGKILL)
    os._exit(0)


def adopt_orphans():
    """Whoever loses his parent becomes ours, so that nobody escapes the count."""
    end_with_us()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def table():
    """{pid: (parent, name)} of all that lives."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2:].split()
        if fields[0] not in "ZX":
            found[int(entry)] = (int(fields[1]), stat[stat.index("(") + 1:stat.rindex(")")])
    return found


def below(root):
    """{pid: name} of all processes below `root`."""
    all_of_them, found = table(), {root}
    while True:
        more = {p for p, (parent, _) in all_of_them.items() if parent in found} - found
        if not more:
            return {p: all_of_them[p][1] for p in found - {root} if p in all_of_them}
        found |= more


def of_kind(kind, root):
    """Pids below `root`, oldest first; "zygote" and "decode" are told apart by who their parent is."""
    everyone, ours = table(), below(root)

    def is_one(pid, name):
        parent = everyone.get(pid, (0, ""))[0]
        parents_name = everyone.get(parent, (0, ""))[1]
        if kind == "zygote":
            return name in DECODING and (parents_name == "lentigo-worker" or
                                         (name, parents_name) == DECODING[::-1])
        if kind == "decode":
            return name in DECODING and parents_name in DECODING and \
                (name, parents_name) != DECODING[::-1]
        return name == kind[:15]

    return sorted(p for p, name in ours.items() if is_one(p, name))


def send(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def reap():
    """Bury orphans that we adopted; those that subprocess knows are asked for by their number."""
    for entry in table_of_zombies():
        try:
            os.waitpid(entry, os.WNOHANG)
        except ChildProcessError:
            pass


def table_of_zombies():
    for entry in os.listdir("/proc"):
        try:
            stat = pathlib.Path(f"/proc/{entry}/stat").read_text() if entry.isdigit() else ""
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2:].split() if stat else []
        if fields and fields[0] == "Z" and int(fields[1]) == os.getpid():
            yield int(entry)


def left_behind(seconds):
    """Who is still there after so long; they are then killed."""
    end = time.time() + seconds
    while below(os.getpid()) and time.time() < end:
        reap()
        time.sleep(0.05)
    left = below(os.getpid())
    for pid in left:
        send(pid, signal.SIGCONT)
        send(pid, signal.SIGKILL)
    return sorted(left.values())
