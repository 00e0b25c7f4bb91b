#!/usr/bin/env python3
"""Holds the templates of Ollama's Modelfiles that graft writes to the chat templates that they stand for: Go's
text/template renders them, transformers renders the others, and the texts are equal.

    ollama_templates.py DRIVER

DRIVER is the built tests/interop/ollama_driver.cpp. The templates are those of chat_template_parity.py. Needs Go.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import chat_template_parity as parity

CHATS = [["user"], ["system", "user"], ["user", "assistant", "user"], ["system", "user", "assistant", "user"],
         ["user", "assistant"] * 3 + ["user"]]
WORDS = ["What is 2 + 2?", "It is 4.\nSurely {{ four }}.", "Thanks: \"quoted\"", "Hello", "And 3 * 3?", "Nine.", "ünïcödé"]
FEWEST = 25


def messages(roles: list[str]) -> list[dict]:
    return [{"role": role, "content": WORDS[i % len(WORDS)]} for i, role in enumerate(roles)]


def lines(command: list, given: list[dict]) -> list:
    text = "".join(json.dumps(one) + "\n" for one in given)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver")
    options = parser.parse_args()
    if shutil.which("go") is None:
        sys.exit("Go is not installed")
    sources = {name: source.replace(parity.NOW, parity.FIXED_NOW) for name, source in parity.templates([]).items()}
    begin = parity.SPECIAL["bos_token"]
    found = lines([options.driver], [{"template": source, "begin": begin, "tokens": parity.SPECIAL}
                                     for source in sources.values()])
    cases, expected, names = [], [], []
    for (name, source), template in zip(sources.items(), found, strict=True):
        if template is None:
            continue
        for roles in CHATS:
            theirs = parity.reference(source, messages(roles), {"add_generation_prompt": True})
            if "error" in theirs:
                continue  # a template without a system message, say
            cases.append({"template": template, "messages": messages(roles)})
            expected.append(theirs["text"].removeprefix(begin))
            names.append(f"{name}: {' '.join(roles)}")
    rendered = lines(["go", "run", pathlib.Path(__file__).with_name("ollama_template.go")], cases)
    differences = 0
    for name, one, text in zip(names, rendered, expected, strict=True):
        if one.get("text") == text:
            continue
        differences += 1
        print(f"DIFFERENCE {name}\n  transformers: {text!r}\n  Ollama: {one}")
    count = sum(template is not None for template in found)
    print(f"{count} of {len(sources)} templates have an equal in a Modelfile: {len(cases)} chats, {differences} differences")
    sys.exit(differences > 0 or count < FEWEST)


if __name__ == "__main__":
    main()
