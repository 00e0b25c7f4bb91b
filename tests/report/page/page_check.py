#!/usr/bin/env python3
"""Drives a headless Chromium over the report's page and asserts what the page must do.

    page_check.py [CASE...]

Skipped where there is no chromium: it is a package of its own in Debian.
"""

import copy
import json
import re
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import esprima
from playwright.sync_api import sync_playwright

import make_samples
from make_page import MARK, TEMPLATE, make_page

LIMIT = 40000  # bytes of the template
CASES = []


def case(function):
    CASES.append(function)
    return function


def sample(name):
    return make_samples.ALL[name]()


def document(*runs, search=None):
    return {"version": 1, "program": "graft 0.9.0", "runs": list(runs), "learning_rate_search": search}


def train(step, loss, **more):
    row = {"kind": "train", "step": step, "loss": loss, "learning_rate": 1e-5, "grad_norm": 0.8, "tokens": 100 * step,
           "tokens_per_second": 400.0, "memory": 10 ** 9, "seconds": 1.0 * step, "skipped": 0, "spikes": 0}
    row.update(more)
    return row


def held(step, loss):
    return {"kind": "validation", "step": step, "loss": loss, "seconds": 1.0 * step}


class Browser:
    """Opens pages and notes every error and every request."""

    def __init__(self, chromium, folder):
        self.chromium, self.folder, self.count, self.contexts = chromium, folder, 0, []

    def open(self, data, width=1280, height=900, **options):
        self.count += 1
        path = Path(self.folder) / f"page{self.count}.html"
        path.write_text(make_page(data), encoding="utf-8")
        context = self.chromium.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("dialog", lambda dialog: (page.faults.append("a dialog opened"), dialog.dismiss()))
        page.on("request", lambda r: page.faults.append("request " + r.url)
                if r.url != path.as_uri() and not r.url.startswith("data:") else None)
        begin = time.perf_counter()
        page.goto(path.as_uri())
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        page.took = time.perf_counter() - begin
        clean(page)
        return page

    def close(self):
        for context in self.contexts:
            context.close()
        self.contexts = []


def clean(page):
    assert page.faults == [], page.faults


def curves(page, chart=None, kind=""):
    return page.locator((f"#chart-{chart} " if chart else "") + ".plot .curve" + (f".{kind}" if kind else "")).count()


def numbers(page):
    """Coordinates that are not numbers draw nothing, and nobody is told."""
    bad = page.evaluate("Array.from(document.querySelectorAll('svg *')).flatMap(n => Array.from(n.attributes))"
                        ".filter(a => a.name !== 'class' && /NaN|undefined|Infinity/.test(a.value)).map(a => a.name + '=' + a.value)")
    assert bad == [], bad[:5]
    shown = page.inner_text("main")
    for word in ("NaN", "undefined", "Infinity", "[object", "null"):
        assert word not in shown, word


def fits(page):
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def tip(page):
    rows = page.evaluate("Array.from(document.querySelectorAll('.tip tr')).map(r => Array.from(r.children).map(c => c.textContent))")
    return {row[0]: row[1:] for row in rows}


def hover(page, chart="loss", part=0.5):
    plot = page.locator(f"#chart-{chart} .plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)


def head_step(rows):
    return int(re.fullmatch(r"Step ([\d,]+)", next(iter(rows))).group(1).replace(",", ""))


def ticks(page, chart, axis):
    return page.locator(f"#chart-{chart} .plot .{axis}tick").all_text_contents()


def same(text, value):
    """Python and the browser round a half differently."""
    return abs(float(text.replace(",", "")) - value) <= 0.00051


def is_125(texts):
    values = [float(text.replace(",", "")) for text in texts]
    assert len(values) > 1, texts
    steps = {float(f"{b - a:.6g}") for a, b in zip(values, values[1:])}
    assert len(steps) == 1, texts
    assert f"{steps.pop():e}"[0] in "125", texts


@case
def template(browser):
    text = TEMPLATE.read_text(encoding="utf-8")
    assert len(text.encode()) < LIMIT, len(text.encode())
    assert text.count(MARK) == 1
    assert f'<script id="graft-data" type="application/json">{MARK}</script>' in text
    assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "document.write" not in text
    links = re.findall(r"(?:https?:)?//[\w.]+\.\w+", re.sub(r"http://www\.w3\.org/2000/svg", "", text))
    assert links == [], links
    script = re.search(r"<script>\n(.*)</script>", text, re.S).group(1)
    tree = esprima.parseScript(script)  # esprima knows ES2017 and nothing newer
    longest = max(n.loc.end.line - n.loc.start.line + 1 for n in esprima.parseScript(script, {"loc": True}).body
                  if n.type == "FunctionDeclaration")
    assert tree.body and longest <= 24, longest


@case
def one_run(browser):
    page = browser.open(sample("one"))
    assert [curves(page, c) for c in ("loss", "learning_rate", "tokens_per_second", "memory", "grad_norm")] == [3, 1, 2, 1, 2]
    assert curves(page) == 9
    assert page.locator("h1").inner_text() == "letters"
    assert page.locator(".status").inner_text() == "Finished"
    assert page.locator(".figures > div").count() == 6
    assert page.locator("h2").all_inner_texts() == ["Loss", "Samples", "Commands", "Configuration", "Machine"]
    assert page.locator(".sample").count() == 3
    config = sample("one")["runs"][0]["config"]
    assert page.locator(".list").first.locator("tbody tr").count() == (len(config) + 1) // 2
    assert page.locator("table:not(:has(thead th))").count() == 0
    assert page.locator(".plot:not([aria-label])").count() == 0
    best = min((r for r in sample("one")["runs"][0]["metrics"] if r["kind"] == "validation"), key=lambda r: r["loss"])
    words = page.locator("#chart-loss .mark").text_content().split()
    assert [words[0], words[2], words[3]] == ["best", "at", f"{best['step']:,}"] and same(words[1], best["loss"])
    assert page.locator("#chart-loss .plot .skip").get_attribute("d").count("M") == 2
    for chart in ("loss", "tokens_per_second", "memory", "grad_norm"):
        is_125(ticks(page, chart, "y"))
        is_125(ticks(page, chart, "x"))
    numbers(page)
    fits(page)


@case
def hover_reads_the_value(browser):
    data = sample("one")
    page = browser.open(data)
    rows = {(r["kind"], r["step"]): r for r in data["runs"][0]["metrics"]}
    for chart in ("loss", "memory", "grad_norm"):
        for part in (0.2, 0.55, 0.9):
            hover(page, chart, part)
            seen = tip(page)
            step = head_step(seen)
            row = rows["train", step]
            assert same(seen["Training"][0], row["loss"]) and same(seen["Gradient norm"][0], row["grad_norm"]), (seen, row)
            assert seen["Memory"] == [f"{row['memory'] / 1e9:.2f} GB"]
            assert seen["Tokens so far"] == [f"{row['tokens']:,}"]
            assert abs(float(seen["Learning rate"][0]) / row["learning_rate"] - 1) < 0.01
            before = max(s for k, s in rows if k == "validation" and s <= step)
            value, _, place = seen["Validation"][0].partition("at ")
            assert same(value, rows["validation", before]["loss"]) and place == ("" if before == step else f"{before:,}")
            assert page.locator(".cross").count() == 5, "the crosshair must be in all charts"
            assert page.locator(".tip").count() == 1
    page.mouse.move(2, 2)
    assert page.locator(".cross").count() == 0 and page.locator(".tip").count() == 0
    clean(page)


@case
def keyboard_and_touch(browser):
    data = sample("one")
    page = browser.open(data)
    steps = [r["step"] for r in data["runs"][0]["metrics"] if r["kind"] == "train"]
    plot = page.locator("#chart-loss .plot")
    plot.focus()
    for key, step in (("Home", steps[0]), ("ArrowRight", steps[1]), ("ArrowRight", steps[2]), ("ArrowLeft", steps[1]), ("End", steps[-1])):
        page.keyboard.press(key)
        assert head_step(tip(page)) == step, (key, tip(page))
        assert plot.get_attribute("aria-valuetext").startswith(f"Step {step:,}: ")
        assert page.locator("#chart-memory .plot").get_attribute("aria-valuenow") == str(step)
    page.keyboard.press("Escape")
    assert page.locator(".tip").count() == 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    clean(page)
    phone = browser.open(data, 390, 844, has_touch=True)
    box = phone.locator("#chart-loss .plot").bounding_box()
    phone.touchscreen.tap(box["x"] + 200, box["y"] + 80)
    assert head_step(tip(phone)) in steps and phone.locator(".cross").count() == 5
    place = phone.locator(".tip").bounding_box()
    assert place["x"] == 0 and abs(place["width"] - 390) < 1 and abs(place["y"] + place["height"] - 844) < 1
    fits(phone)
    clean(phone)


@case
def comparison(browser):
    data = sample("compare")
    page = browser.open(data)
    assert curves(page, "loss", "main") == 3 and curves(page, "loss", "validation") == 3 and curves(page) == 18
    names = [run["name"] for run in data["runs"]]
    assert sorted(page.locator("#chart-loss .mark").all_text_contents()) == sorted(names)
    assert page.locator("details").count() == 3
    colours = {page.locator(f"#chart-loss .curve.validation.c{i}").evaluate("n => getComputedStyle(n).stroke") for i in range(3)}
    assert len(colours) == 3
    shown = page.locator(".compare tbody").nth(1).locator("tr:not(.group) th").all_inner_texts()
    configs = [run["config"] for run in data["runs"]]
    assert shown == [k for k in configs[0] if len({json.dumps(c[k]) for c in configs}) > 1], shown
    assert page.locator(".compare tbody").nth(0).locator("tr:not(.group)").count() == 6
    hover(page, "loss", 0.4)
    seen = tip(page)
    for column, run in enumerate(data["runs"]):
        row = next(r for r in run["metrics"] if r["kind"] == "train" and r["step"] == head_step(seen))
        assert same(seen["Training"][column], row["loss"])
    page.get_by_role("button", name="Training, each reading").click()
    assert curves(page, kind="raw") == 9 and curves(page) == 27
    page.get_by_role("button", name="Training, each reading").click()
    button = page.get_by_role("button", name="rank-32")
    button.click()
    assert curves(page) == 12 and button.get_attribute("aria-pressed") == "false"
    hover(page, "memory", 0.4)
    assert len(tip(page)["Memory"]) == 2
    for name in ("rank-4", "rank-8-gentle"):
        page.get_by_role("button", name=name).click()
    assert curves(page) == 0
    hover(page, "loss", 0.5)
    button.click()
    assert curves(page) == 6
    numbers(page)
    fits(page)
    twin = copy.deepcopy(data["runs"][0])
    page = browser.open(document(twin, dict(twin, name="again")))
    assert page.locator(".compare tbody").count() == 1, "no row where nothing differs"
    many = [dict(copy.deepcopy(twin), name=f"run number {i}") for i in range(14)]
    page = browser.open(document(*many), 390, 844)
    assert curves(page, "loss", "validation") == 14
    fits(page)
    clean(page)


@case
def search(browser):
    page = browser.open(sample("search"))
    assert curves(page, "search") == 2
    assert page.locator("#chart-search .mark").text_content() == "suggested 2e-4"
    assert ticks(page, "search", "x") == ["1e-6", "1e-5", "1e-4", "1e-3", "0.01"]
    tops = [page.locator(f"#chart-{c}").bounding_box()["y"] for c in ("search", "loss")]
    assert tops[0] < tops[1]
    hover(page, "search", 0.4)
    seen, points = tip(page), sample("search")["learning_rate_search"]["points"]
    rate = float(next(iter(seen)).split()[-1])
    point = min(points, key=lambda p: abs(p["learning_rate"] / rate - 1))
    assert same(seen["Loss"][0], point["loss"]) and same(seen["Smoothed"][0], point["smoothed"])
    assert page.locator(".cross").count() == 1
    numbers(page)
    only = browser.open(document(search={"points": [{"learning_rate": 1e-6, "loss": 2.4, "smoothed": None},
                                                    {"learning_rate": 1e-5, "loss": None}, {"learning_rate": 1e-4, "loss": 2.0}], "suggested": None}))
    assert curves(only) == 1
    numbers(only)
    single = browser.open(document(search={"points": [{"learning_rate": 1e-6, "loss": 2.4, "smoothed": 2.4}], "suggested": 1e-6}))
    numbers(single)


@case
def few_readings(browser):
    page = browser.open(document({"name": "one point", "metrics": [train(10, 2.3)]}))
    assert curves(page, "loss", "main") == 1 and curves(page, "loss") == 1
    assert page.locator("#chart-loss .dots").count() == 1, "a single reading must be visible"
    hover(page)
    assert tip(page)["Training"] == ["2.300"] and "Validation" not in tip(page)
    numbers(page)
    page = browser.open(document({"name": "no validation", "metrics": [train(i, 3 - i / 100) for i in range(1, 101)]}))
    assert curves(page, "loss") == 2 and page.locator("#chart-loss .mark").count() == 0
    assert page.get_by_role("button", name="Validation").count() == 0
    hover(page)
    numbers(page)
    page = browser.open(document({"name": "only validation", "metrics": [held(0, 3.0), held(100, 2.5)]}))
    assert curves(page) == 1
    hover(page)
    numbers(page)
    page = browser.open(document({"name": "one validation", "metrics": [train(5, 2.0), held(5, 2.5)]}))
    hover(page)
    numbers(page)
    for metrics in ([], None, [{"kind": "other"}], [train(10, None)]):
        page = browser.open(document({"name": "nothing", "metrics": metrics}))
        assert curves(page, "loss") == 0
        numbers(page)
    page = browser.open(document())
    numbers(page)
    page = browser.open(document({"name": "a", "metrics": []}, {"name": "b", "metrics": [train(1, 2.0)]}))
    assert curves(page, "loss") == 1
    hover(page)
    numbers(page)


@case
def skipped_steps(browser):
    rows = [train(i, 3 - i / 100, skipped=int(i >= 40)) for i in range(1, 101)]
    rows[59] = train(60, None, grad_norm=None, skipped=1)
    page = browser.open(document({"name": "skips", "metrics": rows}))
    assert page.locator("#chart-loss .plot .skip").get_attribute("d").count("M") == 2
    assert page.locator(".legend").inner_text().strip().endswith("Skipped step")
    page.locator("#chart-loss .plot").focus()
    page.keyboard.press("Home")
    for _ in range(59):
        page.keyboard.press("ArrowRight")
    assert head_step(tip(page)) == 60 and tip(page)["Training"] == ["skipped"]
    numbers(page)


@case
def odd_numbers(browser):
    rows = [train(i, 2.0) for i in range(1, 101)]
    rows[50]["loss"], rows[70]["grad_norm"] = 1e30, 1e300
    page = browser.open(document({"name": "spike", "metrics": rows}))
    hover(page)
    numbers(page)
    page = browser.open(document({"name": "zeros", "metrics": [train(i, 0, learning_rate=0, grad_norm=0, tokens_per_second=0, memory=0) for i in range(20)]}))
    hover(page)
    numbers(page)
    page = browser.open(document({"name": "below", "metrics": [train(i, -1 - i * 1e-6, tokens_per_second=i * 1e6, memory=i * 1e11) for i in range(20)]}))
    hover(page)
    numbers(page)
    fits(page)
    rates = [10 ** (-3 - 4 * i / 99) for i in range(100)]
    page = browser.open(document({"name": "log", "metrics": [train(i, 2.0, learning_rate=rates[i]) for i in range(100)]}))
    assert ticks(page, "learning_rate", "y") == ["1e-7", "1e-6", "1e-5", "1e-4", "1e-3"], ticks(page, "learning_rate", "y")
    page = browser.open(document({"name": "from zero", "metrics": [train(i, 2.0, learning_rate=rates[99 - i] if i else 0) for i in range(100)]}))
    assert len(ticks(page, "learning_rate", "y")) > 3
    hover(page, "learning_rate", 0.1)
    numbers(page)
    again = [train(i, 3.0) for i in range(1, 61)] + [train(i, 2.0) for i in range(31, 101)]
    page = browser.open(document({"name": "resumed", "metrics": again}))
    hover(page, "loss", 0.5)
    assert tip(page)["Training"] == ["2.000"], "of a step logged twice the later reading counts"
    page = browser.open(document({"name": "resumed late", "metrics": [train(i, 3.0) for i in range(150000, 250000, 1000)]}))
    is_125(ticks(page, "loss", "x"))
    wrong = [dict(train(1, 2.0), step="7"), dict(train(1, 2.0), step=None), train(3, "2.0"), None, 5, train(4, 2.5), train(8, True), {"kind": "train"}]
    page = browser.open(document({"name": "wrong types", "metrics": wrong}))
    hover(page)
    assert tip(page)["Training"][0].startswith("2.500")


@case
def missing_parts(browser):
    full = sample("one")["runs"][0]
    optional = [key for key in full if key not in ("name", "metrics")]
    heads = {"samples": "Samples", "commands": "Commands", "config": "Configuration", "machine": "Machine"}
    for key in optional:
        for change in ("gone", "null"):
            run = {k: v for k, v in full.items() if k != key}
            if change == "null":
                run[key] = None
            page = browser.open(document(run))
            assert curves(page) == 9
            if key in heads:
                assert heads[key] not in page.locator("h2").all_inner_texts()
            browser.close()
    page = browser.open(document({k: full[k] for k in ("name", "metrics")}))
    assert page.locator("h2").all_inner_texts() == ["Loss"]
    bare = [{k: r[k] for k in ("kind", "step", "loss")} for r in full["metrics"]]
    page = browser.open(document({"name": "bare", "metrics": bare}))
    assert curves(page) == 3 and page.locator(".chart").count() == 1
    hover(page)
    assert set(tip(page)) - {next(iter(tip(page)))} == {"Training", "Smoothed", "Validation"}
    page = browser.open({"runs": [{"name": "least", "metrics": bare}]})
    assert curves(page) == 3
    page = browser.open(document(*({"name": n, "metrics": bare} for n in "ab")))
    assert curves(page, "loss") == 4


HOSTILE = ["</script><script>window.hacked = 1</script>", "<img src=x onerror=\"window.hacked = 1\">",
           "'\"`><svg onload=window.hacked=1>", "${window.hacked = 1}", "javascript:window.hacked=1",
           "<!-- <script> --> ]]> &lt;b&gt; &amp;", "مرحبا بالعالم 123 (abc) עברית", "\u202etxt.exe\u202c end", "W" * 4000,
           "line one\nline two\ttab", "日本語" * 300, "😀" * 200, "\u2028\u2029\u0000 control", " ", "__proto__"]


@case
def hostile_texts(browser):
    for index, text in enumerate(HOSTILE):
        metrics = sample("one")["runs"][0]["metrics"][:60]
        run = {"name": text, "status": text, "note": text, "metrics": metrics,
               "config": {text: text, "list": [text, None, 1], "object": {"a": text}, "empty": "", "yes": True},
               "machine": {"cpu": text, "threads": text, "memory": text, "kernels": text, "system": text},
               "summary": [[text, text], [text + " (x)", "4 (" + text + ")"]],
               "samples": [{"prompt": text, "before": text, "after": text}],
               "commands": [{"what": text, "command": text}]}
        data = document(run)
        data["program"] = text
        other = dict(copy.deepcopy(run), name=text + "2", config={"list": [text], "more": text})
        for both in (data, dict(data, runs=[run, other])):
            for width in (1280, 390):
                page = browser.open(both, width, 844)
                page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
                hover(page)
                assert page.evaluate("window.hacked") is None
                assert page.locator("img, iframe, object, embed, form, a, input, [onload], [onerror], main script, main style").count() == 0
                assert page.locator("script").count() == 2
                assert page.locator("code").first.text_content() == text
                assert page.locator(".before").first.text_content() == text
                assert page.locator("h1").text_content() == text or len(both["runs"]) > 1
                assert page.locator(".list td").first.text_content() == text or len(both["runs"]) > 1
                fits(page)
                clean(page)
                browser.close()
    page = browser.open(document({"name": "rtl", "metrics": [], "samples": [{"prompt": HOSTILE[6], "before": HOSTILE[6], "after": "abc"}]}))
    wide = "n => { const r = document.createRange(); r.selectNodeContents(n); return r.getBoundingClientRect().right - n.getBoundingClientRect().right }"
    assert abs(page.locator(".before").evaluate(wide)) < 2, "a text from right to left starts at the right"


@case
def copy_button(browser):
    data = sample("one")
    page = browser.open(data)
    page.locator(".copy").nth(1).click()
    assert page.locator(".copy").nth(1).inner_text() == "Copied"
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").focus()
    page.keyboard.press("Control+V")
    assert page.locator("textarea").input_value() == data["runs"][0]["commands"][1]["command"]
    clean(page)


def contrast(a, b):
    def light(colour):
        parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@case
def colours(browser):
    backs = set()
    for scheme in ("light", "dark"):
        page = browser.open(sample("one"), color_scheme=scheme)
        value = lambda name: page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
        full = lambda c: c if len(c) == 7 else "#" + "".join(2 * x for x in c[1:])
        back = full(value("back"))
        backs.add(back)
        for name in ("ink", "soft", "good", "warn", "bad", "c0", "c1", "c2", "c3", "c4", "c5"):
            ratio = contrast(full(value(name)), back)
            assert ratio >= 4.5, (scheme, name, ratio)
    assert len(backs) == 2
    page.emulate_media(media="print", color_scheme="dark")
    style = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert style == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"], style


@case
def print_and_size(browser):
    page = browser.open(sample("compare"), color_scheme="dark")
    page.evaluate("window.addEventListener('beforeprint', () => { window.inPrint = [document.querySelectorAll('details[open]').length,"
                  " document.querySelector('#chart-loss .plot svg').getAttribute('viewBox')] })")
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF") and b"Page" in pdf
    assert page.evaluate("window.inPrint") == [3, "0 0 700 340"], page.evaluate("window.inPrint")
    assert page.locator("details[open]").count() == 0, "what was folded is folded again"
    wide = page.locator("#chart-loss .plot svg").get_attribute("viewBox")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('#chart-loss .plot svg').viewBox.baseVal.width < 400")
    assert wide != page.locator("#chart-loss .plot svg").get_attribute("viewBox")
    for width in (320, 390, 640, 641, 768, 861, 1024, 1920):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(60)
        fits(page)
    clean(page)


@case
def many_lines(browser):
    source = [r for r in sample("one")["runs"][0]["metrics"] if r["kind"] == "train"]
    rows = [dict(source[i % len(source)], step=i + 1, loss=None if i % 997 == 0 else 2 + (i * 7919 % 1000) / 1000) for i in range(196000)]
    rows += [held(50 * i, 2.5 - i / 8000) for i in range(1, 4001)]
    page = browser.open(document({"name": "long", "metrics": rows}))
    if page.took >= 3:  # the machine may be busy with something else
        page = browser.open(document({"name": "long", "metrics": rows}))
    assert curves(page) == 9
    length = page.evaluate("Math.max(...Array.from(document.querySelectorAll('.curve'), c => c.getAttribute('d').length))")
    begin = time.perf_counter()
    for part in range(20, 90, 5):
        hover(page, "loss", part / 100)
    moves = (time.perf_counter() - begin) / 14
    print(f"    200,000 lines: shown in {page.took:.2f} s, {moves * 1000:.0f} ms a move, longest path {length // 1000} kB")
    assert page.took < 3 and moves < 0.1 and length < 200000
    numbers(page)


def main():
    found = shutil.which("chromium")
    if not found:
        print("skipped: there is no chromium")
        return
    failed = 0
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        chromium = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        browser = Browser(chromium, folder)
        for function in CASES if not sys.argv[1:] else [f for f in CASES if f.__name__ in sys.argv[1:]]:
            try:
                function(browser)
                print("ok    " + function.__name__, flush=True)
            except Exception:
                failed += 1
                print("WRONG " + function.__name__ + "\n" + traceback.format_exc(limit=3), flush=True)
            browser.close()
        chromium.close()
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
