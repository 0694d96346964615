"""What every lint shares: which files there are, and their text without comments and strings.

The scripts know the house's formatting (clang-format is a test of its own): a function's braces
stand in column 0, each on a line of its own."""
import os
import pathlib
import re
import sys

SUFFIXES = {".c", ".h", ".cu", ".cuh"}
NOT_OURS = {"build", "out", ".git", "shared"}
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match, keep_strings):
    text = match[0]
    if text[0] == "/":
        return re.sub(r"[^\n]", " ", text)
    return text if keep_strings else text[0] + " " * (len(text) - 2) + text[0]


class Source:
    def __init__(self, root, path):
        self.path = path.relative_to(root)  # "engine/onednn/conv.c"
        self.folder = self.path.parts[0]
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.splitlines()
        # Both keep every line where it was.
        self.code = TOKEN.sub(lambda m: blank(m, False), self.text)
        self.code_and_strings = TOKEN.sub(lambda m: blank(m, True), self.text)
        self.code_lines = self.code.splitlines()

    def functions(self):
        """(name, parameters as text, first line, last line) of each body; lines count from 1."""
        for start, line in enumerate(self.code_lines):
            if line.rstrip() != "{":
                continue
            head = start
            while head > 0 and re.fullmatch(r"[^#;{}]*[^#;{}\s][^#;{}]*", self.code_lines[head - 1]):
                head -= 1
            end = next((i for i in range(start, len(self.code_lines))
                        if self.code_lines[i].startswith("}")), len(self.code_lines) - 1)
            signature = " ".join(self.code_lines[head:start])
            m = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature))
            if m:
                yield m[1], inside(signature, signature.index(m[0]) + len(m[0])), head + 1, end + 1


def inside(text, start):
    """`text` from `start` to the bracket that closes the one before it."""
    depth = 1
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[start:i]
    return text[start:]


def split_parameters(text):
    parts, depth = [""], 0
    for c in text:
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts if p.strip() not in ("", "void")]


def paths(root, suffixes=SUFFIXES, name=None):
    for top, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in NOT_OURS and not f.startswith("."))
        for f in sorted(files):
            if f == name or (name is None and pathlib.Path(f).suffix in suffixes):
                yield pathlib.Path(top) / f


def sources(root):
    root = pathlib.Path(root).resolve()
    return [Source(root, p) for p in paths(root)]


def finish(found):
    """Print what was found as file:line: text and exit 1, or exit 0."""
    print("\n".join(found))
    sys.exit(bool(found))
