#!/usr/bin/env python3
"""Compares graft's tokens with those of Hugging Face tokenizers, ids and offsets: zero differences are allowed.

    tokenizer_parity.py DRIVER MODEL_FOLDER... [--texts FILE.jsonl ...] [--bytes N] [--random N] [--seed N]

DRIVER is the built tests/interop/tokenize_driver.cpp. Each folder holds a tokenizer.json. The texts are
a seeded corpus of more than a megabyte (prose in many scripts, markup, code), 20,000 random strings of
assigned code points, and the "text" of each line of the JSONL files. Decoded text is compared too, and,
if transformers can be imported, the ids of AutoTokenizer on a part of the texts.
"""

import argparse
import hashlib
import itertools
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer

CORPUS_BYTES = 1_200_000
RANDOM_STRINGS = 20_000
# The newest scripts that regex engine and normalizer of the reference disagree with each other about
# are left out by taking what every Python of use has assigned.
SCRIPTS = {
    "latin": "The quick brown fox doesn't jump over the lazy dog's back; they'll say we've seen it.",
    "european": "Größe, naïve façade, čeština, żółć, İstanbul, smørrebrød, ĿŀŃ, ﬁnancial ﬂow, œuvre.",
    "vietnamese": "Tiếng Việt có nhiều dấu thanh; Nguyễn Huệ sinh năm 1753.",
    "greek": "Η γρήγορη καφέ αλεπού πηδάει· ΆΈΉ ῶ ᾳ.",
    "cyrillic": "Съешь ещё этих мягких французских булок, да выпей чаю №5.",
    "armenian": "Բարեւ ձեզ, աշխարհ։",
    "hebrew": "שָׁלוֹם עוֹלָם, מה שלומך?",
    "arabic": "السَّلَامُ عَلَيْكُمْ، ١٢٣ مرحبا بالعالم؟",
    "devanagari": "नमस्ते दुनिया, क्षत्रिय १२३४।",
    "bengali": "ওহে বিশ্ব, কেমন আছো?",
    "tamil": "வணக்கம் உலகம் ௧௨௩",
    "thai": "สวัสดีชาวโลก ๑๒๓ ภาษาไทย",
    "tibetan": "བོད་སྐད་ཡིག་གི་དཔེ།",
    "georgian": "გამარჯობა მსოფლიო",
    "amharic": "ሰላም ለዓለም፡፡",
    "khmer": "សួស្តីពិភពលោក",
    "chinese": "你好，世界！机器学习模型的微调需要数据。壹贰叁１２３",
    "japanese": "こんにちは世界。カタカナとｶﾀｶﾅ、が ゛と が、㍻㌔",
    "korean": "안녕하세요 세계! 한국어 각각 ㄱㄴㄷ",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ❤️ 1️⃣ 🤷🏻‍♂️ ☎",
    "symbols": "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋ → ½ ¾ Ⅻ ① ² ³ ™ € ₿ ¿? «» “quoted” … ‽",
    "marks": "e\u0301 o\u0302\u0323 a\u0323\u0302 Z\u0351\u036b\u0343 \u0301x q\u0307\u0323",
    "code": "for (int i = 0; i < n; ++i) { x[i] += 0x1F * y->z; } // it's done\n\tif x:\r\n\t\treturn None\n\n\n",
    "markup": '<div class="a-b">&amp;</div>\n| a | b |\n|---|---|\n# Heading 1.2.3\n```python\nprint("hi")\n```\n',
    "data": '{"id": 12345, "v": [1.5e-10, -7, null], "s": "a\\u00e9\\n"}\n2024-01-31T23:59:59Z,1,000,000.00\t$5\n',
    "urls": "https://example.org/a/b?c=d&e=%20f#g user.name+tag@mail.example.co.uk C:\\dir\\file.txt",
    "spaces": "a  b   c    d\u00a0e\u2003f\u3000g \t h\n \n  \n\n   i \r\n j\u2028k\u0085l   ",
    "controls": "a\x00b\x01\x02c\x1b[0m\x7f\u200b\u200d\ufeff\u202ed\x0b\x0c",
    "shouting": "IT'S WE'LL THEY'VE I'M YOU'RE HE'D DON'T 'S 's 'ſ ’s 'Ve ''s '",
    "numbers": "1 12 123 1234 12345 123456 1234567 3.14159 ٣٤٥ १२३ ⅔ 𝟘𝟙𝟚 五 12ab34 a1 1a 1st",
}


def corpus(rng, specials, most=CORPUS_BYTES):
    texts, size = [], 0
    samples = list(SCRIPTS.values())
    words = [word for sample in samples for word in sample.split(" ")]
    joins = ["", " ", " ", " ", "  ", "\n", "\n\n", "\t", ", ", "'", "   ", "\r\n", "-", "_"]
    for source in sorted(pathlib.Path(json.__file__).parent.parent.glob("*.py"))[:60]:
        text = source.read_text(encoding="utf-8", errors="replace")[:8000]
        texts.append(text)
        size += len(text)
    while size < most:
        kind = rng.random()
        if kind < 0.3:
            text = rng.choice(joins).join(rng.choice(samples) for _ in range(rng.randrange(1, 12)))
        elif kind < 0.9:
            parts = []
            for _ in range(rng.randrange(1, 80)):
                parts += [rng.choice(words), rng.choice(joins)]
            text = "".join(parts)
        else:
            parts = [rng.choice(samples)[: rng.randrange(20)]]
            for _ in range(rng.randrange(1, 6)):
                parts += [rng.choice(joins), rng.choice(specials or [""]), rng.choice(words)]
            text = "".join(parts)
        texts.append(text)
        size += len(text.encode())
    return texts


def random_strings(rng, count=RANDOM_STRINGS):
    assigned = [
        chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")
    ]
    marks = [c for c in assigned if unicodedata.category(c)[0] == "M"]
    common = [chr(c) for c in range(0x20, 0x250)] + list("\n\r\t'  ")
    texts = []
    for _ in range(count):
        pools = rng.choices([assigned, marks, common], [3, 1, 3], k=rng.randrange(1, 24))
        texts.append("".join(rng.choice(pool) for pool in pools))
    return texts


def write_texts(path, texts):
    """As the driver reads them."""
    encoded = [text.encode() for text in texts]
    pathlib.Path(path).write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in encoded))


def read_texts(path):
    data, at, texts = pathlib.Path(path).read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return texts


def packed_ids(ids):
    """As the driver writes the ids of a text."""
    return struct.pack(f"<I{len(ids)}i", len(ids), *ids)


def write_ids(path, ids):
    pathlib.Path(path).write_bytes(b"".join(map(packed_ids, ids)))


def run_driver(driver, folder, texts, mode):
    with tempfile.TemporaryDirectory() as scratch:
        source, target = pathlib.Path(scratch, "texts"), pathlib.Path(scratch, "ids")
        write_texts(source, texts)
        result = subprocess.run(
            [driver, folder, source, target, mode], check=True, capture_output=True, text=True
        )
        data, at, items = target.read_bytes(), 0, []
        for _ in texts:
            (count,) = struct.unpack_from("<I", data, at)
            size = count if mode == "decode" else 4 * count
            item = data[at + 4 : at + 4 + size]
            if mode == "decode":
                items.append(item.decode())
            elif mode == "spans":
                items.append(list(struct.iter_unpack("<3i", item)))
            else:
                items.append(list(struct.unpack(f"<{count}i", item)))
            at += 4 + size
        if at != len(data):
            raise SystemExit("the driver wrote more than one answer a text")
    return items


def add_sizes(parser):
    parser.add_argument("--bytes", type=int, default=CORPUS_BYTES, help="of corpus a tokenizer")
    parser.add_argument("--random", type=int, default=RANDOM_STRINGS, help="random strings a tokenizer")
    parser.add_argument("--seed", type=int, default=0)


def hash_of(ids):
    digest = hashlib.sha256()
    for text_ids in ids:
        digest.update(packed_ids(text_ids))
    return digest.hexdigest()


def rows(text, ids, offsets):
    """Tokens as the driver gives them with spans: id, begin and end, in bytes where `offsets` are in characters."""
    places = [0, *itertools.accumulate(len(c.encode()) for c in text)]
    return [(id_, places[begin], places[end]) for id_, (begin, end) in zip(ids, offsets)]


def report(what, texts, expected, found):
    different = [i for i, (e, f) in enumerate(zip(expected, found)) if e != f]
    for i in different[:5]:
        print(f"  {what} of {texts[i]!r}\n    expected {expected[i]}\n    found    {found[i]}")
    return len(different)


def compare(driver, folder, texts):
    reference = Tokenizer.from_file(str(pathlib.Path(folder, "tokenizer.json")))
    reference.no_truncation()
    reference.no_padding()
    encodings = reference.encode_batch(texts)
    expected = [encoding.ids for encoding in encodings]
    found = run_driver(driver, folder, texts, "ids")
    size = sum(len(text.encode()) for text in texts)
    tokens = sum(map(len, expected))
    differences = report("ids", texts, expected, found)
    spans = [rows(text, e.ids, e.offsets) for text, e in zip(texts, encodings)]
    differences += report("spans", texts, spans, run_driver(driver, folder, texts, "spans"))
    decoded = run_driver(driver, folder, texts, "decode")
    expected_text = reference.decode_batch(expected, skip_special_tokens=False)
    differences += report("text", texts, expected_text, decoded)
    print(f"{folder}: {len(texts)} texts, {size} bytes, {tokens} tokens, {hash_of(found)}, {differences} differences")
    try:
        from transformers import AutoTokenizer
    except ImportError:
        pass
    else:
        part = texts[:: max(1, len(texts) // 2000)]
        auto = AutoTokenizer.from_pretrained(folder)
        found = run_driver(driver, folder, part, "spans")
        encodings = [auto(text, return_offsets_mapping=True) for text in part]
        expected = [rows(text, e.input_ids, e.offset_mapping) for text, e in zip(part, encodings)]
        count = report("AutoTokenizer's ids and spans", part, expected, found)
        print(f"{folder}: AutoTokenizer ({type(auto).__name__}): {len(part)} texts: {count} differences")
        differences += count
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--texts", nargs="*", default=[])
    add_sizes(parser)
    options = parser.parse_args()
    differences = 0
    for folder in options.folders:
        rng = random.Random(options.seed)
        tokenizer = json.loads(pathlib.Path(folder, "tokenizer.json").read_text(encoding="utf-8"))
        specials = [token["content"] for token in tokenizer["added_tokens"]][:40]
        groups = {"corpus": corpus(rng, specials, options.bytes), "random strings": random_strings(rng, options.random)}
        for path in options.texts:
            lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
            groups[path] = [json.loads(line)["text"] for line in lines]
        for name, texts in groups.items():
            print(f"{name}:")
            differences += compare(options.driver, folder, texts)
    if differences:
        sys.exit(f"{differences} differences")
    print("no differences")


if __name__ == "__main__":
    main()
