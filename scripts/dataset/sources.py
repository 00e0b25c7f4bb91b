"""What the tables are made of: reads subjects.txt and pools.txt beside this file."""

import pathlib
import re
from dataclasses import dataclass, field

SOURCES = pathlib.Path(__file__).resolve().parent


@dataclass
class Column:
    headers: list
    kind: str  # "*" names the row, "t" text, "#" quantity, "~" number, "@" year
    values: list  # text templates, or [low, high, step]
    claims: list = field(default_factory=list)
    questions: list = field(default_factory=list)
    noun: str = ""
    highest: list = field(default_factory=list)
    lowest: list = field(default_factory=list)

    def is_number(self):
        return self.kind in "#~@"

    def identifies(self):
        """A code or a number that one row alone has."""
        if self.kind == "t":
            return any(re.search("<(digit|letter|lower|minute)>", value) for value in self.values)
        return all(claim.startswith("=") for claim in self.claims)


@dataclass
class Subject:
    one: str
    many: str
    people: bool
    name: str  # how the row of a name is called: "{}", "the {}", "order {}"
    columns: list = field(default_factory=list)


def choices(text):
    return [item.strip() for item in text.split(";") if item.strip()]


def read_pools():
    pools = {}
    for line in (SOURCES / "pools.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, words = line.partition(":")
            pools[name] = choices(words)
    return pools


def read_column(parts):
    headers = choices(parts[0].lstrip("*"))
    if parts[0].startswith("*"):
        return Column(headers, "*", choices(parts[1]), noun="name")
    values, claims, questions, noun = parts[1], choices(parts[2]), choices(parts[3]), parts[4]
    kind = values[0] if values[0] in "#~@" else "t"
    highest, lowest = ["highest", "maximum", "greatest"], ["lowest", "minimum", "smallest"]
    if kind == "t":
        values = choices(values)
    else:
        low, high, step = re.fullmatch(r".([\d.]+)-([\d.]+)(?:/([\d.]+))?", values).groups()
        values = [float(low), float(high), float(step or 1)]
    if kind == "@":
        highest, lowest = ["latest", "most recent"], ["earliest"]
    if words := re.search(r" \((\w+), (\w+)\)$", noun):
        highest, lowest, noun = [words[1]], [words[2]], noun[: words.start()]
    return Column(headers, kind, values, claims, questions, noun, highest, lowest)


def read_subjects():
    """The subjects of each split."""
    splits, split = {}, None
    for line in (SOURCES / "subjects.txt").read_text(encoding="utf-8").splitlines():
        parts = [part.strip() for part in line.split("|")]
        if line.startswith("["):
            split = splits.setdefault(line.strip("[]"), [])
        elif line.startswith("= "):
            one, many = parts[0][2:].rstrip(" !").split(", ")
            split.append(Subject(one, many, "!" in parts[0], (parts + ["{}"])[1]))
        elif line and not line.startswith("#"):
            split[-1].columns.append(read_column(parts))
    return splits
