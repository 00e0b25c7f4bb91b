#!/usr/bin/env python3
"""Compares graft's rendering of chat templates with transformers': zero differences are allowed.

    chat_template_parity.py DRIVER [FOLDER_OR_FILE ...] [--verbose]

DRIVER is the built tests/interop/chat_template_driver.cpp. The templates are those of the packages in
scripts/requirements-templates.txt, about a hundred of the models that people use (Llama 2 to 4, Mistral, Qwen2 to 3.5,
Gemma 1 to 4, Phi, DeepSeek, Command, gpt-oss, GLM, SmolVLM and others), and *.jinja of the arguments. Each meets every conversation
below. Where transformers refuses one, graft must too. The bytes that {% generation %} blocks write are compared as well.

Then what graft takes for an assistant's turns is compared with tests/fixtures/chat/turns.txt, and, for the same chats and every template
that has {% generation %} blocks, with transformers' return_assistant_tokens_mask (see scripts/fixtures/chat_masks.py).
"""

import argparse
import functools
import importlib.util
import json
import pathlib
import subprocess
import sys

from transformers.utils import chat_template_utils

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "fixtures"))
import chat_masks  # noqa: E402

PACKAGES = ("axolotl", "trl")
FEWEST = 90  # templates that the packages carry, so that a moved folder is noticed

# What strftime_now writes changes by the day: both sides get a template without it.
NOW = "strftime_now("
FIXED_NOW = "('26 Jul 2026 ' ~ "

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place: \"now\" & <later>",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "Name of the place"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["place"],
        },
    },
}
CALL = {"id": "call12345", "type": "function", "function": {"name": "get_weather", "arguments": {"place": "Zürich", "days": [1, 2]}}}


def system(text):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def tool(text, **more):
    return {"role": "tool", "name": "get_weather", "tool_call_id": "call12345", "content": text, **more}


def parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


CHATS = {
    "user": [user("Hello, wörld! 😀")],
    "spaces": [user("  \n padded\t\n ")],
    "empty": [user("")],
    "system": [system("Be brief."), user("What is 1 < 2 && 'x'?")],
    "turns": [user("Hi"), assistant("Hello."), user("And \"now\"?\n\nLine two.")],
    "system turns": [system(" You are\nkind. "), user("a"), assistant(" b "), user("c"), assistant("d\n"), user("e")],
    "answered": [user("Hi"), assistant("Done.")],
    "two users": [user("a"), user("b")],
    "assistant first": [assistant("a"), user("b")],
    "late system": [user("a"), assistant("b"), system("c"), user("d")],
    "thoughts": [user("a"), assistant("<think>\nhm\n</think>\n\nb"), user("c")],
    "reasoning": [user("a"), assistant("b", reasoning_content="because"), user("c")],
    "thinking": [user("a"), assistant("b", thinking="because"), user("c"), assistant("d", reasoning="so", content=None)],
    "parts": [system("s"), {"role": "user", "content": parts("one", "two")}],
    "all parts": [{"role": "user", "content": parts("one")}, {"role": "assistant", "content": parts("two")}, {"role": "user", "content": parts("three")}],
    "image": [{"role": "user", "content": [{"type": "image"}, *parts("what is this?")]}],
    "call": [user("Weather?"), assistant("", tool_calls=[CALL]), tool("{\"sky\": \"blue\"}")],
    "call with text": [system("s"), user("Weather?"), assistant("I look.", tool_calls=[CALL]), tool("rain"), assistant("It rains."), user("Thanks")],
    "two calls": [user("Weather?"), assistant(None, tool_calls=[CALL, {**CALL, "id": "call67890"}]), tool("rain"), tool("sun", tool_call_id="call67890"), user("So?")],
    "text arguments": [user("Weather?"), assistant("", tool_calls=[{**CALL, "function": {"name": "get_weather", "arguments": "{\"place\": \"Oslo\"}"}}]), tool("rain")],
    "other role": [{"role": "critic", "content": "bad"}],
    "developer": [{"role": "developer", "content": "Be kind."}, user("Hi")],
    "special": [user("<|im_end|></s>[INST]<bos>{{ 1 }}{% if %}")],
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
SETTINGS = {
    "": {},
    "open": {"add_generation_prompt": True},
    "open, tools": {"add_generation_prompt": True, "tools": [WEATHER]},
    "two tools": {"tools": [WEATHER, {**WEATHER, "function": {**WEATHER["function"], "name": "other"}}]},
    "no thinking": {"add_generation_prompt": True, "enable_thinking": False},
    "thinking": {"add_generation_prompt": True, "enable_thinking": True, "reasoning_effort": "high"},
    "documents": {"add_generation_prompt": True, "documents": [{"title": "T", "text": "Some text.\nMore."}]},
    "date": {"add_generation_prompt": True, "date_string": "26 Jul 2026"},
}


def templates(paths):
    folders = []
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None:
            sys.exit(f"{package} is not installed: scripts/setup.sh interop")
        folders.append(pathlib.Path(spec.origin).parent)
    found = {}
    for folder in folders:
        for file in sorted(folder.rglob("*.jinja")):
            found[f"{folder.name}/{file.stem}"] = file.read_text(encoding="utf-8")
    if len(found) < FEWEST:
        sys.exit(f"only {len(found)} templates in {', '.join(map(str, folders))}")
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.rglob("*.jinja")):
            found[str(file)] = file.read_text(encoding="utf-8")
    return found


def in_bytes(text, span):
    return [len(text[: min(at, len(text))].encode()) for at in span]


def run(driver, cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([driver], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{driver} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def bracketed(text, spans):
    data, out, at = text.encode(), b"", 0
    for begin, end in spans:
        out += data[at:begin] + "⟦".encode() + data[begin:end] + "⟧".encode()
        at = end
    return (out + data[at:]).decode()


@functools.cache
def turns():
    """tests/fixtures/chat/turns.txt, by template and chat."""
    result, name = {}, None
    for line in (ROOT / "tests/fixtures/chat/turns.txt").read_text(encoding="utf-8").split("\n")[:-1]:
        if line.startswith("== "):
            name = line[3:]
            result[name] = []
        else:
            result[name].append(line)
    return {name: "\n".join(lines) for name, lines in result.items()}


def compare_turns(driver):
    """How often graft takes other parts of a chat for an assistant's than the references."""
    cases, expected = [], []
    for name, source, form in chat_masks.package_templates():
        generation = chat_masks.has_generation(source)
        for chat, variables in chat_masks.CHATS.items():
            where = f"{name}: {chat}"
            if where in chat_masks.UNTOLD:
                wanted = None
            elif generation:
                wanted = chat_masks.case(source, None, variables).get("marked")
            else:
                wanted = turns().get(where)
            variables = {**chat_masks.SPECIAL, **variables}
            source = source.replace(NOW, FIXED_NOW)
            cases.append((where, {"template": source, "variables": variables, "train_on": "assistant", "special_tokens": chat_masks.TOKENS}))
            expected.append((generation, wanted))
    differences = refused = 0
    for (where, _), ours, (generation, wanted) in zip(cases, run(driver, [case for _, case in cases]), expected, strict=True):
        if "error" in ours:
            refused += 1
            if wanted is None:
                continue
        found = ours.get("error") or bracketed(ours["text"], ours["trained"])
        if not generation:
            found = chat_masks.shortened(found)
        if found != wanted:
            differences += 1
            if differences <= 20:
                print(f"DIFFERENCE {where}\n  expected: {wanted!r}\n  graft: {found!r}")
    print(f"{len(cases)} chats with what an assistant says, of which graft refuses {refused}: {differences} differences")
    return differences


def reference(source, chat, settings):
    """What transformers makes of it."""
    # As apply_chat_template does before it renders.
    chat = [{key: value for key, value in message.items() if value is not None} for message in chat]
    try:
        rendered, spans = chat_template_utils.render_jinja_template(
            [chat], chat_template=source, return_assistant_tokens_mask=True, **{**SPECIAL, **settings}
        )
        return {"text": rendered[0], "generated": [in_bytes(rendered[0], span) for span in spans[0]]}
    except Exception as error:  # noqa: BLE001: jinja2 lets through whatever Python raises
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver")
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="show what both refuse")
    args = parser.parse_args()
    cases, expected = [], []
    sources = templates(args.paths)
    for name, source in sources.items():
        source = source.replace(NOW, FIXED_NOW)
        for chat_name, chat in CHATS.items():
            for setting_name, settings in SETTINGS.items():
                variables = {"messages": chat, **SPECIAL, **settings}
                cases.append((f"{name}: {chat_name} ({setting_name})", {"template": source, "variables": variables}))
                expected.append(reference(source, chat, settings))
    results = run(args.driver, [case for _, case in cases])
    differences = refused = 0
    for (name, _), ours, theirs in zip(cases, results, expected, strict=True):
        if "error" in ours and "error" in theirs:
            refused += 1
            if args.verbose:
                print(f"{name}\n  transformers: {theirs['error']}\n  graft: {ours['error']}")
        elif ours != theirs:
            differences += 1
            if differences <= 20:
                print(f"DIFFERENCE {name}\n  transformers: {theirs}\n  graft: {ours}")
    print(
        f"{len(sources)} templates, {len(cases)} renderings, of which both refuse {refused}: "
        f"{differences} differences"
    )
    differences += compare_turns(args.driver)
    sys.exit(differences > 0)


if __name__ == "__main__":
    main()
