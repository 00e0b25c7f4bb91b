"""Rows for a table, on which a question's answer can be run."""

ROWS = 6  # at least


def text_type(column):
    return not column.is_number()


class Rows:
    """The rows of one example: some that its conditions fit, for each condition one that only this one rules out, and
    others. A reference gives something, and a query that lacks a condition, or has another, gives something else."""

    def __init__(self, dice, table):
        self.dice, self.table = dice, table
        self.aggregate, self.selected, self.conditions = table.asked
        self.of_column = {c.header: c for c in self.conditions}

    def make(self):
        """The rows, as lists of values in the order of the columns."""
        keyed = any(column.kind == "*" and header in self.of_column for header, column in self.table.columns)
        if not self.conditions:
            kinds = [None] * (ROWS + self.dice.below(3))
        else:
            fitting = 1 if keyed else self.dice.pick([2, 3, 4] if self.aggregate else [1, 1, 1, 2, 3])
            kinds = [None] * fitting + list(self.conditions)
            kinds += [self.conditions] * max(1, ROWS - len(kinds))
        columns = [self.values(header, column, kinds) for header, column in self.table.columns]
        rows = [list(row) for row in zip(*columns)]
        return self.dice.sample(rows, len(rows))

    def values(self, header, column, kinds):
        """A column's value for each row; `kinds` says which conditions a row must not fit."""
        condition, values = self.of_column.get(header), []
        for kind in kinds:
            if condition is None:
                value = self.fresh(column, values)
            elif kind is condition or isinstance(kind, list):
                value = self.unfitting(condition, column, values)
            else:
                value = self.fitting(condition, column, values)
            values.append(value)
        if header == self.selected and self.aggregate in ("MAX", "MIN"):
            values.sort(reverse=self.aggregate == "MIN")  # the rows that do not fit have the extremes
        return values

    def any_value(self, column):
        return self.table.number_value(column, column.values[0]) if column.is_number() else self.table.text_value(column)

    def fresh(self, column, taken, fits=lambda value: True):
        """A value that is not taken, if one is soon found; None if none of those found fits."""
        value = None
        for _ in range(30):
            candidate = self.any_value(column)
            if fits(candidate):
                value = candidate
                if candidate not in taken:
                    break
        return value

    def fitting(self, condition, column, taken):
        if condition.operator == "=":
            return condition.value
        sign = 1 if condition.operator == ">" else -1
        value = self.fresh(column, taken, lambda v: sign * (v - condition.value) > 0)
        if value is None or value in taken:
            step = column.values[2]
            value = round((condition.value + sign * step * (1 + self.dice.below(9))) * 1000) / 1000
        return value

    def unfitting(self, condition, column, taken):
        if condition.operator == "=":
            value = self.fresh(column, taken, lambda v: v != condition.value)
            return value if value is not None else self.other(condition.value)
        # The bound itself, once: "more than" is not "at least".
        if condition.value not in taken:
            return condition.value
        sign = 1 if condition.operator == ">" else -1
        value = self.fresh(column, taken, lambda v: sign * (v - condition.value) <= 0)
        return condition.value if value is None else value

    @staticmethod
    def other(value):
        return value + 1 if isinstance(value, float) else f"other than {value}"


def as_json(value):
    """Whole numbers as such."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def table_with_rows(dice, table):
    """The record's member `table`."""
    before = table.dice
    table.dice = dice
    rows = Rows(dice, table).make()
    table.dice = before
    return {
        "name": table.number,
        "columns": table.headers(),
        "types": ["text" if text_type(column) else "real" for _, column in table.columns],
        "rows": [[as_json(value) for value in row] for row in rows],
    }
