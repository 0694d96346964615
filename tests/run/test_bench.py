"""`lentigo bench decode` and `bench pipeline`: every file of the folder is counted, and the settings
that were given are the ones that are measured."""
from harness import *


def line(*args):
    return json.loads(lentigo("bench", *args, "--json", "--rounds", "2", check=0).stdout)


need_redis()
with Scratch() as tmp:
    demo(tmp / "upload", 4)
    folder, clean = tmp / "upload", tmp / "clean"
    clean.mkdir()
    sound = sorted(p for p in folder.rglob("*.jpg") if p.stat().st_size > 5000)
    for picture in sound[:4]:
        shutil.copy(picture, clean)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "words.txt").write_text("no picture either")
    files = [p for p in folder.rglob("*") if p.is_file()]

    plain = line("decode", folder, "--reports", "json", "--decoders", "2", "--size", "128")
    assert plain["decoded"] + plain["refused"] == len(files), plain
    assert plain["refused"] >= 2, plain
    assert (plain["size"], plain["decoders"], plain["display"]) == (128, 2, False), plain
    assert plain["worst"] <= plain["images_per_s"] <= plain["best"], plain
    assert plain["cpu_ms_per_image"] > 0, plain
    assert line("decode", folder)["display"] is True

    queue = line("queue", "--limit", "400")
    assert queue["jobs"] == 400 and queue["redis_bytes_per_image"] > 0, queue
    real = tmp / "a real spool"  # whose jobs nobody acknowledges without a result
    done = subprocess.run([str(BIN / "lentigo-worker"), "--spool", str(real), "--work", "nothing"], timeout=HANG_S,
                          env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 78 and "bench queue" in done.stderr, done

    assert "nowhere" in lentigo("bench", "decode", folder / "nowhere", check=78).stderr
    assert "a folder of images" in lentigo("bench", "decode", check=None).stderr

    whole = line("pipeline", clean, "--size", "64", "--reports", "json", "--slots", "3", "--decoders", "1",
                 "--precision", "f32")
    assert whole["precision"] == "f32" and whole["images"] == 4, whole
    assert lentigo("bench", "pipeline", clean, "--slots", "2000", check=None).returncode != 0
    assert lentigo("bench", "pipeline", clean, "--device", "cuda:99", "--rounds", "1",
                   check=None).returncode != 0
