#!/usr/bin/env python3
"""The three laws of the layout: floors.py ROOT

1. A library sees only `common`; programs see libraries and never each other.
2. Each foreign header, and each foreign library in a CMakeLists.txt, has one home.
3. x_priv.h never leaves its folder.

Tests may see every library, but a program, a private header or a foreign header only in the mirror
of its folder."""
import pathlib
import re
import sys

import source

LIBRARIES = {"common", "engine", "preprocess", "lesion", "dataset", "queue"}
PROGRAMS = {"worker", "scheduler", "reports", "tui", "cli", "train", "remote"}
TEST_FOLDERS = {"tests", "lint", "run", "fuzz", "torture", "gpu", "chaos", "emulate"}
# What an include line starts with, and the folders it may stand in.
HEADER_HOMES = {
    "vips/": {"preprocess"}, "turbojpeg.h": {"preprocess"}, "jpeglib.h": {"preprocess"},
    "png.h": {"preprocess"}, "zlib.h": {"preprocess", "engine"}, "seccomp.h": {"preprocess"},
    "linux/seccomp.h": {"preprocess"}, "linux/filter.h": {"preprocess"},
    "hiredis": {"queue"},
    "curses": {"tui"}, "ncurses": {"tui"}, "panel.h": {"tui"}, "term.h": {"tui"},
    "cuda": {"engine/cudnn"}, "cublas": {"engine/cudnn"}, "cudnn": {"engine/cudnn"},
    "nvrtc": {"engine/cudnn"},
    "dnnl": {"engine/onednn"}, "oneapi/": {"engine/onednn"},
    "cairo": {"reports"}, "pango": {"reports"}, "fontconfig": {"reports"}, "glib": {"reports"},
    "microhttpd": {"remote"}, "curl/": {"remote"},
    "jansson": {"common"}, "nettle": {"common"},
    "uv.h": {"scheduler", "worker"}, "uv/": {"scheduler", "worker"},
}
# The same for the imported targets of CMake.
TARGET_HOMES = {
    "PkgConfig::VIPS": {"preprocess"}, "PkgConfig::TURBOJPEG": {"preprocess"},
    "PkgConfig::PNG": {"preprocess"}, "PkgConfig::ZLIB": {"preprocess"},
    "PkgConfig::SECCOMP": {"preprocess"},
    "PkgConfig::HIREDIS": {"queue"}, "PkgConfig::CURSES": {"tui"}, "DNNL_LIBRARY": {"engine"},
    "CUDA::": {"engine"}, "PkgConfig::CAIRO": {"reports"}, "PkgConfig::MICROHTTPD": {"remote"},
    "PkgConfig::CURL": {"remote"},
    "PkgConfig::JANSSON": {"common"}, "PkgConfig::NETTLE": {"common"},
    "PkgConfig::UV": {"scheduler", "worker"},
}


def may_see(folder):
    if folder in PROGRAMS:
        return LIBRARIES | {folder}
    return {"common", folder}


def place(path):
    """(folder whose laws hold, is it a test): tests/engine/test_plan.c lives by engine's."""
    parts = path.parts
    if parts[0] != "tests":
        return parts[0], False
    return (parts[1] if len(parts) > 2 else "tests"), True


def check_own(src, line, header):
    folder, is_test = place(src.path)
    there = header.split("/")[0]
    where = f"{src.path}:{line}: "
    if is_test and "/" not in header: # a test's own set-up, beside it
        return []
    if header.startswith(".") or "/" not in header:
        return [where + f'"{header}": include paths start at the root']
    if is_test and there == "tests":
        return []
    allowed = LIBRARIES | {folder} if is_test else may_see(folder)
    if there not in allowed:
        return [where + f"{folder} may not see {header}"]
    if header.endswith("_priv.h") and there != folder:
        return [where + f"{header} is private to {there}"]
    return []


def is_home(path, homes, is_test):
    if is_test:
        return place(path)[0] in {h.split("/")[0] for h in homes}
    return any(str(path).startswith(h + "/") for h in homes)


def check_foreign(src, line, header):
    is_test = place(src.path)[1]
    return [f"{src.path}:{line}: <{header}> belongs in {' and '.join(sorted(homes))} only"
            for start, homes in HEADER_HOMES.items()
            if header.startswith(start) and not is_home(src.path, homes, is_test)]


def check_source(src):
    if place(src.path)[0] not in LIBRARIES | PROGRAMS | TEST_FOLDERS:
        return [f"{src.path}:1: folder {src.folder} is not in the table of floors.py"]
    found = []
    for n, line in enumerate(src.code_and_strings.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if m:
            # One library's header in quotes is still a foreign one.
            is_ours = m[1] == '"' and not check_foreign(src, n, m[2])
            found += check_own(src, n, m[2]) if is_ours else check_foreign(src, n, m[2])
    return found


def check_cmake(root, path):
    rel = path.relative_to(root)
    folder, is_test = place(rel)
    if folder not in LIBRARIES | PROGRAMS:
        return []
    text = re.sub(r"#[^\n]*", "", path.read_text())
    found = [f"{rel}: {target} belongs in {' and '.join(sorted(homes))} only"
             for target, homes in TARGET_HOMES.items()
             if target in text and not is_home(rel, homes, is_test)]
    for body in re.findall(r"add_(?:folder|program)\(([^)]*)\)", text):
        sees = re.search(r"\bSEES\b((?:\s+(?!LINKS|SOURCES|HEADERS|MAIN)\w+)*)", body)
        for seen in (sees[1].split() if sees else []):
            if seen not in may_see(folder):
                found.append(f"{rel}: {folder} may not see {seen}")
    if re.search(r"\bGLOB", text):
        found.append(f"{rel}: sources are listed, never globbed")
    return found


def main(root):
    root = pathlib.Path(root).resolve()
    found = [p for s in source.sources(root) for p in check_source(s)]
    for path in source.paths(root, name="CMakeLists.txt"):
        found += check_cmake(root, path)
    source.finish(found)


main(sys.argv[1])
