#!/usr/bin/env python3
"""Checks that graft reads the files of data sets as Python's csv, json and gzip and pyarrow do: random ones, as others
write them, and with some bytes changed. What one of the two refuses, the other has to refuse too.

    rows_parity.py DRIVER [--files N] [--seed N]

DRIVER is the built tests/interop/rows_driver.cpp.
"""

import argparse
import csv
import gzip
import io
import json
import math
import pathlib
import random
import subprocess
import tempfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

SPACE = " \t\r\n"
TEXTS = ["", "a", "é", "二 😀", "x y", ",", "\t", '"', '""', "\n", "\r\n", "\r", "\\", '\\"', "'", "[{", "}]", " ", "\x7f", ":", "."]
csv.field_size_limit(1 << 30)


class Refused(Exception):
    pass


def text(dice):
    return "".join(dice.choices(TEXTS, k=dice.choice([0, 1, 1, 2, 5, 40])))


def value(dice, depth=0):
    kind = dice.randrange(9 if depth < 4 else 7)
    if kind == 7:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 8:
        return {text(dice): value(dice, depth + 1) for _ in range(dice.randrange(4))}
    return (None, True, dice.randrange(-2**63, 2**64), dice.randrange(100), dice.random() * 10.0 ** dice.randrange(-20, 20),
            dice.choice([math.nan, math.inf, -math.inf]), text(dice))[kind]


def row(dice):
    return {text(dice): value(dice) for _ in range(dice.randrange(4))}


def changed(dice, data, alphabet):
    """The bytes, some of them changed in every third file."""
    data = bytearray(data)
    if data and dice.randrange(3) == 0:
        for _ in range(dice.choice([1, 1, 2, 5])):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(3)] = dice.choice(alphabet)
            data = data or bytearray(b" ")
    return bytes(data)


def objects(rows):
    for each in rows:
        if not isinstance(each, dict):
            raise Refused(f"a row is {each}")
    json.dumps(rows, ensure_ascii=False).encode()  # fails for half a surrogate pair, which is no character
    return rows


# Each kind of file makes (bytes, rows or Refused).


def table(dice, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=dice.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
                        lineterminator=dice.choice(["\n", "\r\n", "\r"]))
    columns = dice.randrange(1, 5)
    writer.writerow([f"{i}{text(dice)}" for i in range(columns)])
    for _ in range(dice.choice([0, 1, 5, 300])):
        writer.writerow([text(dice) for _ in range(columns)])
    data = out.getvalue().encode()
    if dice.randrange(4) == 0:
        data = b"\xef\xbb\xbf" + data
    data = changed(dice, data, [b"", b'"', b'""', b",", b"\t", b"\n", b"\r", b"x", b"\xff"])
    try:
        lines = [line for line in csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=""), strict=True,
                                             delimiter=delimiter) if line]
    except (csv.Error, UnicodeDecodeError) as error:
        return data, Refused(str(error))
    if not lines or "" in lines[0] or len(set(lines[0])) < len(lines[0]):
        return data, Refused("header")
    if any(len(line) != len(lines[0]) for line in lines):
        return data, Refused("ragged")
    return data, [dict(zip(lines[0], line)) for line in lines[1:]]


JSON_BYTES = [b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b" ", b"1", b"-", b"NaN", b"\xff", b"\x00"]


def dumps(dice, item):
    return json.dumps(item, ensure_ascii=dice.randrange(2) == 0, indent=None, separators=dice.choice([(",", ":"), (", ", ": ")]))


def json_lines(dice):
    end = dice.choice(["\n", "\r\n", "\r", "\n\n"])
    data = "".join(dumps(dice, row(dice)) + end for _ in range(dice.choice([0, 1, 5, 300]))).encode()
    return json_lines_of(changed(dice, data, JSON_BYTES))


def json_lines_of(data):
    if data.lstrip(SPACE.encode())[:1] == b"[":
        return json_array_of(data)
    try:
        lines = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig")
        return data, objects([json.loads(line) for line in lines if line.strip(SPACE)])
    except (ValueError, Refused) as error:
        return data, Refused(str(error))


def json_array_of(data):
    try:
        return data, objects(json.loads(data.decode("utf-8-sig")))
    except (ValueError, Refused) as error:
        return data, Refused(str(error))


def json_array(dice):
    rows = [row(dice) for _ in range(dice.choice([0, 1, 5, 300]))]
    data = json.dumps(rows, indent=dice.choice([None, 0, 2])).encode()
    if dice.randrange(2):
        data = data.replace(b"\n", dice.choice([b"\r", b"\r\n"]))
    data = b"[" + changed(dice, data[1:], JSON_BYTES)
    return json_array_of(data)


def gzipped(dice):
    data, _ = json_lines(dice)
    cut = dice.randrange(len(data) + 1)
    data = gzip.compress(data[:cut], dice.randrange(10)) + gzip.compress(data[cut:]) + b"\0" * dice.choice([0, 9])
    data = changed(dice, data, [b"", b"x", b"\0"]) if dice.randrange(2) else data[: dice.choice([len(data), dice.randrange(len(data))])]
    try:
        if not data:
            raise EOFError
        return data, json_lines_of(gzip.decompress(data))[1]
    except (OSError, EOFError, zlib.error) as error:
        return data, Refused(str(error))


def zstandard(dice):
    data, rows = json_lines(dice)
    cut = dice.randrange(len(data) + 1)
    return b"".join(bytes(pa.compress(part, codec="zstd", asbytes=True)) for part in (data[:cut], data[cut:])), rows


def arrow_type(dice, depth=0):
    kind = dice.randrange(8 if depth < 3 else 5)
    if kind == 5:
        return pa.list_(arrow_type(dice, depth + 1))
    if kind == 6:
        return pa.struct([(f"f{i}", arrow_type(dice, depth + 1)) for i in range(dice.randrange(1, 4))])
    if kind == 7:
        return pa.map_(pa.string(), arrow_type(dice, depth + 1))
    return (pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.large_string())[kind]


def of_type(dice, kind):
    if dice.randrange(6) == 0:
        return None
    if pa.types.is_map(kind):
        return [(f"k{i}", of_type(dice, kind.item_type)) for i in range(dice.randrange(4))]
    if pa.types.is_list(kind):
        return [of_type(dice, kind.value_type) for _ in range(dice.randrange(4))]
    if pa.types.is_struct(kind):
        return {field.name: of_type(dice, field.type) for field in kind}
    if pa.types.is_integer(kind):
        return dice.randrange(-2**63, 2**63)
    if pa.types.is_floating(kind):
        return dice.choice([dice.random(), 1e300, 2.0, math.inf, math.nan])
    return bool(dice.randrange(2)) if pa.types.is_boolean(kind) else text(dice)


def parquet(dice):
    schema = pa.schema([(f"{i}{text(dice)}", arrow_type(dice)) for i in range(dice.randrange(1, 5))])
    count = dice.choice([0, 1, 5, 600])
    table = pa.table([pa.array([of_type(dice, field.type) for _ in range(count)], field.type) for field in schema], schema=schema)
    out = io.BytesIO()
    pq.write_table(table, out, compression=dice.choice(["none", "snappy", "zstd", "gzip", "lz4", "brotli"]),
                   row_group_size=dice.choice([100, 1000]), data_page_size=dice.choice([100, 100000]),
                   use_dictionary=bool(dice.randrange(2)), store_schema=bool(dice.randrange(2)),
                   data_page_version=dice.choice(["1.0", "2.0"]))
    back = pq.read_table(io.BytesIO(out.getvalue()))
    return out.getvalue(), back.to_pylist(maps_as_pydicts="strict")


KINDS = {
    "a.csv": lambda dice: table(dice, ","),
    "a.tsv": lambda dice: table(dice, "\t"),
    "a.jsonl": json_lines,
    "a.json": json_array,
    "a.jsonl.gz": gzipped,
    "a.jsonl.zst": zstandard,
    "a.parquet": parquet,
}


def plain(item):
    """As both can have it: what JSON lacks is null, and integers beyond 64 bits are floats."""
    if isinstance(item, dict):
        return {key: plain(each) for key, each in item.items()}
    if isinstance(item, list):
        return [plain(each) for each in item]
    if isinstance(item, float):
        return item if math.isfinite(item) else None
    if isinstance(item, int) and not isinstance(item, bool) and not -2**63 <= item < 2**64:
        return plain(float(item)) if abs(item) < 10**308 else None
    return item


def same(ours, theirs):
    """Equal, also in the order of keys and the kind of numbers."""
    return json.dumps(ours) == json.dumps(plain(theirs))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name, make in KINDS.items():
        dice = random.Random(options.seed)
        with tempfile.TemporaryDirectory() as folder:
            paths, expected = [], []
            for number in range(options.files):
                path = pathlib.Path(folder) / f"{number}{name[1:]}"
                data, rows = make(dice)
                path.write_bytes(data)
                paths.append(path)
                expected.append(rows)
            said = subprocess.run([options.driver], input="".join(f"{path}\n" for path in paths), text=True,
                                  capture_output=True, check=True).stdout.split("\n")
            at = refused = 0
            for path, rows in zip(paths, expected):
                ours = []
                while not said[at].startswith("."):
                    ours.append(json.loads(said[at]))
                    at += 1
                error = said[at][1:]
                at += 1
                if isinstance(rows, Refused) != bool(error):
                    raise SystemExit(f"{name}, {path.read_bytes()[:300]!r}: Python says {rows!r:.300}, graft {error or ours!r:.300}")
                if not error and not (len(ours) == len(rows) and all(map(same, ours, rows))):
                    raise SystemExit(f"{name}, {path.read_bytes()[:300]!r}: Python says {rows!r:.300}, graft {ours!r:.300}")
                refused += bool(error)
        print(f"{name}: {options.files} files alike, {refused} of them refused")


if __name__ == "__main__":
    main()
