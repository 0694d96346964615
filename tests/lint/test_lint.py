#!/usr/bin/env python3
"""Each lint must fail on a small tree that breaks one rule, and pass on the same tree without it."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
BANNED = """#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol gets
#pragma GCC poison atof localtime gmtime ctime asctime system tmpnam mktemp rand srand
"""
HEADER = """/* thing.h -- what it is for. */
#ifndef ENGINE_THING_H
#define ENGINE_THING_H

#include "common/err.h"

struct thing;

%s
#endif
"""
GOOD = {
    "common/banned.h": "/* banned.h -- calls we do not make. */\n#ifndef COMMON_BANNED_H\n"
                       f"#define COMMON_BANNED_H\n{BANNED}#endif\n",
    "common/err.h": "/* err.h -- errors. */\n#ifndef COMMON_ERR_H\n#define COMMON_ERR_H\n#endif\n",
    "common/CMakeLists.txt": "add_folder(common HEADERS banned.h err.h LINKS PkgConfig::NETTLE)\n",
    "engine/CMakeLists.txt": "add_folder(engine SOURCES thing.c HEADERS thing.h SEES common)\n",
    "engine/thing.h": HEADER % "/* The caller frees it. */\n"
                               "int thing_open(struct thing **out, struct err *err);\n"
                               "void thing_close(struct thing *t);\n"
                               "LENTIGO_HD void thing_run(int *x)\n{\n    x[0] = 1;\n"
                               "    x[1] = 2;\n    x[2] = 3;\n    x[3] = 4;\n}\n",
    "engine/thing.c": '#include "engine/thing.h"\n\n#include <math.h>\n\n'
                      "/* Counts calls; one thread. */\nstatic int calls;\n\n"
                      'static const char *const names[] = {"#undef"};\n\n'
                      "void thing_close(struct thing *t)\n{\n    if (t)\n        calls++;\n}\n",
    "tests/engine/test_thing.c": '#include "engine/thing.h"\n#include "preprocess/decode.h"\n',
}


def lines(n):
    return "".join(f"    x[{i}] = {i};\n" for i in range(n))


# script, file, its text, what the lint has to say
CASES = [
    ("floors", "engine/a.c", '#include "preprocess/decode.h"\n', "engine may not see preprocess/"),
    ("floors", "engine/a.c", '  #  include "queue/job.h"\n', "engine may not see queue/"),
    ("floors", "worker/a.c", '#include "scheduler/a.h"\n', "worker may not see scheduler/"),
    ("floors", "cli/a.c", '#include "engine/plan_priv.h"\n', "plan_priv.h is private to engine"),
    ("floors", "tests/cli/a.c", '#include "engine/plan_priv.h"\n', "is private to engine"),
    ("floors", "tests/cli/a.c", '#include "tui/draw.h"\n', "cli may not see tui/draw.h"),
    ("floors", "tests/cli/a.c", "#include <vips/vips.h>\n", "<vips/vips.h> belongs in preprocess"),
    ("floors", "engine/a.c", '#include "thing.h"\n', "include paths start at the root"),
    ("floors", "engine/a.c", '#include "../common/err.h"\n', "include paths start at the root"),
    ("floors", "engine/a.c", "#include <vips/vips.h>\n", "belongs in preprocess only"),
    ("floors", "engine/a.c", "#include <dnnl.h>\n", "belongs in engine/onednn only"),
    ("floors", "queue/a.c", "#include <uv.h>\n", "belongs in scheduler and worker only"),
    ("floors", "scheduler/a.c", '#include "hiredis/hiredis.h"\n', "belongs in queue only"),
    ("floors", "extra/a.c", "int x;\n", "folder extra is not in the table"),
    ("floors", "engine/CMakeLists.txt", "add_folder(engine SOURCES thing.c SEES common queue)\n",
     "engine may not see queue"),
    ("floors", "engine/CMakeLists.txt", "add_folder(engine LINKS PkgConfig::VIPS)\n",
     "PkgConfig::VIPS belongs in preprocess"),
    ("floors", "engine/CMakeLists.txt", "file(GLOB x *.c)\n", "never globbed"),
    ("contracts", "engine/thing.h", (HEADER % "").replace("thing.h --", "other.h --"),
     "first comment does not begin"),
    ("contracts", "engine/thing.h", (HEADER % "").replace("ENGINE_THING_H", "THING_H"), "no guard"),
    ("contracts", "engine/thing.h", HEADER % "" + "int x;\n", "no guard"),
    ("contracts", "engine/thing.h", HEADER % "static const int limit = 3;\n", "static data"),
    ("contracts", "engine/thing.h", HEADER % "static int table[4];\n", "static data"),
    ("contracts", "engine/thing.h",
     HEADER % ("static inline int f(int *x)\n{\n" + lines(4) + "}\n"), "over three lines"),
    ("contracts", "engine/thing.h", HEADER % "typedef struct thing thing_t;\n", "typedef"),
    ("contracts", "engine/thing.h", HEADER % "#define TRY(x) \\\n    if (x) \\\n        return -1\n",
     "a macro that jumps"),
    ("contracts", "engine/thing.h", HEADER % "int f(struct err *err, int x);\n", "last parameter"),
    ("contracts", "engine/thing.h", HEADER % "void f(int x,\n       struct err *err);\n",
     "returns nothing"),
    ("contracts", "engine/thing.h", HEADER % "void f(const char *fmt, ...);\n", "no format attribute"),
    ("contracts", "engine/thing.h", HEADER % "char *f(int x);\n", "no comment says whose"),
    ("contracts", "engine/thing.h", HEADER % "int f(struct thing **out, struct err *err);\n",
     "no comment says whose"),
    ("contracts", "engine/thing.h",
     HEADER % "/* It. */\nint thing_open(struct thing **out, struct err *err);\n",
     "thing_open without thing_close"),
    ("contracts", "engine/late.c", "int x;\n", "engine/late.c:1: not listed"),
    ("contracts", "common/CMakeLists.txt", "add_folder(common HEADERS banned.h)\n",
     "common/err.h:1: not listed"),
    ("functions", "engine/a.c", "void f(int *x)\n{\n" + lines(58) + "}\n", "61 lines, the wall"),
    ("functions", "engine/a.c", "void f(int a, int b, int c, int d,\n       int e, int g, int h, int i)\n{\n}\n",
     "8 parameters"),
    ("functions", "engine/a.c",
     "// NOLINTNEXTLINE(readability-function-size)\nvoid f(int a, int b, int c, int d,\n"
     "       int e, int g, int h, int i)\n{\n}\n", "8 parameters"), # it says not why
    ("functions", "engine/a.c", "void f(int *x)\n{\n" + " " * 20 + "if (x)\n" + " " * 24 + "*x = 1;\n}\n",
     "5 levels of nesting"),
    ("functions", "engine/a.c", "void f(int *x)\n{\na:\n    x++;\nb:\n    x++;\n}\n", "2 labels"),
    ("functions", "engine/a.c", "int x;\n" * 801, "801 lines"),
    ("banned", "common/banned.h", GOOD["common/banned.h"].replace(" gets", ""), "gets is no longer"),
    ("banned", "engine/a.c", "#undef strcpy\n", "#undef strcpy, which"),
    ("banned", "engine/a.c", "#pragma GCC diagnostic ignored \"-Wvla\"\n", "switches a diagnostic"),
    ("banned", "engine/a.c", "/* TODO: more */\n", "left over: TODO"),
    ("banned", "engine/a.c", "int x;\n\nstatic int seen;\n", "mutable static"),
    ("banned", "engine/a.c", "void f(void)\n{\n    static const char *last = 0;\n}\n", "mutable static"),
    ("banned", "engine/a.c", "static struct x cache[4];\n", "mutable static"),
    ("format", "engine/a.c", "int  x ;\n", "should be clang-formatted"),
]


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def lint(script, root, *more):
    ran = subprocess.run([sys.executable, "-B", HERE / f"{script}.py", root, *more], check=False,
                         capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def commands_of(root, flags):
    path = root / "compile_commands.json"
    path.write_text(json.dumps([{"directory": str(root), "file": "engine/thing.c",
                                 "command": f"cc {flags} -c engine/thing.c"}]))
    return path


def main():
    wrong = []
    scripts = ["floors", "contracts", "functions", "banned"]
    scripts += ["format"] if shutil.which("clang-format") else []
    with tempfile.TemporaryDirectory() as folder:
        good = pathlib.Path(folder).resolve()
        write(good, GOOD)
        shutil.copy(HERE.parents[1] / ".clang-format", good)
        for script in scripts:
            code, output = lint(script, good)
            wrong += [f"{script}: the good tree fails:\n{output}"] if code else []
        if lint("banned", good, commands_of(good, f"-include {good}/common/banned.h"))[0]:
            wrong.append("banned: fails although banned.h is included")
        code, output = lint("banned", good, commands_of(good, ""))
        if code != 1 or "compiled without common/banned.h" not in output:
            wrong.append("banned: a file compiled without banned.h passes")
        for script, name, text, expected in CASES:
            if script not in scripts:
                continue
            old = GOOD.get(name)
            write(good, {name: text})
            code, output = lint(script, good)
            if code != 1 or expected not in output:
                wrong.append(f"{script}: passes {name}: {text[:60]!r}: {output}")
            if old:
                write(good, {name: old})
            else:
                (good / name).unlink()
                if name.startswith("extra/"):
                    (good / "extra").rmdir()
    print("\n".join(wrong) or f"{len(CASES) + 1} bad trees refused, one good tree accepted")
    return bool(wrong)


sys.exit(main())
