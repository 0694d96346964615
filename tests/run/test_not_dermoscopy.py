"""What a clinic sends by mistake: pages, blank and test pictures, scenes, a portrait. None of them is a
look at skin through a dermatoscope, so (nearly) each must be asked for again.

The pictures are drawn by ImageMagick from fixed seeds; nothing in lesion/ was set with their help.
"""
import random
import textwrap

from harness import *

WANTED = 38
WORDS = ("the patient was seen today with a lesion of left shoulder first noticed in spring no "
         "change since then dose given review after six weeks referral letter follows and thank "
         "you for your kind attention to this case history family none allergy not known").split()
SANS, BOLD, MONO = "DejaVu-Sans", "DejaVu-Sans-Bold", "DejaVu-Sans-Mono"


def prose(n, seed):
    pick = random.Random(seed)
    return " ".join(pick.choice(WORDS) for _ in range(n)).capitalize() + "."


def canvas(w, h, colour):
    return ["-size", f"{w}x{h}", f"xc:{colour}"]


def draw(*shapes):
    """Shapes are ("fill", what): what in ImageMagick's words."""
    return [x for fill, what in shapes for x in ("-fill", fill, "-draw", what)]


def line(colour, width, *whats):
    args = ["-fill", "none", "-stroke", colour, "-strokewidth", str(width)]
    return args + [x for what in whats for x in ("-draw", what)] + ["-stroke", "none"]


def text(x, y, what, size, colour="black", font=SANS):
    return ["-font", font, "-pointsize", str(size), "-fill", colour, "-annotate", f"+{x}+{y}", what]


def block(x, y, w, what, size, colour="black"):
    """A paragraph, about w wide."""
    return text(x, y + size, textwrap.fill(what, int(w / size / 0.56)), size, colour)


def camera(seed, blur=0.7, noise=0.15):
    """Drawn edges as a lens and a sensor would give them."""
    return ["-blur", f"0x{blur}", "-seed", str(seed), "-attenuate", str(noise), "+noise", "Gaussian"]


def grid(w, h, step):
    return ([f"line {x},0 {x},{h}" for x in range(0, w, step)]
            + [f"line 0,{y} {w},{y}" for y in range(0, h, step)])


# ---------------------------------------------------------------- pages

def letter():
    return [*canvas(1200, 1600, "white"), *text(100, 150, "Dr. A. Example, Dermatology", 40, font=BOLD),
            *block(100, 260, 1000, prose(180, 1), 26), *block(100, 1000, 1000, prose(90, 2), 26),
            *text(100, 1480, "Yours sincerely", 26)]


def columns():
    return [*canvas(1600, 1200, "#f6f6f2"), *text(80, 110, "Journal of Nothing in Particular", 48),
            *block(80, 170, 450, prose(190, 3), 19), *block(575, 170, 450, prose(190, 4), 19),
            *block(1070, 170, 450, prose(190, 5), 19), *camera(5)]


def yellow_note():
    return [*canvas(640, 480, "#f4e27a"), *block(40, 60, 560, prose(24, 6), 30, "#2a2a60"), *camera(6)]


def table():
    pick = random.Random(7)
    cells = [x for row in range(14) for col in range(6)
             for x in text(30 + col * 160, 38 + row * 49, f"{pick.uniform(0, 500):.1f}", 20, font=MONO)]
    frame = ([f"line {x},10 {x},696" for x in range(20, 981, 160)]
             + [f"line 20,{y} 980,{y}" for y in range(10, 700, 49)])
    return [*canvas(1000, 700, "white"), *line("black", 1, *frame), *cells]


def handwriting():
    pick, strokes = random.Random(8), []
    for y in range(90, 1150, 70):
        x = 70
        while x < pick.randint(650, 830):
            points = " ".join(f"{x + 9 * i},{y + pick.randint(-24, 14)}" for i in range(pick.randint(4, 13)))
            strokes.append(f"bezier {points}")
            x += 9 * points.count(" ") + pick.randint(18, 34)
    return [*canvas(900, 1200, "#f3ead3"), *line("#1c2f7a", 3, *strokes), *camera(8, 0.9)]


def slide():
    return [*canvas(1024, 768, "#0d1f44"), *text(80, 130, "Results at six months", 52, "#ffd24a", BOLD),
            *block(100, 220, 820, prose(40, 9), 34, "#e8eefc")]


def receipt():
    pick = random.Random(10)
    rows_ = "\n".join(f"{pick.choice(WORDS):<12}{pick.uniform(1, 90):>8.2f}" for _ in range(26))
    return [*canvas(420, 900, "#eceae6"), *text(50, 60, rows_, 21, "#3b3b3b", MONO), *camera(10, 1.0, 0.3)]


# ---------------------------------------------------------------- nothing at all

def plain(w, h, colour):
    return canvas(w, h, colour)


def covered_lens():
    return [*canvas(1280, 960, "#3a0f08"), *camera(11, 0.5, 0.4)]


def linear_skin():
    return ["-size", "1200x900", "gradient:#f0cdb4-#a86c4f"]


def radial_skin():
    return ["-size", "640x480", "radial-gradient:#5a2f1c-#e3b79c"]


def conic():
    return ["-size", "500x500", "gradient:#e02020-#2040e0", "-rotate", "90", "-virtual-pixel", "edge",
            "-distort", "Polar", "0"]


def rainbow():
    return [*canvas(900, 300, "red"), "-sparse-color", "Barycentric", "0,0 red 450,300 lime 899,0 blue"]


def noise(seed, w, h, *more):
    return [*canvas(w, h, "gray50"), "-colorspace", "sRGB", "-type", "TrueColor", "-seed", str(seed),
            "+noise", "Random", *more]


def plasma(seed, w, h, *more):
    return ["-seed", str(seed), "-size", f"{w}x{h}", "plasma:fractal", *more]


def bricks():
    pick, shapes = random.Random(12), []
    for row in range(15):
        for col in range(-1, 12):
            x, y = col * 80 + row % 2 * 40, row * 42
            red = pick.randint(120, 185)
            shapes.append((f"rgb({red},{red // 2},{red // 3})", f"rectangle {x},{y} {x + 74},{y + 36}"))
    return [*canvas(900, 630, "#b9b2a6"), *draw(*shapes), *camera(12, 0.8, 0.4)]


def chess():
    return ["-size", "600x600", "tile:pattern:checkerboard", "-scale", "300%", "-crop", "600x600+0+0", "+repage"]


# ---------------------------------------------------------------- scenes

def hills():
    return ["-size", "1200x800", "gradient:#6fa8dc-#e6f1fb",
            *draw(("#7d9a6a", "path 'M 0,520 C 300,330 520,560 760,420 S 1100,380 1200,470 L 1200,800 0,800 Z'"),
                  ("#4f7a3a", "path 'M 0,640 C 260,520 560,700 820,590 S 1120,560 1200,620 L 1200,800 0,800 Z'"),
                  ("#fff3c4", "circle 950,160 950,210"), ("#5b3a22", "rectangle 286,480 310,610"),
                  ("#2f5a26", "circle 298,440 298,360")), *camera(20)]


def sunset():
    return ["-size", "1024x768", "gradient:#2b2a5a-#f7a94b",
            *draw(("#ffe08a", "circle 512,470 512,400"), ("#1d3050", "rectangle 0,500 1024,768"),
                  ("#c98a4a", "polygon 470,500 554,500 640,768 390,768")), *camera(21, 1.2)]


def beach():
    return ["-size", "800x600", "gradient:#58b0e8-#bfe4f7",
            *draw(("#2a86b8", "rectangle 0,260 800,380"),
                  ("#e3c893", "path 'M 0,380 C 250,350 500,420 800,370 L 800,600 0,600 Z'"),
                  ("#d8343c", "path 'M 500,330 A 110,90 0 0,1 720,330 Z'"), ("#7a5a3a", "rectangle 607,330 612,470")),
            *camera(22)]


def face(w, h, wall, skin, shade, hair, shirt, eyes, seed):
    cx, cy = w // 2, h * 9 // 20
    rx, ry = w // 5, h // 4
    return [*canvas(w, h, wall),
            *draw((shirt, f"ellipse {cx},{h} {w * 2 // 5},{h // 4} 0,360"),
                  (hair, f"ellipse {cx},{cy - ry // 4} {rx * 6 // 5},{ry * 6 // 5} 0,360"),
                  (skin, f"rectangle {cx - rx // 2},{cy + ry // 2} {cx + rx // 2},{cy + ry * 3 // 2}"),
                  (skin, f"ellipse {cx},{cy} {rx},{ry} 0,360"),
                  (hair, f"ellipse {cx},{cy - ry} {rx},{ry // 3} 0,360"),
                  ("white", f"ellipse {cx - rx * 2 // 5},{cy - ry // 6} {rx // 5},{ry // 11} 0,360"),
                  ("white", f"ellipse {cx + rx * 2 // 5},{cy - ry // 6} {rx // 5},{ry // 11} 0,360"),
                  (eyes, f"circle {cx - rx * 2 // 5},{cy - ry // 6} {cx - rx * 2 // 5},{cy - ry // 12}"),
                  (eyes, f"circle {cx + rx * 2 // 5},{cy - ry // 6} {cx + rx * 2 // 5},{cy - ry // 12}"),
                  (shade, f"polygon {cx},{cy - ry // 8} {cx - rx // 6},{cy + ry // 4} {cx + rx // 6},{cy + ry // 4}"),
                  ("#a8433f", f"ellipse {cx},{cy + ry // 2} {rx // 3},{ry // 14} 0,360")),
            *camera(seed, 1.5, 0.2)]


def room():
    return [*canvas(1280, 960, "#d9d2c3"),
            *draw(("#8a6a48", "polygon 0,700 1280,640 1280,960 0,960"), ("#a8cbe0", "rectangle 120,140 460,480"),
                  ("#f4f4f0", "rectangle 282,140 298,480"), ("#5a6f8c", "roundrectangle 620,480 1160,760 30,30"),
                  ("#4a5d78", "roundrectangle 600,600 1180,800 30,30"), ("#e8c060", "polygon 520,260 600,260 630,350 490,350"),
                  ("#403020", "rectangle 556,350 564,700")), *camera(25, 1.0)]


def building():
    windows = [("#3d5166" if (x + y) % 3 else "#f0d890", f"rectangle {x},{y} {x + 34},{y + 50}")
               for x in range(190, 600, 60) for y in range(130, 760, 80)]
    return ["-size", "800x1000", "gradient:#7fb2e0-#dfeaf2",
            *draw(("#a39a90", "rectangle 160,90 640,900"), *windows, ("#5e5e5e", "rectangle 0,900 800,1000")),
            *camera(26)]


def car():
    return [*canvas(1000, 667, "#bcd3e3"),
            *draw(("#6a6a6c", "rectangle 0,430 1000,667"), ("#b3202a", "roundrectangle 160,320 850,470 40,40"),
                  ("#b3202a", "polygon 300,330 380,230 640,230 740,330"), ("#cfe6f2", "polygon 325,325 392,248 500,248 500,325"),
                  ("#cfe6f2", "polygon 515,325 515,248 630,248 708,325"), ("#1a1a1a", "circle 310,470 310,405"),
                  ("#1a1a1a", "circle 700,470 700,405"), ("#b8b8b8", "circle 310,470 310,440"),
                  ("#b8b8b8", "circle 700,470 700,440"), ("#ffe9a0", "ellipse 838,370 14,18 0,360")), *camera(27)]


def flowers():
    pick, shapes = random.Random(28), []
    for _ in range(26):
        x, y, r = pick.randint(40, 760), pick.randint(60, 540), pick.randint(14, 34)
        colour = pick.choice(("#e84a7a", "#f2c230", "#8a4ad0", "#f4f0ee", "#e86a2a"))
        for dx, dy in ((r, 0), (-r, 0), (0, r), (0, -r)):
            shapes.append((colour, f"circle {x + dx},{y + dy} {x + dx},{y + dy + r * 3 // 4}"))
        shapes.append(("#6a4a10", f"circle {x},{y} {x},{y + r // 2}"))
    return [*canvas(800, 600, "#3f7a34"), *draw(*shapes), *camera(28, 1.0, 0.4)]


def wood_and_coin():
    grain = [f"bezier 0,{y} 400,{y + y * 7 % 23} 800,{y - y * 5 % 31} 1200,{y + 6}" for y in range(5, 900, 11)]
    return [*canvas(1200, 900, "#b98a58"), *line("#9a6c3e", 3, *grain),
            *draw(("#c8c4ba", "circle 620,440 620,300"), ("#aaa69c", "circle 620,440 620,330"),
                  ("#c8c4ba", "circle 620,440 620,338")),
            *text(560, 490, "50", 110, "#8d897f", BOLD), *camera(29, 1.0, 0.3)]


def radiograph():
    bones = []
    for i, top in enumerate((300, 190, 150, 200, 420)):
        x = 190 + i * 95
        bones += [f"roundrectangle {x},{top + k * 130} {x + 42},{top + k * 130 + 112} 18,18" for k in range(4)]
    return [*canvas(760, 1000, "#0a0a0c"),
            *draw(("#3c3c40", "roundrectangle 150,130 640,960 120,120"), *(("#c8c8cc", b) for b in bones)),
            *camera(30, 4, 0.3)]


def monitor_trace():
    points, y0 = [], 300
    for beat in range(6):
        x = 40 + beat * 150
        points += [f"{x},{y0}", f"{x + 30},{y0 - 22}", f"{x + 50},{y0}", f"{x + 62},{y0 + 18}",
                   f"{x + 72},{y0 - 170}", f"{x + 84},{y0 + 45}", f"{x + 94},{y0}", f"{x + 122},{y0 - 36}"]
    return [*canvas(1000, 600, "#fdeeee"), *line("#f4c4c4", 1, *grid(1000, 600, 10)),
            *line("#e88a8a", 1, *grid(1000, 600, 50)), *line("#202020", 2, "polyline " + " ".join(points))]


# ---------------------------------------------------------------- made by computers

def bars():
    pick = random.Random(31)
    shapes = [(c, f"rectangle {110 + i * 110},{520 - pick.randint(60, 430)} {180 + i * 110},520")
              for i, c in enumerate(("#4472c4", "#ed7d31", "#a5a5a5", "#ffc000", "#5b9bd5", "#70ad47"))]
    return [*canvas(800, 600, "white"), *line("#d0d0d0", 1, *(f"line 80,{y} 770,{y}" for y in range(100, 520, 70))),
            *draw(*shapes), *line("black", 2, "line 80,520 770,520", "line 80,60 80,520"),
            *text(250, 45, "Visits by quarter", 28)]


def curves():
    pick, lines_ = random.Random(32), []
    for colour in ("#d62728", "#1f77b4", "#2ca02c"):
        y, points = 350, []
        for x in range(90, 1150, 12):
            y = min(max(y + pick.randint(-26, 26), 80), 600)
            points.append(f"{x},{y}")
        lines_ += line(colour, 3, "polyline " + " ".join(points))
    return [*canvas(1200, 700, "white"), *line("#e0e0e0", 1, *grid(1200, 700, 80)), *lines_,
            *text(90, 50, "mg/l", 24)]


def screenshot():
    rows_ = [x for i in range(12) for x in text(300, 190 + i * 44, prose(9, 40 + i), 17, "#333333")]
    return [*canvas(1366, 768, "#ffffff"),
            *draw(("#2b579a", "rectangle 0,0 1366,56"), ("#eef1f5", "rectangle 0,56 250,768"),
                  ("#c9dbf2", "rectangle 0,140 250,184"), ("#2b9a5a", "roundrectangle 1180,84 1330,124 6,6")),
            *text(24, 37, "Inbox  Calendar  Patients", 20, "white"), *rows_,
            *[x for i in range(8) for x in text(30, 120 + i * 52, WORDS[i * 3], 17, "#445566")]]


def barcode():
    pick, x, shapes = random.Random(33), 40, []
    while x < 560:
        w = pick.choice((2, 2, 4, 6))
        shapes.append(("black", f"rectangle {x},30 {x + w - 1},220"))
        x += w + pick.choice((2, 4, 6))
    return [*canvas(600, 280, "white"), *draw(*shapes), *text(150, 260, "4 006381 333931", 30, font=MONO)]


PICTURES = {
    "letter.png": letter(), "columns.jpg": columns(), "yellow_note.jpg": yellow_note(),
    "table.png": table(), "handwriting.jpg": handwriting(),
    "slide.png": slide(), "receipt.jpg": receipt(),
    "white.png": plain(800, 600, "white"), "black.png": plain(640, 480, "black"),
    "grey.jpg": plain(1600, 1200, "#808080"), "cream.jpg": plain(200, 150, "#f5ecd7"),
    "skin_colour.jpg": plain(600, 450, "#d9a78b"), "covered_lens.jpg": covered_lens(),
    "linear_skin.jpg": linear_skin(), "radial_skin.jpg": radial_skin(),
    "conic.png": conic(), "rainbow.png": rainbow(),
    "noise_colour.png": noise(13, 400, 300),
    "noise_grey.jpg": noise(14, 1024, 768, "-colorspace", "Gray"),
    "noise_soft.jpg": noise(15, 800, 600, "-blur", "0x6", "-normalize"),
    "plasma.jpg": plasma(16, 640, 480),
    "plasma_skin.jpg": plasma(17, 800, 600, "-colorspace", "Gray", "-normalize", "-colorspace", "sRGB",
                              "+level-colors", "#8a5138,#f0cdb4"),
    "bricks.jpg": bricks(), "chess.png": chess(),
    "hills.jpg": hills(), "sunset.jpg": sunset(), "beach.jpg": beach(),
    "face.jpg": face(900, 1200, "#8fa7b5", "#e0b394", "#c9977a", "#3a2616", "#3c5a86", "#3b6a8a", 23),
    "face_dark.jpg": face(480, 640, "#e6e0d6", "#7a4a30", "#683c26", "#14100e", "#d8d8d8", "#20140c", 24),
    "room.jpg": room(), "building.jpg": building(), "car.jpg": car(), "flowers.jpg": flowers(),
    "wood_and_coin.jpg": wood_and_coin(), "radiograph.png": radiograph(),
    "monitor_trace.png": monitor_trace(),
    "bars.png": bars(), "curves.png": curves(), "screenshot.png": screenshot(),
    "barcode.png": barcode(),
}


def draw_all(folder):
    for name, args in PICTURES.items():
        subprocess.run(["convert", *args, "-quality", "90", str(folder / name)], check=True, timeout=HANG_S)


if not shutil.which("convert"):
    print("no ImageMagick: skipped")
    sys.exit(SKIP)
assert len(PICTURES) == 40
with Scratch() as tmp:
    draw_all(tmp)
    done = lentigo("predict", *(tmp / name for name in PICTURES), check=0)
    got = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert sorted(g["file"] for g in got) == sorted(PICTURES), done.stderr
    missed = [g for g in got if g["risk"] != "retake"]
    for g in missed:
        print(f"{g['file']}: {g['risk']}, {g['quality']}")
    print(f"{len(got) - len(missed)} of {len(got)} to be taken again")
    assert len(got) - len(missed) >= WANTED
