#!/usr/bin/env python3
"""Checks that includes point down, as docs/architecture.md says of the layers, that what a folder declares is in the
namespace of its name, that the library's messages name no flag of the program: it is not alone in using it, and
puts its flags there itself (cli/flags.cpp), that the standard streams are written where control characters are
escaped and failures handled, and nowhere else, and that nothing of std::filesystem is called which throws an exception
of its own: a file that cannot be read is an Error that says what to do.

  scripts/check_layers.py [ROOT]

Prints each line that breaks a rule, as file:line, and exits with 1 if there is one.
"""

import pathlib
import re
import sys

# What each layer may include, itself aside. The program, the tests and the benchmarks may include all.
BELOW = {
    "base": [],
    "unicode": [],
    "kernels": ["base"],
    "io": ["unicode", "base"],
    "hub": ["io", "base"],
    "distributed": ["base"],
    "launch": ["distributed", "base"],
    "ops": ["kernels", "base"],
    "nn": ["ops", "base"],
    "jinja": ["unicode", "base"],
    "regex": ["unicode", "base"],
    "tokenizer": ["jinja", "regex", "unicode", "io", "base"],
    "parquet_reader": [],
    "data": ["tokenizer", "hub", "parquet_reader", "io", "unicode", "base"],
    "models": ["nn", "ops", "io", "base"],
    "lora": ["models", "nn", "regex", "io", "base"],
    "gguf": ["lora", "models", "nn", "ops", "tokenizer", "io", "base"],
    "convert": ["gguf", "models", "nn", "ops", "tokenizer", "io", "base"],
    "trunk": ["models", "nn", "ops", "hub", "io", "base"],
    "training": ["lora", "models", "ops", "data", "distributed", "io", "base"],
    "calibration": ["training", "lora", "models", "nn", "ops", "data", "io", "base"],
    "plan": ["training", "lora", "models", "nn", "ops", "data", "io", "base"],
    "report": ["training", "ops", "io", "base"],
    "generation": ["models", "nn", "ops", "tokenizer", "base"],
    "evaluation": ["generation", "models", "distributed", "regex", "tokenizer", "unicode", "io", "base"],
    "engine": ["calibration", "evaluation", "report", "plan", "training", "trunk", "generation", "lora", "gguf", "convert", "models", "ops", "data", "distributed", "tokenizer", "hub", "io",
               "base"],
}

# MLX's own command encoder is not a stable interface: one file alone depends on it.
ENCODER, ENCODER_USER = "mlx/backend/cpu/encoder.h", "graft/ops/cpu/primitive.cpp"

# A flag within a text, and who may have one: a model card has commands, and another program's are its own.
FLAG = re.compile(r'"[^"]*((?<![\w-])--[a-z]|[ (]-[a-z][ )",])')
HAS_COMMANDS = ("graft/hub/card.cpp", "graft/launch/launcher.cpp", "graft/launch/job.h")
OTHERS_COMMAND = "llama-gguf-split"

# What a header of a folder declares is in graft::FOLDER; what is everybody's, in graft itself.
NAMESPACE = re.compile(r"^namespace (graft[\w:]*) \{", re.M)
NO_NAMESPACE_OF_ITS_OWN = "base"

# A standard stream that is written, and who may.
STREAM = re.compile(r"\b(stdout|stderr|fmt::print|printf|puts)\b\s*[,);(]|std::c(out|err|log)\b|STD(OUT|ERR)_FILENO, ")
STREAM_USERS = ("graft/base/terminal.cpp", "graft/engine/console.cpp", "cli/output.cpp", "cli/interrupt.cpp",
                "cli/out_of_memory.cpp")

# A call of std::filesystem that takes an error code, and does not throw: its last argument is one of these. A loop over
# a folder's entries throws all the same. What is left out does not throw.
FILESYSTEM = re.compile(
    r"\b(?:fs|filesystem)::(absolute|canonical|copy|copy_file|create_\w+|current_path|(?:recursive_)?directory_iterator|"
    r"equivalent|exists|file_size|hard_link_count|is_\w+|last_write_time|permissions|proximate|read_symlink|relative|"
    r"remove|remove_all|rename|resize_file|space|status|symlink_status|temp_directory_path|weakly_canonical)\(")
ERROR_CODE = re.compile(r"(?:^|,\s*)(error|ignored|none)$")
OF_A_STATUS = re.compile(r"^(\w*status|fs::symlink_status\(.*(error|ignored)\))$", re.S)
LOOP = re.compile(r"\bfor \([^;]*: *(?:fs|std::filesystem)::(?:recursive_)?directory_iterator\(")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def includes(path):
    """The (line number, quote, name) of a file's includes."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def problem(root, file, quote, name):
    """What is wrong with one include, or None."""
    layer = file.parts[1]
    if layer not in BELOW:
        return f"the folder graft/{layer} is no layer: name it in scripts/check_layers.py"
    if name.startswith("mlx/") and layer == "kernels":
        return f"{name}: kernels know nothing of MLX"
    if name == ENCODER and file.as_posix() != ENCODER_USER:
        return f"{name}: {ENCODER_USER} alone includes it"
    if quote == "<" or name.startswith("hwy/"):
        return None
    target = pathlib.PurePosixPath(name)
    if not (root / name).is_file():
        return f'"{name}" is no file: includes are written from the root of the tree'
    if target.parts[0] != "graft":
        return f'"{name}": the library does not include {target.parts[0]}/'
    below = target.parts[1]
    if below != layer and below not in BELOW[layer]:
        return f'"{name}": {layer} may include {", ".join(BELOW[layer]) or "no layer"}, not {below}'
    if target.parts[2] == "cpu" and file.parts[:3] != ("graft", below, "cpu") and below != layer:
        return f'"{name}": {below}/cpu is for {below} alone'
    return None


def flags(path, file):
    """The numbers of a file's lines whose texts name a flag."""
    if file.as_posix() in HAS_COMMANDS:
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.lstrip().startswith("//") and FLAG.search(line) and OTHERS_COMMAND not in line:
            yield number


def streams(path, file):
    """The numbers of a file's lines that write to a standard stream and may not."""
    if file.as_posix() in STREAM_USERS:
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.lstrip().startswith("//") and STREAM.search(line):
            yield number


def arguments(text, begin):
    """What stands between the parenthesis before `begin` and the one that closes it."""
    depth = 1
    for end in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[begin:end].strip()
    return text[begin:]


def throwing_calls(path):
    """The (line number, name) of a file's calls of std::filesystem that throw."""
    text = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    loops = [match.end() for match in LOOP.finditer(text)]
    for match in FILESYSTEM.finditer(text):
        given = arguments(text, match.end())
        is_end = not given and "directory_iterator" in match[1]
        if match.end() in loops or not (is_end or ERROR_CODE.search(given) or OF_A_STATUS.search(given)):
            yield text.count("\n", 0, match.start()) + 1, match[1]


def other_namespace(path, layer):
    """The namespace that a header opens and that is not its folder's, or None."""
    wanted = "graft" if layer == NO_NAMESPACE_OF_ITS_OWN else f"graft::{layer}"
    for name in NAMESPACE.findall(path.read_text(encoding="utf-8")):
        if name != wanted and not name.startswith(wanted + "::"):
            return name
    return None


def cycle(graph):
    """Files that include each other in a circle, or []."""
    done, path = set(), []

    def visit(file):
        if file in path:
            return path[path.index(file) :] + [file]
        if file in done:
            return []
        path.append(file)
        for target in graph.get(file, []):
            if found := visit(target):
                return found
        path.pop()
        done.add(file)
        return []

    return next((found for file in sorted(graph) if (found := visit(file))), [])


def check(root):
    """The problems of the tree at `root`, one line each."""
    problems, graph = [], {}
    for path in sorted([*(root / "graft").rglob("*"), *(root / "cli").rglob("*")]):
        if path.suffix in (".h", ".cpp"):
            file = path.relative_to(root)
            problems += [f"{file}:{n}: writes to a standard stream" for n in streams(path, file)]
            problems += [f"{file}:{n}: fs::{name} throws an exception of its own: give it an error code, or see "
                         "graft/base/files.h" for n, name in throwing_calls(path)]
    for path in sorted((root / "graft").rglob("*")):
        if path.suffix not in (".h", ".cpp"):
            continue
        file = path.relative_to(root)
        graph[file.as_posix()] = []
        problems += [f"{file}:{n}: a message of the library names a flag" for n in flags(path, file)]
        if path.suffix == ".h" and (name := other_namespace(path, file.parts[1])):
            problems.append(f"{file}:1: it is in {name}, which is not the namespace of its folder")
        for number, quote, name in includes(path):
            if what := problem(root, file, quote, name):
                problems.append(f"{file}:{number}: {what}")
            elif quote == '"':
                graph[file.as_posix()].append(name)
    if circle := cycle(graph):
        problems.append(f"{circle[0]}:1: includes itself: {' -> '.join(circle)}")
    if not graph:
        problems.append(f"{root}/graft: no sources there")
    return problems


def main():
    here = pathlib.Path(__file__).resolve().parent.parent
    problems = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
    for line in problems:
        print(line)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
