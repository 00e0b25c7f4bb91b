#!/usr/bin/env python3
"""Makes data/{train,valid,test}.jsonl: 1000, 100 and 100 text-to-SQL examples.

  scripts/make_dataset.py           write the files
  scripts/make_dataset.py --check   fail if they differ from what would be written

Each line has a "text": "table: <id>\\ncolumns: <names>\\nQ: <question>\\nA: <SQL>", the form of the
WikiSQL examples; "prompt" and "completion", which make up the text; and a "table" with rows on which the SQL gives
something. Subjects and words come from scripts/dataset/*.txt; no subject, column set or table id
is in two splits. The bytes depend on nothing but this file and that folder: not on the version of Python.
"""

import argparse
import json
import pathlib
import sys

from dataset.dice import Dice
from dataset.questions import Table
from dataset.rows import table_with_rows
from dataset.sources import read_pools, read_subjects

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = {"train": 1000, "valid": 100, "test": 100}
TABLES_PER_SUBJECT = 4
SEED = 20240731


def make_tables(dice, pools, subjects, taken):
    """TABLES_PER_SUBJECT tables a subject; `taken` holds the column sets and ids given so far."""
    tables = []
    for subject in subjects:
        made = 0
        while made < TABLES_PER_SUBJECT:
            number = f"3-{10000000 + dice.below(9000000)}-{1 + dice.below(12)}"
            table = Table(dice, pools, subject, number)
            columns = " | ".join(sorted(table.headers()))
            if columns not in taken and number not in taken:
                taken.update([columns, number])
                tables.append(table)
                made += 1
    return tables


def record(text, table):
    """A line: the text, the same in the two parts of a pair, and what its query runs on."""
    prompt, answer, completion = text.partition("\nA:")
    members = {"text": text, "prompt": prompt + answer, "completion": completion, "table": table}
    return json.dumps(members, separators=(",", ": ")) + "\n"


def make_splits():
    """The bytes of each split's file."""
    dice, pools, taken, splits = Dice(SEED), read_pools(), set(), {}
    for split, subjects in read_subjects().items():
        tables = make_tables(dice, pools, subjects, taken)
        rows_dice = Dice(f"{SEED} rows {split}")  # of its own: the texts do not depend on the rows
        records = {}
        while len(records) < SIZES[split]:
            # Every table is asked once before one is asked again.
            for table in dice.sample(tables, min(len(tables), SIZES[split] - len(records))):
                text = table.example()
                while text in records:
                    text = table.example()
                records[text] = record(text, table_with_rows(rows_dice, table))
        texts = dice.sample(records, len(records))
        splits[split] = "".join(records[text] for text in texts).encode()
    return splits


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "data", help="folder (data)")
    options = parser.parse_args()
    different = []
    for split, content in make_splits().items():
        path = options.output / f"{split}.jsonl"
        if options.check:
            if not path.exists() or path.read_bytes() != content:
                different.append(str(path))
        else:
            options.output.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"{path}: {SIZES[split]} examples, {len(content)} bytes")
    if different:
        sys.exit(f"not what scripts/make_dataset.py writes: {', '.join(different)}")


if __name__ == "__main__":
    main()
