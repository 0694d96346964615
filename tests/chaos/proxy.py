"""Stands between the scheduler and Redis and, when told, cuts the connection in the middle of an answer."""
import os
import pathlib
import socket
import threading


class Proxy:
    def __init__(self, path, target):
        self.path, self.target = path, target
        self.cut_after = None  # bytes of answers that still pass; then every connection ends
        self.lock = threading.Lock()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            redis = socket.socket(socket.AF_UNIX)
            try:
                redis.connect(str(self.target))
            except OSError:
                client.close()
                redis.close()
                continue
            for pair in ((client, redis, False), (redis, client, True)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def allowed(self, n, is_answer):
        """How many of these bytes may pass, and whether the connection ends then."""
        with self.lock:
            if not is_answer or self.cut_after is None:
                return n, False
            n, self.cut_after = min(n, self.cut_after), self.cut_after - n
            if self.cut_after > 0:
                return n, False
            self.cut_after = None
            return n, True

    def carry(self, source, to, is_answer):
        try:
            while data := source.recv(65536):
                n, is_end = self.allowed(len(data), is_answer)
                to.sendall(data[:n])
                if is_end:
                    break
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if is_answer:  # the thread of the other direction wakes up and ends by itself
            source.close()
            to.close()

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        pathlib.Path(self.path).unlink(missing_ok=True)


def ask(path, *words, seconds=2):
    """One command to Redis; the raw answer, or None when nobody answered."""
    text = b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in (os.fsencode(str(x)) for x in words))
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds)
            s.connect(str(path))
            s.sendall(text)
            return s.recv(65536)
    except OSError:
        return None
