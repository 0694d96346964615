"""Stands between two who talk and, when told, cuts the connection in the middle: the scheduler and Redis (its
answers), or a machine that joined and its seat (both ways)."""
import os
import pathlib
import socket
import threading


def socket_for(address):
    """An address is a path, or a host and a port."""
    return socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)


class Proxy:
    def __init__(self, path, target, cuts_both=False):
        self.path, self.target, self.cuts_both = path, target, cuts_both
        self.cut_after = None  # bytes (of answers) that still pass; then the connection ends
        self.lock = threading.Lock()
        self.server = socket_for(path)
        self.server.bind(path if isinstance(path, tuple) else str(path))
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            other = socket_for(self.target)
            try:
                other.connect(self.target if isinstance(self.target, tuple) else str(self.target))
            except OSError:
                client.close()
                other.close()
                continue
            for pair in ((client, other, False), (other, client, True)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def allowed(self, n, is_answer):
        """How many of these bytes may pass, and whether the connection ends then."""
        with self.lock:
            if self.cut_after is None or not (is_answer or self.cuts_both):
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
        if not isinstance(self.path, tuple):
            pathlib.Path(self.path).unlink(missing_ok=True)

    def port(self):
        return self.server.getsockname()[1]


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
