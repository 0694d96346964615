"""Two kinds of plot as SVG text, with the standard library alone: grouped bars and a scatter."""
import math
from xml.sax.saxutils import escape

INK, GREY, PALE = "#1f2933", "#5f6b7a", "#e4e7eb"
COLOURS = {"lentigo": "#1a5fb4", "OpenVINO": "#e07b00", "ONNX Runtime": "#7f8c99",
           "PyTorch": "#9b59b6"}
MARKS = {"f32": "circle", "bf16": "square", "int8": "diamond"}


class Canvas:
    def __init__(self, w, h, title):
        self.w, self.h, self.title, self.parts = w, h, title, []
        self.add(f'<rect width="{w}" height="{h}" fill="#ffffff"/>')
        self.text(16, 24, title, size=15, weight="bold")

    def add(self, part):
        self.parts.append(part)

    def text(self, x, y, words, size=12, anchor="start", colour=INK, weight="normal", turn=0):
        turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
                 f'fill="{colour}" font-weight="{weight}"{turned}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour=PALE, width=1.0, dash=""):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                 f'stroke="{colour}" stroke-width="{width}"{dashed}/>')

    def bar(self, x, y, w, h, colour):
        self.add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{colour}"/>')

    def mark(self, x, y, kind, colour, r=5):
        shape = {"circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}"',
                 "square": f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}"',
                 "diamond": f'<path d="M{x:.1f} {y - r * 1.3:.1f}l{r * 1.3} {r * 1.3}'
                            f'l{-r * 1.3} {r * 1.3}l{-r * 1.3} {-r * 1.3}z"'}[kind]
        self.add(f'{shape} fill="{colour}" stroke="#ffffff" stroke-width="1"/>')

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.w} {self.h}" '
                f'width="{self.w}" height="{self.h}" font-family="sans-serif" role="img">'
                f"<title>{escape(self.title)}</title>\n" + "\n".join(self.parts) + "\n</svg>\n")


def ticks(low, high, about=5):
    """Round values from at most `low` to at least `high`."""
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9) / about))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= about)
    first = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - first
    return [round((first + i) * step, 10) for i in range(count + 1)]


def legend(canvas, x, y, entries):
    """`entries`: (words, draw) where draw(x, y) makes the sign."""
    for words, draw in entries:
        draw(x, y - 4)
        canvas.text(x + 22, y, words, colour=GREY)
        x += 38 + 7.4 * len(words)


# ---- grouped bars ------------------------------------------------------------------------------

BAR, GAP, PANEL_TOP, PANEL_HEIGHT = 34, 26, 92, 250


def panel(canvas, x, groups, high, heading):
    """One set of bars from `x`; returns where it ends."""
    marks = ticks(0, high)
    bottom = PANEL_TOP + PANEL_HEIGHT
    scale = PANEL_HEIGHT / marks[-1]
    wide = sum(GAP + BAR * len(group["bars"]) for group in groups) + GAP
    canvas.text(x, PANEL_TOP - 16, heading, size=13, weight="bold")
    for value in marks:
        canvas.line(x, bottom - value * scale, x + wide, bottom - value * scale)
        canvas.text(x - 8, bottom - value * scale + 4, f"{value:g}", 11, "end", GREY)
    at = x + GAP
    for group in groups:
        width = BAR * len(group["bars"])
        for i, (who, value) in enumerate(group["bars"]):
            canvas.bar(at + BAR * i + 2, bottom - value * scale, BAR - 4, value * scale,
                       COLOURS[who])
            canvas.text(at + BAR * (i + .5), bottom - value * scale - 5, f"{value:.1f}", 10,
                        "middle")
        for value, dash in group["lines"]:
            canvas.line(at - 6, bottom - value * scale, at + width + 6, bottom - value * scale,
                        INK, 2, dash)
        canvas.text(at + width / 2, bottom + 18, group["name"], 12, "middle")
        at += width + GAP
    canvas.line(x, bottom, x + wide, bottom, GREY)
    return x + wide


def bars(title, unit, panels, line_names):
    """`panels`: (heading, groups); a group has name, bars [(who, value)], lines [(value, dash)].
    `line_names`: (dash, words) for the legend."""
    count = sum(len(g["bars"]) for _, groups in panels for g in groups)
    gaps = sum(len(groups) + 1 for _, groups in panels)
    canvas = Canvas(max(60 + BAR * count + GAP * gaps + 50 * len(panels), 900), 400, title)
    present = [w for w in COLOURS
               if any(w == who for _, gs in panels for g in gs for who, _ in g["bars"])]
    signs = [(who, lambda x, y, c=COLOURS[who]: canvas.bar(x, y - 6, 14, 12, c)) for who in present]
    signs += [(words, lambda x, y, d=dash: canvas.line(x, y, x + 16, y, INK, 2, d))
              for dash, words in line_names]
    legend(canvas, 16, 50, signs)
    canvas.text(18, PANEL_TOP + PANEL_HEIGHT / 2, unit, 12, "middle", GREY, turn=-90)
    x = 60
    for heading, groups in panels:
        high = max(v for g in groups for v in [b[1] for b in g["bars"]] + [l[0] for l in g["lines"]])
        x = panel(canvas, x, groups, high * 1.05, heading) + 50
    return canvas.svg()


# ---- scatter -----------------------------------------------------------------------------------

LEFT, TOP, WIDE, HIGH = 70, 76, 620, 320


def scatter(title, x_name, y_name, points):
    """`points`: who, kind (of MARKS), label, x, y. Points of one who and kind are joined."""
    xs = ticks(0, max(p["x"] for p in points) * 1.05, 6)
    ys = ticks(0, max(p["y"] for p in points) * 1.1, 6)
    canvas = Canvas(LEFT + WIDE + 40, TOP + HIGH + 60, title)

    def place(p):
        return LEFT + p["x"] / xs[-1] * WIDE, TOP + HIGH - p["y"] / ys[-1] * HIGH
    for value in xs:
        x = LEFT + value / xs[-1] * WIDE
        canvas.line(x, TOP, x, TOP + HIGH)
        canvas.text(x, TOP + HIGH + 18, f"{value:g}", 11, "middle", GREY)
    for value in ys:
        y = TOP + HIGH - value / ys[-1] * HIGH
        canvas.line(LEFT, y, LEFT + WIDE, y)
        canvas.text(LEFT - 8, y + 4, f"{value:g}", 11, "end", GREY)
    canvas.text(LEFT + WIDE / 2, TOP + HIGH + 42, x_name, 12, "middle", GREY)
    canvas.text(20, TOP + HIGH / 2, y_name, 12, "middle", GREY, turn=-90)
    groups = {}
    for p in points:
        groups.setdefault((p["who"], p["kind"]), []).append(p)
    for (who, _), group in groups.items():
        group.sort(key=lambda p: p["x"])
        for a, b in zip(group, group[1:]):
            canvas.line(*place(a), *place(b), COLOURS[who], 1.5)
    for p in points:
        x, y = place(p)
        canvas.mark(x, y, MARKS[p["kind"]], COLOURS[p["who"]])
        if p["who"] == "lentigo":
            canvas.text(x + 8, y - 6, p["label"], 10, colour=COLOURS[p["who"]])
        else:
            canvas.text(x - 8, y + 14, p["label"], 10, "end", COLOURS[p["who"]])
    legend(canvas, 16, 50, [
        (f"{who} {kind}", lambda x, y, w=who, k=kind: canvas.mark(x + 7, y, MARKS[k], COLOURS[w]))
        for who, kind in groups])
    return canvas.svg()
