"""A seat that does as it is told: remote/protocol.h from its other side, with faults on demand."""
import hashlib
import http.server
import json
import threading
import time

TOKEN = "a-secret-of-sixteen-bytes-at-least"
TEXTS = ("file stem sha256 lesion_id body_site acquired_at notes detail").split()


def study_json(upload, key, originals):
    """The study.json of these originals, {n: bytes}, as a seat hands it out."""
    study = {k: "" for k in ("publish patient_id study_id patient_name birth_date sex site").split()}
    images = [{**{k: "" for k in TEXTS}, "n": n, "file": f"{n}.jpg", "stem": str(n), "size_bytes": len(bytes_),
               "sha256": hashlib.sha256(bytes_).hexdigest(), "mm_per_px": None, "is_duplicate": False, "set_aside": None}
              for n, bytes_ in sorted(originals.items())]
    return json.dumps({"version": 1, "upload": upload, "key": key, "accepted_at": "2026-01-01T00:00:00Z", **study,
                       "images": images}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *ignored):
        pass

    def answer(self, status, body=b"", fault=None):
        if fault == "lose":
            self.close_connection = True
            return
        self.send_response(status)
        if fault != "bare" and status != 204:
            self.send_header("Content-Length", str(len(body)))
        if fault in ("cut", "bare"):
            self.send_header("Connection", "close")
            body = body[:len(body) // 2]
        if fault == "flip":
            body = bytes([body[0] ^ 1]) + body[1:]
        self.end_headers()
        self.wfile.write(body)

    def any_method(self):
        seat = self.server.seat
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        while seat.is_silent and not seat.is_closed:
            time.sleep(0.05)
        fault = seat.fault_of(self.command, self.path)
        while fault == "hang" and not seat.is_closed:
            time.sleep(0.05)
        if isinstance(fault, int):
            return self.answer(fault, b"as the test wants it\n")
        if self.headers["Authorization"] != "Bearer " + TOKEN:
            return self.answer(401, b"another token\n")
        try:
            status, out = seat.handle(self.command, self.path.split("/")[2:], body, self.headers["Lentigo-Session"])
        except Exception as e:  # for the test to see: nobody sees this thread's
            seat.errors.append(f"{self.command} {self.path}: {e!r}")
            status, out = 500, b"see errors\n"
        return self.answer(status, out, fault)

    do_GET = do_POST = do_PUT = any_method


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *ignored):  # who hung up is no error
        pass


class Seat:
    """`give` hands images out; what came back is in `results` {(id, name): bytes}, `done` and `failed` (rows and
    messages, once each), `ends`, `hellos`."""

    def __init__(self):
        self.lock = threading.Condition(threading.RLock())
        self.studies = {}  # (upload, key): {n: bytes}
        self.faults = []   # [method, beginning of the path, what, how often]
        self.hellos, self.ends, self.done, self.failed, self.alive = [], [], [], [], []
        self.results, self.asked, self.errors = {}, [], []
        self.is_silent = self.is_closed = False
        self.session = self.polled = None  # who sits here; who has asked for jobs
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.seat = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.is_closed = True
        self.server.shutdown()
        self.server.server_close()

    def fault(self, method, path, what, times=1):
        self.faults.append([method, path, what, times])

    def fault_of(self, method, path):
        with self.lock:
            self.asked.append((method, path))
            for row in self.faults:
                if row[0] == method and path.startswith(row[1]) and row[3]:
                    row[3] -= 1
                    return row[2]
        return None

    def say(self, message):
        with self.lock:
            self.jobs += json.dumps(message).encode() + b"\n"
            self.lock.notify_all()

    def take_in(self, ids):
        """Make originals; a study that was handed out has no more images later."""
        for id_ in ids:
            upload, key, n = id_.split("/")
            study = self.studies.setdefault((upload, key), {})
            study.setdefault(int(n), f"picture {id_} ".encode() * 2000)

    def give(self, ids, attempt=1, alone=False, urgent=False):
        self.take_in(ids)
        self.say({"kind": "jobs", "dir": "/var/spool/lentigo", "want_display": True,
                  "items": [[id_, attempt, alone, urgent, False] for id_ in ids]})

    def forget(self):
        """The session is over, as for a seat that was started again."""
        with self.lock:
            self.session = None
            self.lock.notify_all()

    # ---- the requests ----

    def handle(self, method, parts, body, session):
        if parts == ["hello"]:
            return self.hello(body)
        if self.session is None or session != self.session:
            return 410, b"the session is over\n"
        return getattr(self, f"{method.lower()}_{parts[0]}")(parts[1:], body)

    def hello(self, body):
        with self.lock:
            if self.session:
                return 409, b"somebody else sits here\n"
            self.hellos.append(json.loads(body))
            self.session = f"{len(self.hellos):032x}"
            self.jobs, self.heard = b"", 0
            self.lock.notify_all()
        return 201, self.session.encode() + b"\n"

    def get_jobs(self, parts, body):
        offset, session = int(parts[0]), self.session
        self.polled = session
        with self.lock:
            assert offset <= len(self.jobs), "what was never said is asked for"
            self.lock.wait_for(lambda: self.session != session or len(self.jobs) > offset, 2)
            if self.session != session:
                return 410, b"the session is over\n"
            return (200, self.jobs[offset:]) if len(self.jobs) > offset else (204, b"")

    def get_studies(self, parts, body):
        study = self.studies.get(tuple(parts))
        return (200, study_json(*parts, study)) if study else (404, b"no such study\n")

    def get_originals(self, parts, body):
        original = self.studies.get(tuple(parts[:2]), {}).get(int(parts[2]))
        return (200, original) if original is not None else (404, b"no such original\n")

    def put_results(self, parts, body):
        self.results["/".join(parts[:3]), parts[3]] = body
        return 204, b""

    def post_answers(self, parts, body):
        assert body.endswith(b"\n"), "lines are whole"
        with self.lock:
            offset = int(parts[0])
            assert offset <= self.heard, "a gap between answers"
            for line in body[self.heard - offset:].splitlines():
                self.note(json.loads(line))
            self.heard = max(self.heard, offset + len(body))
            self.lock.notify_all()
        return 204, b""

    def note(self, message):
        if message["kind"] == "done":
            for row in message["items"]:
                assert (row[0], "json") in self.results, f"{row[0]} is done without a result"
                self.done.append(row[0])
        elif message["kind"] == "failed":
            self.failed.append(message)
        elif message["kind"] == "alive":
            self.alive.append([row[0] for row in message["items"]])
        else:
            assert message["kind"] == "stats", message

    def post_end(self, parts, body):
        with self.lock:
            self.ends.append(json.loads(body))
            self.session = None
            self.lock.notify_all()
        return 204, b""
