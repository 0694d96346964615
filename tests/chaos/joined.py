"""A machine that joins a round: lentigo-join, started again whenever it ends, over a line that can be cut."""
import signal
import socket
import threading
import time

import processes
import proxy

RETRY_S = 0.1


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    def __init__(self, world):
        token = world.folder / "token"
        token.write_text("0123456789abcdef0123")
        token.chmod(0o600)
        port = free_port()
        self.world, self.is_stopping = world, False
        self.seat = ["--seats", f"127.0.0.1:{port}", "--token", str(token)]
        self.line = proxy.Proxy(("127.0.0.1", 0), ("127.0.0.1", port), cuts_both=True)
        self.command = [f"http://127.0.0.1:{self.line.port()}", "--token", str(token)]
        self.process, self.problems = None, []
        self.keeper = threading.Thread(target=self.keep)
        self.keeper.start()

    def keep(self):
        """As systemd would; 78 is no fault where workers of other settings come and go."""
        while not self.is_stopping:
            self.process = self.world.popen("lentigo-join", *self.command, "--size", "64",
                                            "--decode-seconds", "2", log="join")
            while self.process.poll() is None and not self.is_stopping:
                time.sleep(0.05)
            if self.process.returncode not in (None, 0, 78, -signal.SIGKILL, -signal.SIGTERM):
                self.problems.append(f"lentigo-join ended with status {self.process.returncode}")
            time.sleep(RETRY_S)

    def end(self):
        """What was wrong with it."""
        self.is_stopping = True
        self.keeper.join()
        processes.send(self.process.pid, signal.SIGCONT)
        processes.send(self.process.pid, signal.SIGTERM)
        if self.process.wait() not in (0, 78, -signal.SIGKILL, -signal.SIGTERM):
            self.problems.append(f"lentigo-join ended with status {self.process.returncode}")
        self.line.close()
        return self.problems
