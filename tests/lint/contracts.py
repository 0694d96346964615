#!/usr/bin/env python3
"""What a header promises its readers: contracts.py ROOT

The first comment begins with the file's name, the guard is FOLDER_FILE_H, no static data, no
function body over three lines (but for LENTIGO_HD functions, which a CUDA compiler can inline into a
kernel only out of a header), no typedef of a struct, no macro that jumps; `struct err *` is the
last parameter; who prints takes a format attribute; new/free, open/close stand together; whoever
hands out memory has a comment about it; every source, and every header that another folder includes,
is listed in its CMakeLists.txt, so that CMake's self-containment check sees it."""
import pathlib
import re
import sys

import source

PAIRS = {"_new": "_free", "_open": "_close"}
# A declaration of a function: starts in column 0, ends in ';'.
DECLARATION = re.compile(r"^(?!#|typedef|struct \w+;|extern|enum|return)"
                         r"([A-Za-z_][\w \*]*?[\s\*])(\w+)(\([^;{}]*\))[^;{}()]*;", re.M)


def check_comment_and_guard(src):
    found = []
    if not src.text.startswith(f"/* {src.path.name} -- "):
        found.append(f"{src.path}:1: first comment does not begin with '/* {src.path.name} -- '")
    guard = re.sub(r"\W", "_", str(src.path)).upper()
    lines = [x.strip() for x in src.code_lines if x.strip()]
    if lines[:2] != [f"#ifndef {guard}", f"#define {guard}"] or lines[-1] != "#endif":
        found.append(f"{src.path}:1: no guard {guard} around all of the header")
    return found


def check_data_and_bodies(src):
    found = []
    lines = src.code_lines
    for n, line in enumerate(lines, 1):
        if re.match(r"static\b(?!.*\()", line) or re.match(r"static\b[^(]*=", line):
            found.append(f"{src.path}:{n}: static data in a header")
        if re.match(r"typedef\s+(struct|union|enum)\b", line):
            found.append(f"{src.path}:{n}: typedef of a struct, union or enum")
    # Tests share set-up code in headers; there is no library to put it in.
    for name, _, first, last in src.functions() if src.folder != "tests" else ():
        body = next(i for i in range(first, last) if lines[i].startswith("{"))
        if last - body - 2 > 3 and not lines[first - 1].startswith("LENTIGO_HD "):
            found.append(f"{src.path}:{first}: the body of {name} is over three lines")
    if not src.path.name.endswith("_priv.h"):
        for m in re.finditer(r"^[ \t]*#[ \t]*define(?:[^\n]*\\\n)*[^\n]*", src.code, re.M):
            if re.search(r"\b(goto|return|longjmp)\b", m[0]):
                found.append(f"{src.path}:{line_of(src, m.start())}: a macro that jumps")
    return found


def line_of(src, offset):
    return src.code.count("\n", 0, offset) + 1


def has_comment(src, offset):
    """Is there a comment in the lines without a gap around the declaration?"""
    lines, n = src.lines, line_of(src, offset) - 1
    first = last = n
    while first > 0 and lines[first - 1].strip():
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].strip():
        last += 1
    return any("/*" in x or "*/" in x for x in lines[first:last + 1])


def hands_out(result, parameters):
    is_pointer = "*" in result and not re.match(r"(static inline )?const\b", result.strip())
    return is_pointer or any(re.match(r"(struct \w+|\w+_t|char|void) ?\*\*\w+$", p)
                             and not p.endswith("argv") for p in parameters)


def check_function(src, m):
    result, name, parameters = m[1], m[2], source.split_parameters(
        source.inside(" ".join(m[3].split()), 1))
    where = f"{src.path}:{line_of(src, m.start())}: {name}"
    found = []
    errs = [i for i, p in enumerate(parameters) if re.match(r"struct err \*\w*$", p)]
    is_variadic = parameters[-1:] == ["..."]
    if errs and errs[-1] != len(parameters) - 1 and not is_variadic:
        found.append(f"{where}: struct err * is the last parameter")
    if errs and result.split() == ["void"]:
        found.append(f"{where}: takes struct err * and returns nothing")
    if is_variadic and "format(printf" not in m[0]:
        found.append(f"{where}: no format attribute")
    if hands_out(result, parameters) and not has_comment(src, m.start()):
        found.append(f"{where}: hands out memory, and no comment says whose it is")
    if len(parameters) > 7:
        found.append(f"{where}: more than 7 parameters")
    return found


def check_pairs(src, functions):
    """Whoever hands out an opaque object says how it ends."""
    names = {name for name, _ in functions}
    return [f"{src.path}:1: {n} without {n[:-len(verb)] + other}"
            for n, parameters in functions for verb, other in PAIRS.items()
            if n.endswith(verb) and re.match(r"\(struct \w+ ?\*\*", parameters)
            and n[:-len(verb)] + other not in names]


def crossing(sources):
    """Headers that another folder includes, as paths; tests look into every folder."""
    return {m[1] for s in sources if s.folder != "tests"
            for m in re.finditer(r'#\s*include\s+"([^"]+)"', s.code_and_strings)
            if m[1].split("/")[0] != s.folder}


def check_listed(root, public):
    """Each source, and each header that leaves its folder, stands in the folder's CMakeLists.txt."""
    found = []
    for cmake in root.glob("*/CMakeLists.txt"):
        folder = cmake.parent
        if folder.name in source.NOT_OURS | {"tests"}:
            continue
        listed = cmake.read_text()
        for sub in folder.glob("*/CMakeLists.txt"):
            listed += re.sub(r"([\w/]+\.[ch])", sub.parent.name + r"/\1", sub.read_text())
        for p in source.paths(folder):
            rel = str(p.relative_to(folder))
            must = p.suffix != ".h" or str(p.relative_to(root)) in public
            if must and not re.search(rf"(?<![\w/]){re.escape(rel)}\b", listed):
                found.append(f"{p.relative_to(root)}:1: not listed in {cmake.relative_to(root)}")
    return found


def main(root):
    root = pathlib.Path(root).resolve()
    found, files = [], source.sources(root)
    for src in files:
        if src.path.suffix != ".h":
            continue
        found += check_comment_and_guard(src) + check_data_and_bodies(src)
        declared = list(DECLARATION.finditer(src.code))
        for m in declared:
            found += check_function(src, m)
        found += check_pairs(src, [(m[2], m[3]) for m in declared])
    source.finish(found + check_listed(root, crossing(files)))


main(sys.argv[1])
