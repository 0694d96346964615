"""Three machines, one Redis and its replica, each in a network of its own: the link is slow, is cut, and
the replica takes over before it has everything. Each machine has its spool, and a database of the Redis.
Or one has the spool, and the others join it.

A virtual address is where the machines find the Redis; who has it is this script's to say, as keepalived
or a person would. Real schedulers, real Redis, workers that do as they are told
(tests/scheduler/fake_child.c). Needs root: skipped and counted without."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "run"))
from seating import *

need_redis()
NETS = [f"lentigo{os.getpid()}-{name}" for name in ("n1", "n2", "n3", "r1", "r2")]
SWITCH, ADDRESS, PORT = f"lentigo{os.getpid()}-sw", "10.77.0.10", 6379
IMAGES_MS = 15


def ip(*words, check=True, net=None):
    inside = ["ip", "netns", "exec", net] if net else []
    done = subprocess.run([*inside, *words], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{words}: {done.stderr}")
    return done


class Network:
    """A switch, and a cable to each machine."""

    def __enter__(self):
        for net in (SWITCH, *NETS):
            ip("ip", "netns", "add", net)
        ip("ip", "link", "add", "sw", "type", "bridge", net=SWITCH)
        ip("ip", "link", "set", "sw", "up", net=SWITCH)
        for i, net in enumerate(NETS):
            ip("ip", "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth", "netns", net,
               net=SWITCH)
            ip("ip", "link", "set", f"p{i}", "master", "sw", net=SWITCH)
            ip("ip", "link", "set", f"p{i}", "up", net=SWITCH)
            ip("ip", "addr", "add", f"10.77.0.{i + 1}/24", "dev", "eth", net=net)
            for device in ("lo", "eth"):
                ip("ip", "link", "set", device, "up", net=net)
        return self

    def __exit__(self, *ignored):
        for net in (*NETS, SWITCH):
            ip("ip", "netns", "del", net, check=False)

    def cut(self, i, is_cut=True):
        ip("ip", "link", "set", f"p{i}", "down" if is_cut else "up", net=SWITCH)

    def slow(self, i, rate):
        """Both ways, to `rate`; None: as it was."""
        for net, device in ((SWITCH, f"p{i}"), (NETS[i], "eth")):
            ip("tc", "qdisc", "del", "dev", device, "root", net=net, check=False)
            if rate:
                ip("tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst", "8kb",
                   "latency", "400ms", net=net)

    def give_address(self, to, away_from=None):
        """Whoever held it loses it; the neighbours forget where it was, as a gratuitous ARP tells."""
        if away_from is not None:
            ip("ip", "addr", "del", f"{ADDRESS}/24", "dev", "eth", net=NETS[away_from])
        ip("ip", "addr", "add", f"{ADDRESS}/24", "dev", "eth", net=NETS[to])
        for net in NETS:
            ip("ip", "neigh", "flush", "dev", "eth", net=net)


class Redis:
    def __init__(self, path, i):
        self.i, self.dir = i, path / f"redis{i}"
        self.dir.mkdir()
        self.socket = self.dir / "s"
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", NETS[i], "redis-server", "--port", str(PORT), "--unixsocket",
             str(self.socket), "--dir", str(self.dir), "--appendonly", "yes", "--protected-mode", "no",
             "--repl-timeout", "60", "--repl-ping-replica-period", "1"],
            stdout=subprocess.DEVNULL, preexec_fn=die_with_us)
        wait_until(self.socket.exists, "Redis listens")

    def ask(self, *words):
        """Through its own socket: what the operator of that machine sees."""
        return subprocess.run(["redis-cli", "-s", str(self.socket), *map(str, words)],
                              capture_output=True, text=True, check=True).stdout

    def jobs(self, database):
        return int(self.ask("-n", database, "XLEN", "lentigo:{s0}:jobs:bulk"))

    def is_replica_of(self, other):
        self.ask("REPLICAOF", f"10.77.0.{other.i + 1}", PORT)
        wait_until(lambda: "master_link_status:up" in self.ask("INFO", "replication"), "it follows")


class Machine(Installation):
    """An installation in a network of its own; its Redis is another's."""

    def __init__(self, path, i):
        self.i = i
        super().__init__(path, f"n{i + 1}")
        self.socket, self.prefix = f"{ADDRESS}:{PORT}#{i}", ["ip", "netns", "exec", NETS[i]]

    def start_redis(self):
        pass

    def submit(self, upload):
        done = subprocess.run(
            [*self.prefix, str(BIN / "lentigo"), "submit", str(upload), "--spool", str(self.spool),
             "--redis", self.socket], capture_output=True, text=True, env=environment())
        assert done.returncode in (0, 75) and done.stdout, done
        return done.stdout.split()[0]


def a_partition_and_a_fail_over_lose_nothing(tmp, net, uploads):
    master, replica = Redis(tmp, 3), Redis(tmp, 4)
    net.give_address(3)
    replica.is_replica_of(master)
    machines = [Machine(tmp, i) for i in range(3)]
    for machine, upload in zip(machines, uploads):
        machine.submit(upload)
        machine.start(MS=IMAGES_MS)
    done = lambda i: len(machines[i].statuses())

    wait_until(lambda: all(done(i) >= 3 for i in range(3)), "all work")
    net.slow(1, "256kbit")
    before = done(1)
    wait_until(lambda: done(1) >= before + 5, "it goes on over a slow line")
    net.cut(2)  # one machine is cut off: the others do not notice
    before = [done(0), done(1)]
    wait_until(lambda: done(0) > before[0] and done(1) > before[1], "the others go on")
    wait_until(lambda: machines[2].said("event=redis.down"), "it notices that it is alone")

    # The replica misses the newest jobs, then the master is gone for everybody, and it takes over.
    net.cut(4)
    held = [machines[0].submit(upload) for upload in uploads[3:]]
    wait_until(lambda: master.jobs(0) > replica.jobs(0), "the replica is behind")
    net.cut(3)
    net.cut(4, False)
    replica.ask("REPLICAOF", "NO", "ONE")
    net.give_address(4, away_from=3)
    net.cut(2, False)
    net.slow(1, None)
    for machine in machines:
        wait_until(lambda m=machine: m.said("event=redis.up empty=0 same=0"),
                   "it has found the new one")
    # The old one comes back and is not asked by anybody; it becomes the new one's replica.
    net.cut(3, False)
    master.is_replica_of(replica)
    for machine in machines:
        d = machine.wait_done()
        assert d["done"] == d["received"], d
        machine.stop()
    assert all((machines[0].spool / "uploads" / upload).exists() for upload in held)
    for database in range(3):
        assert replica.jobs(database) == 0, "a job is left"
        wait_until(lambda k=database: master.jobs(k) == 0, "the old one follows")
    for redis in (master, replica):
        redis.process.kill()
        redis.process.wait()


def one_database_serves_one_spool(tmp, net, upload):
    """The second spool is refused and named; `recover` makes the database its own."""
    redis = Redis(tmp, 4)
    a, b = Machine(tmp, 0), Machine(tmp, 1)
    b.socket = a.socket
    a.submit(upload)
    a.start(MS=IMAGES_MS)
    wait_until(lambda: a.statuses(), "it works")
    b.submit(upload)
    b.start()
    assert b.scheduler.wait(HANG_S) == 78, b.log.read_text()
    assert "is the index of another spool" in b.log.read_text()
    a.wait_done()
    a.stop()
    redis.process.kill()
    redis.process.wait()
    assert net


def machines_that_join_may_be_slow_and_cut_off(tmp, net, upload):
    """The first has the spool; to the second the line is slow, from the third it is cut for longer than a seat waits."""
    inside = [["ip", "netns", "exec", NETS[i]] for i in range(3)]
    with WithSeat(tmp, "intake", upload) as i:
        i.prefix = inside[0]
        seats = [f"10.77.0.1:{port}" for port in (8700, 8701)]
        i.start("--seats", ",".join(seats), "--token", str(i.token), MS=400)
        slow, cut = (Joined(i, MS=10, url=f"http://{seats[n]}", name=f"join{n}", prefix=inside[n + 1])
                     for n in range(2))
        wait_until(lambda: slow.taken() and cut.taken(), "both work")
        net.slow(1, "512kbit")
        net.cut(2)
        wait_until(lambda: i.said("event=seat.lost"), "it is missed")
        before = len(slow.taken())
        wait_until(lambda: len(slow.taken()) > before, "the slow one goes on")
        net.cut(2, False)
        before = len(cut.taken())
        wait_until(lambda: len(cut.taken()) > before, "it is back")
        net.slow(1, None)
        i.end(slow, cut)
        assert not i.orders("crash"), "an image was blamed"


if os.geteuid() or ip("ip", "netns", "add", NETS[0], check=False).returncode:
    print("networks cannot be made here: skipped")
    sys.exit(SKIP)
ip("ip", "netns", "del", NETS[0])
with Scratch() as tmp, Network() as net:
    source = demo(tmp / "demo", 4)
    uploads = [pictures(source, tmp / f"u{i}", 40 + i) for i in range(3)]
    uploads.append(pictures(source, tmp / "late", 7))
    (tmp / "a").mkdir()
    (tmp / "b").mkdir()
    many = pictures(source, tmp / "many", 120)
    a_partition_and_a_fail_over_lose_nothing(tmp / "a", net, uploads)
    one_database_serves_one_spool(tmp / "b", net, uploads[3])
    machines_that_join_may_be_slow_and_cut_off(tmp, net, many)
    assert not processes_naming(tmp), processes_naming(tmp)
print("test_machines: 3 passed, 0 failed")
