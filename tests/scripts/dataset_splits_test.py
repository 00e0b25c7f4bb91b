"""Tests that no schema of data/ is in two splits: neither a table nor a set of columns."""

import itertools
import json
import pathlib
import re
import unittest

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
SPLITS = ("train", "valid", "test")
EXAMPLE = re.compile(r"table: (\S+)\ncolumns: (.+)\nQ: .+\nA: SELECT .+ FROM (\S+)( WHERE .+)?")


def schemas(split):
    """The columns of each table of a split, as a set: their order makes no other schema."""
    tables = {}
    for number, line in enumerate((DATA / f"{split}.jsonl").read_text("utf-8").splitlines(), 1):
        example = EXAMPLE.fullmatch(json.loads(line)["text"])
        assert example, f"{split}.jsonl:{number} is no example: {line}"
        table, columns, asked, _ = example.groups()
        assert asked == table, f"{split}.jsonl:{number} asks {asked}, not {table}"
        columns = frozenset(columns.split(", "))
        assert tables.setdefault(table, columns) == columns, f"{table} has two sets of columns"
    return tables


class DatasetSplits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schemas = {split: schemas(split) for split in SPLITS}

    def test_no_table_is_in_two(self):
        for one, other in itertools.combinations(SPLITS, 2):
            self.assertEqual(self.schemas[one].keys() & self.schemas[other].keys(), set())

    def test_no_set_of_columns_is_in_two(self):
        for one, other in itertools.combinations(SPLITS, 2):
            shared = set(self.schemas[one].values()) & set(self.schemas[other].values())
            self.assertEqual(shared, set(), f"{one} and {other}")

    def test_every_split_has_many(self):
        for split in SPLITS:
            self.assertGreaterEqual(len(self.schemas[split]), 20, split)


if __name__ == "__main__":
    unittest.main()
