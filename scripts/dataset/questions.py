"""Questions about a table, in English and in SQL."""

import re
from dataclasses import dataclass

# Participles and prepositions after which "that is" and "that was" can go: "the novel written by ...".
REDUCIBLE = re.compile(
    r"(?:is|was) ((?!red\b|restored|used to)\w+ed|written|made|built|set|held|led|won|drawn|sung|found"
    r"|grown|sold|known|taught|run|let|in|on|at|by|from|about|under) "
)
UNITS = re.compile(
    r"\{\} (?:cm|km|kg|mm|kW|GB|MHz|MW|ha|dollars|meters|hours|minutes|seconds|days|weeks|months|years"
    r"|percent|million|tons|liters|horsepower|square|cubic|megawatts|hectares|grams|inches|feet"
    r"|nautical|mAh|mg|hPa|light|times)\b"
)


def plural_verb(claim):
    """A claim about several rows: "has 3 gates" becomes "have 3 gates"."""
    verb, _, rest = claim.partition(" ")
    irregular = {"is": "are", "was": "were", "has": "have", "goes": "go", "does": "do"}
    if verb in irregular:
        verb = irregular[verb]
    elif verb.endswith("ies"):
        verb = verb[:-3] + "y"
    elif re.search(r"(ch|sh|ss|x)es$", verb):
        verb = verb[:-2]
    elif verb.endswith("s"):
        verb = verb[:-1]
    return f"{verb} {rest}"


def number_text(value):
    return f"{value:.10g}"


@dataclass
class Condition:
    claim: str  # "was built before 1990"
    header: str
    operator: str
    value: object  # a text or a float

    @property
    def sql(self):
        value = number_text(self.value) if isinstance(self.value, float) else f"'{self.value}'"
        return f"{self.header} {self.operator} {value}"


class Table:
    """One table: its columns under the headers that it gives them, and questions about it."""

    def __init__(self, dice, pools, subject, number):
        self.dice, self.pools, self.subject, self.number = dice, pools, subject, number
        key, others = subject.columns[0], subject.columns[1:]
        columns = [key] + dice.sample(others, 3 + dice.below(min(5, len(others) - 2)))
        if dice.chance(0.15):
            columns = dice.sample(columns, len(columns))
        self.columns = [(dice.pick(column.headers), column) for column in columns]
        self.key = next(header for header, column in self.columns if column.kind == "*")

    def headers(self):
        return [header for header, _ in self.columns]

    def text_value(self, column):
        text = self.dice.pick(column.values)
        while match := re.search(r"<(\w+)>", text):
            text = text[: match.start()] + self.dice.pick(self.pools[match[1]]) + text[match.end() :]
        return text

    def number_value(self, column, least):
        """A value that is not at the ends of the range, at least `least`."""
        low, high, step = column.values
        steps = round((high - low) / step)
        while True:
            # Small numbers are as frequent as large ones where the range spans several powers of ten.
            share = self.dice.random() ** (3 if high > 100 * max(low, 1) else 1)
            value = round((low + step * (1 + int(share * (steps - 1)))) * 1000) / 1000
            if value >= least:
                return value

    def condition(self, header, column):
        dice, claim = self.dice, self.dice.pick(column.claims)
        if not column.is_number():
            value = self.text_value(column)
            claim = claim.lstrip("=")
            if value[0] in "aeioAEIO":
                claim = claim.replace(" a {}", " an {}")
            return Condition(claim.replace("{}", value), header, "=", value)
        operator = "=" if claim.startswith("=") else dice.weighted({"=": 5, ">": 3, "<": 3})
        claim = claim.lstrip("=")
        # No "1 goals": where the number counts something, it is at least 2.
        countable = re.search(r"\{\} (?:[a-z]+ )?[a-z]+s\b", claim) is not None
        number = self.number_value(column, 2 if countable else column.values[0])
        value = shown = number_text(number)
        if column.kind != "@" and len(value) > 3 and value.isdigit() and dice.chance(0.25):
            shown = f"{int(value):,}"
        if column.kind == "@":
            words = {"=": ["in"], ">": ["after"], "<": ["before"]}
        else:
            few = ["fewer than"] if countable and not UNITS.search(claim) else ["less than"]
            words = {"=": [""], ">": ["more than", "more than", "over"], "<": few * 2 + ["under"]}
        phrase = f"{dice.pick(words[operator])} {shown}".strip()
        return Condition(claim.replace("{}", phrase), header, operator, number)

    def conditions(self, count, but, plural=False):
        """`count` conditions on columns other than the key and `but`; `plural`: several rows fit."""
        free = [(h, c) for h, c in self.columns if c.kind != "*" and h != but]
        if plural and not all(c.identifies() for _, c in free):
            free = [(h, c) for h, c in free if not c.identifies()]
        chosen = self.dice.sample(free, min(count, len(free)))
        return [self.condition(header, column) for header, column in chosen]

    def who(self):
        return "who" if self.subject.people else "that"

    def joined(self, conditions, plural):
        claims = [plural_verb(c.claim) if plural else c.claim for c in conditions]
        if len(claims) > 2:
            return f"{', '.join(claims[:-1])} and {claims[-1]}"
        return " and ".join(claims)

    def described(self, conditions, plural=False):
        """The row or rows of the conditions, as a noun phrase without article."""
        noun = self.subject.many if plural else self.subject.one
        if len(conditions) == 1 and self.dice.chance(0.6):
            claim = conditions[0].claim
            if REDUCIBLE.match(claim):
                return f"{noun} {claim.partition(' ')[2]}"
            if re.match(r"has (?!been|had|won|earned|run|scored|erupted|seen)", claim):
                return f"{noun} with {claim[4:]}"
        return f"{noun} {self.who()} {self.joined(conditions, plural)}"

    def sql(self, aggregate, header, conditions):
        self.asked = (aggregate, header, conditions)  # of the last question
        text = f"SELECT {aggregate + ' ' if aggregate else ''}{header} FROM {self.number}"
        if conditions:
            text += " WHERE " + " AND ".join(c.sql for c in conditions)
        return text

    def ask_cell(self, count):
        """A cell of the row with a given name, or of the row with other properties."""
        header, column = self.dice.pick([(h, c) for h, c in self.columns if c.kind != "*"])
        if self.dice.chance(0.5):
            key = next(c for _, c in self.columns if c.kind == "*")
            name = self.text_value(key)
            row = name if "'s " in name else self.subject.name.replace("{}", name)
            conditions = [Condition("", self.key, "=", name)]
        else:
            conditions = self.conditions(count, header)
            row = f"the {self.described(conditions)}"
        forms = column.questions * 3 + [
            f"What is the {column.noun} of {{}}?",
            f"Name the {column.noun} of {{}}.",
            f"Tell me the {column.noun} of {{}}.",
            f"What {column.noun} is listed for {{}}?",
            f"Give the {column.noun} for {{}}.",
            f"I need the {column.noun} of {{}}.",
            f"Find the {column.noun} of {{}}.",
        ]
        question = self.dice.pick(forms).replace("{}", row)
        return question, self.sql("", header, conditions)

    def ask_row(self, count):
        """The name of the rows with given properties."""
        one, many, who = self.subject.one, self.subject.many, self.who()
        conditions = self.conditions(count, None)
        single, several = self.joined(conditions, False), self.joined(conditions, True)
        forms = [f"Which {one} {single}?"] * 3 + [
            f"Which {many} {several}?",
            f"What {one} {single}?",
            f"Name the {self.described(conditions)}.",
            f"List the {self.described(conditions, True)}.",
            f"List all {many} {who} {several}.",
            f"Show me every {one} {who} {single}.",
            f"What is the name of the {self.described(conditions)}?",
            f"Tell me which {one} {single}.",
        ]
        if self.subject.people:
            forms += [f"Who {single}?"] * 4
        return self.dice.pick(forms), self.sql("", self.key, conditions)

    def ask_count(self, count):
        many, who = self.subject.many, self.who()
        conditions = self.conditions(count, None, plural=True)
        if not conditions:
            forms = [f"How many {many} are there?", f"How many {many} are listed?"]
            forms += [f"What is the number of {many} in the table?", f"Count the {many}."]
            return self.dice.pick(forms), self.sql("COUNT", self.key, [])
        several = self.joined(conditions, True)
        forms = [f"How many {many} {several}?"] * 4 + [
            f"How many {self.described(conditions, True)} are there?",
            f"What is the number of {many} {who} {several}?",
            f"Count the {self.described(conditions, True)}.",
            f"What is the total number of {self.described(conditions, True)}?",
        ]
        return self.dice.pick(forms), self.sql("COUNT", self.key, conditions)

    def ask_aggregate(self, aggregate, count):
        numbers = [(h, c) for h, c in self.columns if c.is_number()]
        numbers = [(h, c) for h, c in numbers if c.kind in {"SUM": "#", "AVG": "#~"}.get(aggregate, "#~@")]
        # Only what can be compared is asked for its highest value: not "wears number 7".
        numbers = [(h, c) for h, c in numbers if not c.identifies()]
        if not numbers:
            return self.ask_cell(count)
        header, column = self.dice.pick(numbers)
        words = {"MAX": column.highest, "MIN": column.lowest, "AVG": ["average", "mean"]}
        which = self.dice.pick(words.get(aggregate, ["total", "combined"]))
        conditions = self.conditions(count, header, plural=True)
        phrase = f"{which} {column.noun}"
        if not conditions:
            forms = [
                f"What is the {phrase}?",
                f"What is the {phrase} of all {self.subject.many}?",
                f"What is the {phrase} in the table?",
                f"Find the {phrase} of the {self.subject.many}.",
            ]
        else:
            rows = self.described(conditions, True)
            forms = [f"What is the {phrase} of the {rows}?"] * 2 + [
                f"What is the {phrase} among the {rows}?",
                f"What is the {phrase} for {rows}?",
                f"Of the {rows}, what is the {phrase}?",
                f"Find the {phrase} of the {rows}.",
                f"For the {rows}, what is the {phrase}?",
                f"Give me the {phrase} of all {rows}.",
            ]
        return self.dice.pick(forms), self.sql(aggregate, header, conditions)

    def example(self):
        kind = self.dice.weighted(
            {"cell": 42, "row": 24, "COUNT": 13, "MAX": 7, "MIN": 6, "AVG": 4, "SUM": 4}
        )
        count = self.dice.weighted({1: 68, 2: 26, 3: 6})
        if kind == "cell":
            question, sql = self.ask_cell(count)
        elif kind == "row":
            question, sql = self.ask_row(count)
        else:
            count = 0 if self.dice.chance(0.2) else count
            if kind == "COUNT":
                question, sql = self.ask_count(count)
            else:
                question, sql = self.ask_aggregate(kind, count)
        question = question[0].upper() + question[1:]
        if self.dice.chance(0.08):  # as people type
            question = question[0].lower() + question[1:].rstrip("?.")
        columns = ", ".join(self.headers())
        return f"table: {self.number}\ncolumns: {columns}\nQ: {question}\nA: {sql}"
