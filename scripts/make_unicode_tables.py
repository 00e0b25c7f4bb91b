#!/usr/bin/env python3
"""Writes graft/unicode/tables.cpp and graft/unicode/named_sets.cpp: what tokenizers ask of a character.

Categories are those of Unicode 16.0, the version that Hugging Face tokenizers 0.23 matches its patterns
with. Where it goes its own ways, it is asked: its normalizers are older (Unicode 9.0: a character that
they do not know stays as it is and stops reordering and composition), so is its idea of punctuation.

    pip install unicodedata2==16.0.0 tokenizers==0.23.3
    scripts/make_unicode_tables.py
"""

import pathlib

import unicodedata2 as unicodedata
from tokenizers import Regex, normalizers, pre_tokenizers

UNICODE_VERSION = "16.0.0"
FOLDER = pathlib.Path(__file__).parent.parent / "graft" / "unicode"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]

# In the order of `enum class Category`.
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
CONTROL_SPACE = len(CATEGORIES)
WORD_SYMBOL, NOT_NORMALIZED, OLD_PUNCTUATION = 32, 64, 128

# The control characters that are White_Space; the others are exactly Zs, Zl and Zp.
CONTROL_SPACES = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85}

# What \w has beside letters, marks, decimal and letter numbers and connectors: the joiners (in Rust's
# patterns, not in Oniguruma's), and the symbols that PropList.txt calls Other_Alphabetic (circled and
# squared letters).
WORD_SYMBOLS = {0x200C, 0x200D}
for first, last in [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)]:
    WORD_SYMBOLS |= set(range(first, last + 1))

# Properties of regular expressions that are no general category, as the reference has them.
NAMED_SETS = """
Alphabetic Uppercase Lowercase Emoji Extended_Pictographic
Arabic Armenian Bengali Bopomofo Common Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi
Han Hangul Hebrew Hiragana Inherited Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Oriya
Sinhala Tamil Telugu Thaana Thai Tibetan
""".split()


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


def removed_by(pre_tokenizer):
    """The code points that a pre-tokenizer with the behaviour "removed" takes out of a text."""
    removed = set()
    for i in range(0, len(CODE_POINTS), 4096):
        block = CODE_POINTS[i : i + 4096]
        kept = set("".join(piece for piece, _ in pre_tokenizer.pre_tokenize_str("".join(map(chr, block)))))
        removed |= {c for c in block if chr(c) not in kept}
    return removed


def matching(pattern):
    return removed_by(pre_tokenizers.Split(Regex(pattern), "removed"))


def properties():
    """The byte of each code point."""
    unknown = unknown_to_normalizer()
    punctuation = removed_by(pre_tokenizers.Punctuation("removed"))
    table = bytearray(0x110000)
    for c in CODE_POINTS:
        category = unicodedata.category(chr(c))
        value = CONTROL_SPACE if c in CONTROL_SPACES else CATEGORIES.index(category)
        value |= WORD_SYMBOL * (c in WORD_SYMBOLS)
        value |= NOT_NORMALIZED * (c in unknown)
        value |= OLD_PUNCTUATION * (c in punctuation)
        table[c] = value
    return table


def check(table):
    """The tables say what the reference's patterns match."""

    def having(condition):
        return {c for c in CODE_POINTS if condition(table[c], CATEGORIES[min(table[c] & 31, 28)])}

    assert matching(r"\s") == having(lambda v, k: k[0] == "Z" or v & 31 == CONTROL_SPACE)
    assert matching(r"[\w]") == having(is_word) - {0x200C, 0x200D}
    for name in CATEGORIES:
        wanted = having(lambda v, k: (k if v & 31 != CONTROL_SPACE else "Cc") == name)
        assert matching(rf"\p{{{name}}}") == wanted, name


def is_word(value, category):
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc") or value & WORD_SYMBOL


def lower_ranges():
    """[first, last, step, delta] of the characters that have one other character as their lower case."""
    lowercase = normalizers.Lowercase()
    ranges = []
    for c in CODE_POINTS:
        lower = lowercase.normalize_str(chr(c))
        if len(lower) != 1:
            assert c == 0x130 and lower == "i\u0307"  # unicode.cpp knows it
            continue
        delta = ord(lower) - c
        if delta == 0:
            continue
        if ranges and ranges[-1][3] == delta:
            gap = c - ranges[-1][1]
            if gap in (1, 2) and (ranges[-1][0] == ranges[-1][1] or gap == ranges[-1][2]):
                ranges[-1][1:3] = c, gap
                continue
        ranges.append([c, c, 1, delta])
    return ranges


def runs(members):
    """The code points as [first, last], both included."""
    result = []
    for c in sorted(members):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def rows(items, width):
    return ["    " + " ".join(items[i : i + width]) for i in range(0, len(items), width)]


def write(name, body):
    head = [
        "// Written by scripts/make_unicode_tables.py; do not edit.",
        f'#include "graft/unicode/{name}.h"',
        "",
        "namespace graft::unicode {",
        "",
        "// clang-format off",
    ]
    tail = ["// clang-format on", "", "}  // namespace graft::unicode", ""]
    (FOLDER / f"{name}.cpp").write_text("\n".join(head + body + tail))


def main():
    if unicodedata.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"unicodedata2 {UNICODE_VERSION} is needed, not {unicodedata.unidata_version}")
    table = properties()
    check(table)
    table[0xD800:0xE000] = bytes([table[0xD7FF]]) * 0x800  # surrogates: no text has them
    starts = [c for c in range(0x110000) if c == 0 or table[c] != table[c - 1]]
    lower = lower_ranges()
    body = [f'const char* const kVersion = "{UNICODE_VERSION}";', "", "const PropertyRange kPropertyRanges[] = {"]
    body += rows([f"{{0x{c:X}, {table[c]}}}," for c in starts], 6)
    body += ["};", f"const size_t kPropertyRangeCount = {len(starts)};", "", "const LowerRange kLowerRanges[] = {"]
    body += rows([f"{{0x{a:X}, 0x{b:X}, {step}, {delta}}}," for a, b, step, delta in lower], 4)
    body += ["};", f"const size_t kLowerRangeCount = {len(lower)};"]
    write("tables", body)

    body = []
    sets = {name: runs(matching(rf"\p{{{name}}}")) for name in NAMED_SETS}
    for name, ranges in sets.items():
        body += [f"static const CodePointRange k{name}[] = {{"]
        body += rows([f"{{0x{a:X}, 0x{b:X}}}," for a, b in ranges], 5) + ["};"]
    body += ["", "const NamedSet kNamedSets[] = {"]
    for name, ranges in sets.items():
        key = name.lower().replace("_", "")
        body += [f'    {{"{key}", k{name}, {len(ranges)}}},']
    body += ["};", f"const size_t kNamedSetCount = {len(sets)};"]
    write("named_sets", body)


if __name__ == "__main__":
    main()
