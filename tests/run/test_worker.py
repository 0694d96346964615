"""The worker alone, with this script as its scheduler: it starts under a low limit of descriptors,
and a drain ends it only when every answer was told, however slowly they are read: as many as it has
credit for, through a pipe that holds a few."""
import json
import resource
import socket
import time

from harness import *

PIPE_BYTES = 4608  # a fraction of the answers
PATIENCE_S = 3  # in which nothing is read: the worker has long finished its items


def start_worker(*flags):
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIPE_BYTES)

    def prepare():
        die_with_us()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        os.dup2(theirs.fileno(), 3)
        os.set_inheritable(3, True)

    worker = subprocess.Popen([str(BIN / "lentigo-worker"), *flags], preexec_fn=prepare,
                              close_fds=False, stderr=subprocess.PIPE, env=environment())
    theirs.close()
    ours.settimeout(HANG_S)
    return worker, ours


def jobs(n):
    """Their study does not exist, so the worker gives them back."""
    return {"kind": "jobs", "dir": "/nonexistent", "want_display": False,
            "items": [[f"u/s/{i}", 1, False, False, False] for i in range(n)]}


def send(sock, message):
    sock.sendall(json.dumps(message).encode() + b"\n")


def messages(stream):
    for line in stream:
        yield json.loads(line)


if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1024:
    print("the limit of descriptors cannot be raised here: skipped")
    sys.exit(SKIP)
worker, sock = start_worker("--slots", "100", "--jobs", "1", "--decoders", "1", "--log-level", "error")
stream = sock.makefile("rb")
hello = next(messages(stream), None)
assert hello and hello["kind"] == "hello", worker.communicate(timeout=HANG_S)[1]
send(sock, jobs(hello["credit"]))
send(sock, {"kind": "drain"})
time.sleep(PATIENCE_S)
answers = [m["id"] for m in messages(stream) if m["kind"] == "failed" and m["code"] == "AGAIN"]
assert len(set(answers)) == len(answers) == hello["credit"] > 300, len(answers)
assert worker.wait(HANG_S) == 0, worker.returncode
print("test_worker: 1 passed, 0 failed")
