#!/usr/bin/env python3
"""What does not get in: banned.py ROOT [compile_commands.json]

common/banned.h poisons unsafe calls, so the compiler is the check; here: that every file of ours is
compiled with it and that no file takes it back. Also: no mutable static without a comment that
gives the reason, no leftovers (the words below), no diagnostic switched off."""
import json
import pathlib
import re
import sys

import source

POISONED = {"strcpy", "strcat", "strncpy", "strncat", "sprintf", "vsprintf", "strtok", "atoi",
            "atol", "atof", "gets", "localtime", "gmtime", "ctime", "asctime", "system", "tmpnam",
            "mktemp", "rand", "srand"}
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")


def check_header(root):
    path = root / "common/banned.h"
    named = set(re.findall(r"\w+", " ".join(re.findall(r"#pragma GCC poison (.*)", path.read_text())))) \
        if path.exists() else set()
    return [f"common/banned.h:1: {name} is no longer banned" for name in sorted(POISONED - named)]


def check_commands(root, commands):
    found = []
    for entry in json.loads(pathlib.Path(commands).read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if not path.is_relative_to(root) or path.relative_to(root).parts[0] == "build":
            continue
        if not re.search(r"-include \S*common/banned\.h", entry["command"]):
            found.append(f"{path.relative_to(root)}:1: compiled without common/banned.h")
    return found


def is_mutable_static(line):
    """A `static` object that can change: no function, and const neither itself nor as a target."""
    m = re.match(r"\s*static\s+(?!inline|_Noreturn)([^=(\[;]*)([=\[;(])", line)
    if not m or m[2] == "(":
        return False
    declared = m[1]
    if "*" in declared:
        return not re.search(r"\*\s*const\b", declared)
    return not re.search(r"\bconst\b", declared)


def has_reason(src, n):
    """A comment at the line's end or right above, over a group of statics without a gap."""
    while n >= 0 and src.lines[n].strip():
        if "/*" in src.lines[n] or "*/" in src.lines[n] or "//" in src.lines[n]:
            return True
        if not re.match(r"\s*static\b", src.lines[n]):
            return False
        n -= 1
    return False


def check_source(src):
    found = []
    for n, (line, code) in enumerate(zip(src.lines, src.code_lines)):
        where = f"{src.path}:{n + 1}: "
        m = re.match(r"\s*#\s*undef\s+(\w+)", code)
        if m and not re.search(rf"#\s*define\s+{m[1]}\b", src.code):
            found.append(where + f"#undef {m[1]}, which this file does not define")
        if str(src.path) != "common/banned.h" and re.search(r"GCC\s+poison", code):
            found.append(where + "poison outside common/banned.h")
        if re.search(r"#\s*pragma\s+GCC\s+(diagnostic|system_header)|__STRICT_ANSI__", code):
            found.append(where + "switches a diagnostic off")
        if LEFTOVERS.search(line):
            found.append(where + f"left over: {LEFTOVERS.search(line)[0]}")
        if src.folder != "tests" and is_mutable_static(code) and not has_reason(src, n):
            found.append(where + "mutable static without a comment that gives the reason")
    return found


def main(root, commands=None):
    root = pathlib.Path(root).resolve()
    found = check_header(root) + [p for s in source.sources(root) for p in check_source(s)]
    if commands:
        found += check_commands(root, commands)
    source.finish(found)


main(*sys.argv[1:])
