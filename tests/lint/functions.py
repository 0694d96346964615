#!/usr/bin/env python3
"""Sizes that a reader can hold in the head: functions.py ROOT

A function: 60 lines from its signature to its last brace, 7 parameters (but where a library that calls it
wants more, and the line above says so to clang-tidy), 4 levels of nesting (plain loops over rows, columns
and neighbours are fine in a test), one label. A file: 800 lines. The walls of shared style; the aims are
well below."""
import re
import sys

import source

LINES_MAX, PARAMETERS_MAX, NESTING_MAX, LABELS_MAX, FILE_LINES_MAX = 60, 7, 4, 1, 800
INDENT = 4
FOREIGN = re.compile(r"// NOLINTNEXTLINE\(readability-function-size\): \S")


def nesting(lines):
    """Deepest if, for, while, do or switch; clang-format makes the indent tell."""
    depths = [(len(x) - len(x.lstrip())) // INDENT for x in lines
              if re.match(r"\s+(if|for|while|do|switch)\b", x)]
    return max(depths, default=0)


def check_function(src, name, parameters, first, last):
    where = f"{src.path}:{first}: {name}"
    lines = src.code_lines[first - 1:last]
    labels = [x for x in lines if re.match(r"\s*(?!default)[A-Za-z_]\w*:\s*$", x)]
    is_foreign = first > 1 and FOREIGN.search(src.lines[first - 2])
    figures = [(last - first + 1, LINES_MAX, "lines"),
               (0 if is_foreign else len(source.split_parameters(parameters)), PARAMETERS_MAX,
                "parameters"),
               (nesting(lines) if src.folder != "tests" else 0, NESTING_MAX, "levels of nesting"),
               (len(labels), LABELS_MAX, "labels")]
    return [f"{where}: {n} {what}, the wall is {wall}" for n, wall, what in figures if n > wall]


def main(root):
    found = []
    for src in source.sources(root):
        if len(src.lines) > FILE_LINES_MAX:
            found.append(f"{src.path}:1: {len(src.lines)} lines, the wall is {FILE_LINES_MAX}")
        for function in src.functions():
            found += check_function(src, *function)
    source.finish(found)


main(sys.argv[1])
