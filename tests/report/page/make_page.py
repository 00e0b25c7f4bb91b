"""Puts data into the page, as graft/report/report.cpp does."""

import json
import pathlib

MARK = "/*GRAFT_DATA*/null"
TEMPLATE = pathlib.Path(__file__).resolve().parents[3] / "graft" / "report" / "page.html"


def make_page(data):
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return TEMPLATE.read_text(encoding="utf-8").replace(MARK, text.replace("<", "\\u003c"))
