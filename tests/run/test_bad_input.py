"""Whatever a clinic may hand in: set aside with a reason, or stopped before any work with file and
line; never a crash, a hang or a silent skip."""
import os
import struct
import zlib

from harness import *

need_redis()


def png(width, height, rows=None):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    body = zlib.compress(rows if rows is not None else b"\0" + b"\x80" * (3 * width))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def good_jpeg(upload):
    for name in named_files(upload):
        path = upload / name
        if path.exists() and path.read_bytes()[:3] == b"\xff\xd8\xff" and path.stat().st_size > 20000:
            return path.read_bytes()
    raise AssertionError("the demo upload has no JPEG")


with Scratch() as tmp:
    jpeg = good_jpeg(demo(tmp / "demo", 4))
    bad = tmp / "bad"
    bad.mkdir()
    files = {  # name: (bytes, reasons that are right)
        "good.jpg": (jpeg, None),
        "cut.jpg": (jpeg[:len(jpeg) // 2], {"truncated", "damaged"}),
        "cut10.jpg": (jpeg[:len(jpeg) // 10], {"truncated", "damaged"}),
        "text.jpg": (b"hello, this is no picture\n" * 10, {"not_an_image"}),
        "bomb.png": (png(60000, 60000), {"too_large"}),
        "short.png": (png(600, 450), {"truncated", "damaged"}),
        "gif.jpg": (b"GIF89a\x10\0\x10\0\0\0\0;", {"unsupported"}),
        "empty.jpg": (b"", {"empty"}),
        "zeros.jpg": (b"\0" * 5000, {"not_an_image"}),
        "tiny.png": (png(4, 1), {"too_small"}),
        "<b>&\"x.jpg": (jpeg, None),
        "caf\u00e9 \u75c5.jpg": (jpeg, None),
        "n" * 240 + ".jpg": (jpeg, None),
    }
    for name, (data, _) in files.items():
        (bad / name).write_bytes(data)
    (bad / os.fsdecode(b"raw\xff\xfe.jpg")).write_bytes(jpeg)
    (bad / "dir.jpg").mkdir()
    long = os.fsdecode(b"\x7f" * 200)  # as %7F it is longer than any field
    (bad / long / long).mkdir(parents=True)
    for name, data in (("1.jpg", jpeg), ("2.jpg", b"no picture"), ("3.jpg", jpeg)):
        (bad / long / long / f"{long}{name}").write_bytes(data)
    os.mkfifo(bad / "pipe.jpg")
    (bad / "link.jpg").symlink_to("/etc/passwd")
    (bad / "notes.txt").write_text("for the record")
    out = tmp / "out"
    lentigo("run", bad, "-o", out, check=0)
    got = {}
    for path in out.glob("patients/**/report.json"):
        for image in json.loads(path.read_text())["images"]:
            got[image["file"]] = image
    for name, (_, reasons) in files.items():
        image = got[name]
        if reasons is None:
            assert image["status"] == "done", (name, image["reason"], image.get("detail"))
        else:
            assert image["status"] == "set_aside" and image["reason"] in reasons, (name, image)
    assert got["raw%FF%FE.jpg"]["status"] == "done", sorted(got)
    cut = {file: image for file, image in got.items() if file.startswith("%7F")}
    assert sorted(i["status"] for i in cut.values()) == ["done", "done", "set_aside"], cut
    assert {len(file) for file in cut} == {1023}, cut
    listed = {r["file"]: r["code"] for r in rows(out / "set-aside.csv")}
    for name in ("pipe.jpg", "link.jpg"):
        assert listed[name] == "special_file", listed
    assert listed["notes.txt"] == "not_an_image", listed
    summary = json.loads((out / "summary.json").read_text())
    assert summary["received"] == len(files) + 1 + len(cut), summary
    lentigo("doctor", out, check=0)

    # Manifests that stop before any work, with file and line.
    for text, says in (
            ("patient_id,file\nA,good.jpg\nB,./good.jpg\n", "3"),
            ("patient_id\nA\n", "file"),
            ("patient_id,file\nA,../good.jpg\n", "2"),
            ("patient_id,file\n,good.jpg\n", "2"),
            ("patient_id,file,mm_per_px\nA,good.jpg,wide\n", "2")):
        (bad / "manifest.csv").write_text(text)
        refused = lentigo("run", bad, "-o", tmp / "refused", check=78)
        assert "manifest.csv" in refused.stderr and says in refused.stderr, refused.stderr

    # A manifest whose rows name what is not there, and ids that are no file names.
    (bad / "manifest.csv").write_text(
        "patient_id,file,patient_name\n"
        "../../etc,good.jpg,<script>alert(1)</script>\n"
        "a/b,gone.jpg,\u674e\u96f7\n"
        "CON:.,dir.jpg,x\n"
        "fifo,pipe.jpg,x\n", encoding="utf-8")
    out = tmp / "out2"
    lentigo("run", bad, "-o", out, check=0)
    got = {}
    for path in out.glob("patients/**/report.json"):
        assert out in path.resolve().parents
        for image in json.loads(path.read_text())["images"]:
            got[image["file"]] = image["reason"]
        page = (path.parent / "report.html").read_text()
        assert "<script" not in page, path
    assert got == {"good.jpg": None, "gone.jpg": "missing_file", "dir.jpg": "special_file",
                   "pipe.jpg": "special_file"}, got
    assert "<script" not in (out / "summary.html").read_text()
    lentigo("doctor", out, check=0)
print("test_bad_input: 1 passed, 0 failed")
