"""A labelled set drawn here, small enough to train on in a second."""
import random
import struct
import zlib

SIDE = 64


def write_png(path, side, pixels, channels):
    """8-bit grey (1 channel) or RGB (3)."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows_ = b"".join(b"\0" + pixels[y * side * channels:(y + 1) * side * channels]
                     for y in range(side))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" +
                     chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2 if channels == 3 else 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows_)) + chunk(b"IEND", b""))


def draw(seed):
    """Skin with a dark ellipse on it: picture and mask."""
    chance = random.Random(seed)
    a, b = chance.uniform(17, 25), chance.uniform(15, 22)
    x0, y0 = chance.uniform(28, 36), chance.uniform(28, 36)
    brown = 30 if seed % 2 else 80
    rgb, mask = bytearray(), bytearray()
    for y in range(SIDE):
        for x in range(SIDE):
            inside = ((x - x0) / a) ** 2 + ((y - y0) / b) ** 2 < 1
            noise = chance.randrange(-12, 12)
            base = (brown + 40, brown + 10, brown) if inside else (225, 180, 160)
            rgb += bytes(v + noise for v in base)
            mask.append(255 if inside else 0)
    return bytes(rgb), bytes(mask)


def make_set(path, n):
    """n pictures to learn from, and the same n again to look at: whoever learnt them by heart gets
    them right. Every second one is darker, and called a melanoma."""
    (path / "images").mkdir(parents=True)
    (path / "masks").mkdir()
    lines = ["id,dx,split"]
    for i in range(n):
        rgb, mask = draw(i)
        for split in ("train", "val"):
            write_png(path / "images" / f"{split}{i}.png", SIDE, rgb, 3)
            write_png(path / "masks" / f"{split}{i}.png", SIDE, mask, 1)
            lines.append(f"{split}{i},{'MEL' if i % 2 else 'NV'},{split}")
    (path / "labels.csv").write_text("\n".join(lines) + "\n")
    return path
