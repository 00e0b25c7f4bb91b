#!/usr/bin/env python3
"""Writes graft/unicode/tables.cpp: the classes of characters that tokenizers split on.

Letters, numbers, white space and word characters are those of Unicode 16.0, the version that Hugging
Face tokenizers 0.23 matches its patterns with. Its normalizer is older (Unicode 9.0): a character that
it does not know stays as it is and stops reordering and composition. Those are found by asking it.

    pip install unicodedata2==16.0.0 tokenizers==0.23.3
    scripts/make_unicode_tables.py
"""

import pathlib

import unicodedata2 as unicodedata
from tokenizers import normalizers

LETTER, NUMBER, SPACE, WORD, NOT_NORMALIZED = 1, 2, 4, 8, 16
UNICODE_VERSION = "16.0.0"
OUTPUT = pathlib.Path(__file__).parent.parent / "graft" / "unicode" / "tables.cpp"

# White_Space of PropList.txt; it has not changed since Unicode 6.3.
WHITE_SPACE = {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
WHITE_SPACE |= set(range(0x09, 0x0E)) | set(range(0x2000, 0x200B))

# What \w has beside letters, marks, decimal and letter numbers and connectors: the joiners, and the
# symbols that PropList.txt calls Other_Alphabetic (circled and squared letters).
EXTRA_WORD = {0x200C, 0x200D}
for first, last in [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)]:
    EXTRA_WORD |= set(range(first, last + 1))

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def unknown_to_normalizer():
    """Unassigned characters, marks it does not reorder, characters it does not decompose or compose."""
    nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
    unknown = set()
    for c in CODE_POINTS:
        char = chr(c)
        if unicodedata.category(char) == "Cn":
            unknown.add(c)
            continue
        combining = unicodedata.combining(char)
        if combining:
            swapped = f"a{char}\u0334" if combining > 1 else f"a\u0323{char}"
            if nfd.normalize_str(swapped) != unicodedata.normalize("NFD", swapped):
                unknown.add(c)
        if nfd.normalize_str(char) != unicodedata.normalize("NFD", char):
            # Its first part is as new as itself: a mark such as U+0307 may be old.
            unknown.add(c)
            unknown.add(ord(unicodedata.normalize("NFD", char)[0]))
        if nfkd.normalize_str(char) != unicodedata.normalize("NFKD", char):
            unknown.add(c)
    return unknown


def classes_of(c, unknown):
    category = unicodedata.category(chr(c))
    classes = 0
    if category[0] == "L":
        classes |= LETTER
    if category[0] == "N":
        classes |= NUMBER
    if c in WHITE_SPACE:
        classes |= SPACE
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc") or c in EXTRA_WORD:
        classes |= WORD
    if c in unknown:
        classes |= NOT_NORMALIZED
    return classes


def main():
    if unicodedata.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"unicodedata2 {UNICODE_VERSION} is needed, not {unicodedata.unidata_version}")
    unknown = unknown_to_normalizer()
    ranges = []
    for c in CODE_POINTS:
        classes = classes_of(c, unknown)
        if not classes:
            continue
        if ranges and ranges[-1][1] == c - 1 and ranges[-1][2] == classes:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, classes])
    lines = [
        "// Written by scripts/make_unicode_tables.py; do not edit.",
        '#include "graft/unicode/tables.h"',
        "",
        "namespace graft::unicode {",
        "",
        f'const char* const kVersion = "{UNICODE_VERSION}";',
        "",
        "// clang-format off",
        "const ClassRange kClassRanges[] = {",
    ]
    for i in range(0, len(ranges), 4):
        lines.append("    " + " ".join(f"{{0x{a:X}, 0x{b:X}, {k}}}," for a, b, k in ranges[i : i + 4]))
    lines += [
        "};",
        "// clang-format on",
        "",
        f"const size_t kClassRangeCount = {len(ranges)};",
        "",
        "}  // namespace graft::unicode",
        "",
    ]
    OUTPUT.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
