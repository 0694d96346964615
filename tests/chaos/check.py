"""Proves from a spool alone that nothing was lost, doubled or blamed: `check.py SPOOL [options]`.

It shares no code with lentigo and asks no process; every rule below is one of spool.h's promises read
from the files by somebody who trusts none of them. One line a finding, exit status 1 when there is any.

  --like SPOOL      an undisturbed run's: each study must have the same files with the same bytes, but
                    for images that an order cancelled and the reports that name them
  --out OUT         the run's own folder, and --like-out that of the undisturbed run
  --images N        how many images were handed in
  --may-cut         a disk was full or a machine lost power: a line of the log may be cut, one that
                    says so
"""
import argparse
import hashlib
import json
import pathlib
import re
import sys

TOP = {"version", "lock", "log", "incoming", "uploads", "statements", "mended", "made_with.json",
       "id", "watch"}
STUDY = {"study.json", "originals", "results", "history", "report.json", "report.html", "report.pdf"}
STATUSES = ("done", "set_aside", "cancelled")
PICTURES = re.compile(r"(\d+)\.(mask\.png|display\.jpg|overlay\.jpg)$")
WHOLE = {".png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"), ".jpg": (b"\xff\xd8", b"\xff\xd9"),
         ".pdf": (b"%PDF-", b"%%EOF\n"), ".html": (b"<!", b"</html>\n")}
# What blames an image for the death of a process or for time: never a sound one's fate.
BLAME = {"crash", "decode_crash", "decode_timeout", "decode_memory", "unexplained", "internal",
         "changed", "unreadable"}

findings = []


def find(where, what):
    findings.append(f"{where}: {what}")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path):
    """The JSON object in `path`, or an empty one and a finding."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as e:
        find(path, f"no JSON: {e}")
        return {}
    if not isinstance(value, dict):
        find(path, "no object")
        return {}
    return value


def names(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


# ---- the log ----

class Log:
    """Orders and deaths, as the spool's log has them."""

    def __init__(self, path, may_cut):
        self.cancelled, self.retries, self.open = [], {}, set()
        data = path.read_bytes() if path.exists() else b""
        lines = data.split(b"\n")
        if lines.pop():
            find(path, "the last line is not ended")
        for i, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                self.note(event, event["event"], event["at"])
            except (ValueError, KeyError, TypeError):
                if not may_cut:
                    find(f"{path}:{i}", f"no event: {line[:80]!r}")
        for order in self.open:
            find(path, f"order {order} was never carried out")

    def note(self, event, word, at):
        if not re.match(r"\d{4}-\d\d-\d\dT", at):
            raise ValueError
        if word == "carried_out":
            self.open.discard(event["order"])
        elif word == "cancel":
            self.open.add(event["order"])
            self.cancelled.append(event["target"])
        elif word == "retry":
            self.open.add(event["order"])
            for image, before in event["images"]:
                self.retries.setdefault(image, set()).add(before)

    def has_cancelled(self, image):
        return any(image == t or image.startswith(t + "/") for t in self.cancelled)


# ---- one study ----

class Study:
    def __init__(self, folder, log, args):
        self.folder, self.log, self.args = folder, log, args
        self.upload, self.key = folder.parts[-3], folder.name
        self.record = load(folder / "study.json")
        self.images = self.record.get("images", [])
        self.status = {}

    def id(self, n):
        return f"{self.upload}/{self.key}/{n}"

    def check(self):
        for name in names(self.folder):
            if name not in STUDY:
                find(self.folder / name, "no file of a study (an orphan, or a draft left behind)")
        if (self.record.get("upload"), self.record.get("key")) != (self.upload, self.key):
            find(self.folder, "study.json is another's")
        if [i.get("n") for i in self.images] != list(range(len(self.images))):
            find(self.folder, "images are not numbered 0, 1, 2 ...")
        self.check_originals()
        for image in self.images:
            self.check_result(image)
        self.check_names()
        self.check_history()
        self.check_report()

    def check_originals(self):
        want = {str(i["n"]) for i in self.images if not i["set_aside"]}
        have = set(names(self.folder / "originals"))
        for name in sorted(want ^ have):
            find(self.folder / "originals" / name, "missing" if name in want else "of no image")
        for image in self.images:
            path = self.folder / "originals" / str(image["n"])
            if path.exists() and digest(path) != image["sha256"]:
                find(path, "not the bytes that were handed in")

    def check_result(self, image):
        n = image["n"]
        path = self.folder / "results" / f"{n}.json"
        if not path.exists():
            find(self.id(n), "has no terminal state")
            return
        result = load(path)
        status, entry = result.get("status"), result.get("entry") or {}
        self.status[n] = status
        if status not in STATUSES:
            find(path, f"status {status!r}")
        if entry.get("file") != image["file"] or (entry.get("sha256") or "") != image["sha256"]:
            find(path, "the entry is another image's")
        if entry.get("status") not in (status, None if status == "cancelled" else status):
            find(path, "the entry has another status")
        if (status == "set_aside") != (entry.get("reason") is not None):
            find(path, f"{status} with reason {entry.get('reason')!r}")
        if (status == "done") != (self.folder / "results" / f"{n}.mask.png").exists():
            find(path, f"{status}, but the mask is " + ("missing" if status == "done" else "there"))
        if status == "cancelled" and not self.log.has_cancelled(self.id(n)):
            find(path, "cancelled without an order")

    def check_names(self):
        for name in names(self.folder / "results"):
            path = self.folder / "results" / name
            picture = PICTURES.match(name)
            number = picture or re.match(r"(\d+)\.json$", name)
            if not number or int(number[1]) >= len(self.images):
                find(path, "of no image (an orphan, or a draft left behind)")
            elif picture and self.status.get(int(number[1])) != "done":
                find(path, "a picture of an image that is not done")
            elif picture:
                check_whole(path)

    def check_history(self):
        for name in names(self.folder / "history"):
            parts = name.split(".")
            if len(parts) != 3 or parts[2] != "json":
                find(self.folder / "history" / name, "no result and no report")
            elif parts[0] != "report" and \
                    int(parts[1]) not in self.log.retries.get(self.id(parts[0]), ()):
                find(self.folder / "history" / name, "moved away without an order")

    def check_report(self):
        path = self.folder / "report.json"
        if not path.exists():
            find(path, "no report")
            return
        told = load(path).get("images", [])
        want = sorted((i["file"], self.status.get(i["n"])) for i in self.images)
        if sorted((t.get("file"), t.get("status")) for t in told) != want:
            find(path, "its images are not those of the study, each once with its state")
        for name in ("report.html", "report.pdf"):
            if (self.folder / name).exists():
                check_whole(self.folder / name)

    def like(self, other):
        """The same files as `other` has, but for what an order changed."""
        differing = {n for n, s in self.status.items() if s == "cancelled"}
        theirs = files(other)
        ours = {f: p for f, p in files(self.folder).items() if not f.startswith("history/")}
        for f in sorted(ours.keys() | theirs.keys()):
            number = re.match(r"results/(\d+)\.", f)
            if (number and int(number[1]) in differing) or (differing and f.startswith("report.")):
                continue
            if f not in ours or f not in theirs:
                find(self.folder / f, "missing" if f in theirs else "not in the undisturbed run")
            elif f != "study.json" and digest(ours[f]) != digest(theirs[f]):
                find(self.folder / f, blame(ours[f]) or "not the bytes of the undisturbed run")


def blame(path):
    if path.suffix != ".json":
        return None
    reason = (load(path).get("entry") or {}).get("reason")
    return f"a sound image was blamed: {reason}" if reason in BLAME else None


def check_whole(path):
    begin, end = WHOLE[path.suffix]
    data = path.read_bytes()
    if not data.startswith(begin) or not data.endswith(end):
        find(path, "not whole")


def files(folder):
    return {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}


# ---- the spool ----

def check_spool(spool, args):
    for name in names(spool):
        if name not in TOP:
            find(spool / name, "no part of a spool")
    if not (spool / "version").exists() or (spool / "version").read_bytes() != b"1\n":
        find(spool / "version", "missing or another")
    for name in names(spool / "incoming"):
        find(spool / "incoming" / name, "an intake that was cut off")
    log = Log(spool / "log", args.may_cut)
    counts = dict.fromkeys(("received",) + STATUSES, 0)
    for upload in sorted((spool / "uploads").iterdir()):
        check_upload(upload, log, args, counts)
    if counts["received"] != sum(counts[s] for s in STATUSES):
        find(spool, f"the counts do not add up: {counts}")
    if args.images is not None and counts["received"] != args.images:
        find(spool, f"{counts['received']} images, {args.images} were handed in")
    return counts


def check_upload(upload, log, args, counts):
    record = load(upload / "upload.json")
    for name in names(upload):
        if name not in ("upload.json", "contents", "studies"):
            find(upload / name, "no part of an upload")
    studies = [Study(p, log, args) for p in sorted((upload / "studies").iterdir())]
    check_contents(upload, studies)
    for study in studies:
        study.check()
        for status in study.status.values():
            counts[status] = counts.get(status, 0) + 1
        if args.like:
            if "cancelled" in study.status.values():
                args.changed.append(study.record.get("publish", ""))
            study.like(args.like / "uploads" / study.upload / "studies" / study.key)
    accepted = record.get("images"), record.get("studies")
    if accepted != (sum(len(s.images) for s in studies), len(studies)):
        find(upload, f"{accepted} images and studies were accepted, others are there")
    counts["received"] += record.get("images", 0)


def check_contents(upload, studies):
    """The list that a scheduler starts from says what the studies say."""
    lines = ["lentigo-contents 1"]
    lines += [f"{s.key} {len(s.images)} {sum(i.get('set_aside') is not None for i in s.images)}"
              for s in studies]
    text = "".join(line + "\n" for line in lines)
    text += f"sha256 {hashlib.sha256(text.encode()).hexdigest()}\n"
    path = upload / "contents"
    if not path.is_file() or path.read_text(errors="replace") != text:
        find(path, "missing, or not what the studies say")


# ---- the folder of a run ----

def check_out(out, like, counts, changed):
    """What a reader sees, but for studies that an order changed; summaries hold wall times, so of
    those the counts."""
    ours, theirs = ({f: p for f, p in files(o).items() if not f.startswith(".lentigo/")}
                    for o in (out, like))
    for f in sorted(ours.keys() | theirs.keys()):
        if any(f.startswith(c + "/") for c in changed):
            continue
        if f not in ours or f not in theirs:
            find(out / f, "missing" if f in theirs else "not in the undisturbed run")
        elif not f.startswith("summary.") and not (changed and f.endswith(".csv")) and \
                digest(ours[f]) != digest(theirs[f]):
            find(out / f, "not the bytes of the undisturbed run")
    told = load(out / "summary.json")
    if {k: told.get(k) for k in counts} != counts:
        find(out / "summary.json", f"tells other counts than {counts}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spool", type=pathlib.Path)
    parser.add_argument("--like", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--like-out", type=pathlib.Path)
    parser.add_argument("--images", type=int)
    parser.add_argument("--may-cut", action="store_true")
    args = parser.parse_args()
    args.changed = []  # where the studies are published that hold cancelled images
    counts = check_spool(args.spool, args)
    if args.out:
        check_out(args.out, args.like_out, counts, args.changed)
    for finding in findings:
        print(finding)
    print(json.dumps(counts))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
