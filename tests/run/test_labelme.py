"""Shapes through `dataset convert` against Pillow, which LabelMe draws with: test_labelme.py BIN [N].

Each shape is drawn on a picture stored in one of the eight EXIF orientations, over the picture as
displayed or as stored, and has to come out with an IoU of 0.999 of Pillow's own mask at least. Before
version 11 Pillow mends flat corners at the wrong edge, a pixel here and there, so small shapes and such
as cross themselves or have many spikes are left to a newer one (Debian 12 has 9.4)."""
import math
import random

from harness import *

try:
    import PIL
    from PIL import Image, ImageDraw, ImageOps
except ImportError:
    print("no Pillow (Debian: python3-pil): skipped")
    sys.exit(SKIP)

COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 64
TURNS = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}
IS_NEW = int(PIL.__version__.split(".")[0]) >= 11
KINDS, SIDE_LEAST = ((0, 1, 2, 3, 4), 40) if IS_NEW else ((0, 3, 4), 250)
chance = random.Random(20261126)


def star(w, h, n_max, low):
    """A polygon around a point; low < 1 makes it jagged; the vertices are no whole numbers. No more of
    them than pixels to a radius: nobody draws spikes that are thinner than a pixel."""
    cx, cy = chance.uniform(0.2, 0.8) * w, chance.uniform(0.2, 0.8) * h
    r = chance.uniform(0.2, 0.6) * min(w, h)
    n = chance.randrange(3, max(4, min(n_max, int(r))))
    angles = sorted(chance.uniform(0, 2 * math.pi) for _ in range(n))
    return [[cx + r * chance.uniform(low, 1) * math.cos(a), cy + r * chance.uniform(low, 1) * math.sin(a)]
            for a in angles]


def tangle(w, h, n):
    """Crosses itself, and leaves the picture."""
    return [[chance.uniform(-0.2, 1.2) * w, chance.uniform(-0.2, 1.2) * h] for _ in range(n)]


def make_shape(i, w, h):
    kind = KINDS[i // 8 % len(KINDS)]
    if kind == 0:
        return "polygon", star(w, h, 40, 0.8)
    if kind == 1:
        return "polygon", star(w, h, 60, 0.3)
    if kind == 2:
        return "polygon", tangle(w, h, chance.randrange(3, 12))
    a, b = [[chance.uniform(0, w), chance.uniform(0, h)] for _ in range(2)]
    return ("rectangle" if kind == 3 else "circle"), [a, b]


def pillow(w, h, kind, points):
    """As labelme.utils.shape_to_mask has it."""
    mask = Image.new("L", (w, h))
    draw = ImageDraw.Draw(mask)
    xy = [tuple(p) for p in points]
    if kind == "circle":
        (cx, cy), (px, py) = xy
        d = math.sqrt((cx - px) ** 2 + (cy - py) ** 2)
        draw.ellipse([cx - d, cy - d, cx + d, cy + d], outline=255, fill=255)
    elif kind == "rectangle":
        (ax, ay), (bx, by) = xy
        draw.rectangle([min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)], outline=255, fill=255)
    else:
        draw.polygon(xy=xy, outline=255, fill=255)
    return mask


def write_picture(path, upright, orientation):
    """Stored so that the tag turns it upright again."""
    stored = upright
    if TURNS[orientation] is not None:
        stored = upright.transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif, quality=90)
    with Image.open(path) as back:
        assert ImageOps.exif_transpose(back).size == upright.size
    return stored.size


def iou(a, b):
    a, b = a.tobytes(), b.tobytes()
    both = sum(x > 127 and y > 127 for x, y in zip(a, b))
    either = sum(x > 127 or y > 127 for x, y in zip(a, b))
    return both / either if either else 1.0


def make(folder, i, over_stored):
    orientation = i % 8 + 1
    w, h = chance.randrange(SIDE_LEAST, 700), chance.randrange(SIDE_LEAST, 700)
    upright = Image.effect_noise((w, h), 50).convert("RGB")
    name = f"s{i:03d}"
    stored = write_picture(folder / f"{name}.jpg", upright, orientation)
    size = stored if over_stored else (w, h)
    kind, points = make_shape(i, *size)
    truth = pillow(*size, kind, points)
    if not truth.getbbox():
        (folder / f"{name}.jpg").unlink()
        return None
    if over_stored:
        with Image.open(folder / f"{name}.jpg") as picture:
            truth.getexif()[0x0112] = picture.getexif()[0x0112]
        exif = Image.Exif()
        exif[0x0112] = orientation
        truth.save(folder / "turn.png", exif=exif)
        with Image.open(folder / "turn.png") as turned:
            truth = ImageOps.exif_transpose(turned).copy()
        (folder / "turn.png").unlink()
    shape = {"label": "MEL", "points": points, "shape_type": kind, "group_id": None, "flags": {}}
    (folder / f"{name}.json").write_text(json.dumps(
        {"version": "5.2.1", "flags": {}, "shapes": [shape], "imagePath": f"{name}.jpg", "imageData": None,
         "imageWidth": size[0], "imageHeight": size[1]}))
    return truth


def check(scratch, over_stored):
    folder = scratch / ("stored" if over_stored else "displayed")
    folder.mkdir()
    truths = {f"s{i:03d}": make(folder, i, over_stored) for i in range(COUNT)}
    truths = {k: v for k, v in truths.items() if v}
    out = scratch / f"set-{folder.name}"
    lentigo("dataset", "convert", folder, "-o", out, "--points", folder.name, check=0)
    assert len(rows(out / "labels.csv")) == len(truths)
    worst, same = 1.0, 0
    for name, truth in truths.items():
        with Image.open(out / "masks" / f"{name}.png") as mask:
            assert mask.mode == "L" and mask.size == truth.size, (name, mask.mode, mask.size, truth.size)
            got = iou(mask, truth)
            same += mask.tobytes() == truth.tobytes()
        worst = min(worst, got)
        assert got >= 0.999, f"{name}: IoU {got} (orientation {int(name[1:]) % 8 + 1})"
    print(f"Pillow {PIL.__version__}, {folder.name}: {len(truths)} shapes, least IoU {worst:.5f}, {same} equal in every pixel")


with Scratch() as scratch_folder:
    check(scratch_folder, False)
    check(scratch_folder, True)
print("test_labelme: 1 passed, 0 failed")
