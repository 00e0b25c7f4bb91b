#!/usr/bin/env python3
"""Compares graft with AutoTokenizer on folders whose files disagree about the tokenizer.

    tokenizer_classes.py DRIVER [--folders N] [--seed N]

Every class that builds a pipeline of its own is loaded beside a tokenizer.json of another make, with random
configs: flags, named tokens and nulls, lists of added tokens, the older side files. The ids are the same, or
graft refuses the folder by name; that it may do only for what docs/tokenizers.md lists.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import warnings

import tokenizer_parity
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.utils import logging

CLASSES = ["GPT2Tokenizer", "GPT2TokenizerFast", "CodeGenTokenizer", "GPTNeoXTokenizer", "Qwen2Tokenizer",
           "Qwen2TokenizerFast", "GemmaTokenizer", "LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer",
           "PreTrainedTokenizerFast", "TokenizersBackend", None]
MODEL_TYPES = [None, "llama", "qwen2", "qwen3", "gemma2", "mistral", "starcoder2", "phi", "stablelm",
               "olmo2", "smollm3", "granite"]
SPECIALS = ["<|endoftext|>", "<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<mask>"]
NAMED = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token"]
REFUSED = ["split_special_tokens", "its place in the vocabulary", "no free id", "no BPE"]


def train(model, pre_tokenizer, specials, alphabet):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(list(tokenizer_parity.SCRIPTS.values()) * 3, trainer)
    return tokenizer


def byte_level(rng):
    """Byte-level BPE with digits apart, as SmolLM2 and StarCoder2 have it."""
    cut = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                   pre_tokenizers.ByteLevel(add_prefix_space=rng.random() < 0.3)])
    tokenizer = train(models.BPE(), cut, rng.sample(SPECIALS, rng.randrange(1, 6)),
                      pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def metaspace(rng):
    """BPE on characters with byte fallback, as Llama 2 and Gemma have it."""
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    unknown = rng.choice(["<unk>", None])
    specials = ["<unk>", *rng.sample([s for s in SPECIALS if s != "<unk>"], rng.randrange(1, 6)), *fallback]
    tokenizer = train(models.BPE(unk_token=unknown, byte_fallback=True, fuse_unk=True),
                      pre_tokenizers.Metaspace(), specials, [])
    document = json.loads(tokenizer.to_str())
    document["added_tokens"] = [t for t in document["added_tokens"] if t["content"] not in fallback]
    document["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    document["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return tokenizer


def change(tokenizer, rng):
    """A tokenizer.json with this and that which classes may or may not take over."""
    known = list(tokenizer.get_added_tokens_decoder().values())
    if rng.random() < 0.3:
        tokenizer.add_tokens([AddedToken("quick", normalized=rng.random() < 0.5, lstrip=rng.random() < 0.5)])
    if rng.random() < 0.5:
        token = rng.choice(known).content
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{token} $A", pair=f"{token} $A $B", special_tokens=[(token, tokenizer.token_to_id(token))])
    if rng.random() < 0.3:
        tokenizer.normalizer = rng.choice([normalizers.NFC(), normalizers.NFKC(), normalizers.Lowercase()])
    if rng.random() < 0.2:
        tokenizer.enable_padding(pad_token=rng.choice(SPECIALS))
    document = json.loads(tokenizer.to_str())
    if rng.random() < 0.3:
        document["model"]["ignore_merges"] = True
    return document


def token_value(rng, text):
    return rng.choice([text, text, None, {"__type": "AddedToken", "content": text, "lstrip": rng.random() < 0.3,
                                          "rstrip": rng.random() < 0.3, "normalized": False, "single_word": False}])


def random_config(rng, document):
    config = {}
    for name in NAMED:
        if rng.random() < 0.4:
            config[name] = token_value(rng, rng.choice([*SPECIALS, "<|new|>", "brown"]))
    for name in ["add_bos_token", "add_eos_token", "add_prefix_space", "legacy"]:
        if rng.random() < 0.25:
            config[name] = rng.random() < 0.5
    if rng.random() < 0.2:
        config["image_token"] = token_value(rng, "<image>") or "<image>"
    for name in ["extra_special_tokens", "additional_special_tokens"]:
        if rng.random() < 0.2:
            config[name] = rng.sample(["<one>", "<two>", "fox", "<s>"], 2)
    if rng.random() < 0.1:
        config["model_specific_special_tokens"] = {"audio_token": "<audio>"}
    if rng.random() < 0.5:
        added = document["added_tokens"]
        chosen = [token for token in added if rng.random() < 0.8]
        config["added_tokens_decoder"] = {
            str(token["id"]): {key: value for key, value in token.items() if key != "id"} | (
                {"lstrip": True} if rng.random() < 0.2 else {}) | ({"special": False} if rng.random() < 0.2 else {})
            for token in chosen}
    return config


def write_folder(folder, rng):
    folder.mkdir()
    document = change(byte_level(rng) if rng.random() < 0.6 else metaspace(rng), rng)
    (folder / "tokenizer.json").write_text(json.dumps(document))
    config = random_config(rng, document)
    name = rng.choice(CLASSES)
    if name:
        config["tokenizer_class"] = name
    if rng.random() < 0.95:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    model_type = rng.choice(MODEL_TYPES)
    if model_type:
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    if rng.random() < 0.3:
        tokens = {key: rng.choice(SPECIALS) for key in NAMED if rng.random() < 0.4}
        (folder / "special_tokens_map.json").write_text(json.dumps(tokens))
    return {"class": name, "model_type": model_type, "config": config}


def expected_ids(folder, texts):
    """AutoTokenizer's, or the error with which it refuses the folder."""
    try:
        auto = AutoTokenizer.from_pretrained(folder)
        return type(auto).__name__, [auto(text).input_ids for text in texts]
    except Exception as error:  # any: the reference has no type of its own for a broken folder
        return "error", f"{type(error).__name__}: {error}"


def found_ids(driver, folder, texts):
    try:
        return tokenizer_parity.run_driver(driver, folder, texts, "ids")
    except subprocess.CalledProcessError as error:
        return error.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver")
    parser.add_argument("--folders", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=pathlib.Path, help="where folders that differ are kept")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.set_verbosity(logging.CRITICAL)
    texts = [*tokenizer_parity.SCRIPTS.values(), "", " ", "the quick brown fox 2024 ", "a<s>b </s> c<unk>",
             "<|endoftext|> x<pad>y <bos>z<eos> <mask><|new|> <image><one><two><audio>", "  two  spaces", "QUICK fox"]
    counts = {"equal": 0, "refused": 0, "refused by both": 0, "taken where AutoTokenizer fails": 0, "different": 0}
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(options.folders):
            rng = random.Random(options.seed * 100_000 + i)
            folder = pathlib.Path(scratch, str(i))
            what = write_folder(folder, rng)
            name, expected = expected_ids(folder, texts)
            found = found_ids(options.driver, folder, texts)
            if name == "error":
                verdict = "refused by both" if isinstance(found, str) else "taken where AutoTokenizer fails"
            elif isinstance(found, str):
                verdict = "refused" if any(part in found for part in REFUSED) else "different"
            else:
                verdict = "equal" if found == expected else "different"
            counts[verdict] += 1
            if verdict == "different":
                print(f"folder {i}: {name}: {json.dumps(what, ensure_ascii=False)}")
                if isinstance(found, str):
                    print(f"  {found}")
                else:
                    tokenizer_parity.report("ids", texts, expected, found)
                if options.keep:
                    shutil.copytree(folder, options.keep / str(i), dirs_exist_ok=True)
            shutil.rmtree(folder)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if counts["different"] or counts["equal"] < options.folders // 2:
        sys.exit("ids differ, or too few folders were compared")


if __name__ == "__main__":
    main()
