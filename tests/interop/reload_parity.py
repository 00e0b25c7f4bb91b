#!/usr/bin/env python3
"""Reloads what graft writes, from configs of every age, in transformers and mlx-lm.

    reload_parity.py GRAFT LOGITS_DRIVER [--variants NAME ...]

The models are those of tests/fixtures/families, whose logits PyTorch computed with transformers. Each is written
with three configs: as transformers 5 saves it, as transformers 4 did, and without the keys that have their class's
default. Of each,
  - the dense conversion has the source's tensors, bit for bit, and transformers reads the same config of it: with the
    tensors of its own checkpoint, that is the same model;
  - mlx-lm computes PyTorch's logits with it, unless graft said what mlx-lm leaves out;
  - the quantized conversion, the fused models, the adapter folder, with and without adapters on embedding and head,
    and that of a full fine-tuning, with and without these, give graft's logits in mlx-lm.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import mlx.core as mx
import numpy as np
import tiny_models
from model_parity import load_in_f32, run
from mlx_lm import load
from mlx_lm.tuner.utils import load_adapters
from run_main import run_main
from safetensors.numpy import load_file
from transformers import AutoConfig

FAMILIES = pathlib.Path(__file__).parents[1] / "fixtures" / "families"
TOLERANCE = 2e-4  # of the largest logit
GEMMA_TOLERANCE = 3e-3  # mlx-lm rounds the scale of the embedding to bf16, whatever the model's dtype
LEFT_OUT = "mlx-lm leaves out"
TRAININGS = {"adapter": [], "embedding": [], "full": ["--fine-tune-type", "full"],
             "all": ["--fine-tune-type", "full", "--train-extra", "outside"]}
# Nothing that is computed depends on them.
OTHER_KEYS = {"_name_or_path", "transformers_version", "architectures", "eos_token_id", "bos_token_id"}
# Left out, but without a difference in these few dimensions.
TOO_SMALL_TO_DIFFER = {"llama_yarn_options"}


def values(name, shape):
    """As scripts/fixtures/tiny_families.py has them, in NumPy."""
    mask = 2**64 - 1
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & mask
    with np.errstate(over="ignore"):
        x = (np.uint64(seed) + np.arange(int(np.prod(shape)), dtype=np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    u = (x >> np.uint64(40)).astype(np.float32) / np.float32(2**23) - np.float32(1)
    if name.endswith("bias"):
        u = u * np.float32(0.5)
    elif len(shape) == 1:
        u = np.float32(0.6) + np.float32(0.4) * u
    elif "embed_tokens" in name:
        u = np.float32(1.2) * u
    else:
        u = np.float32(2 / np.sqrt(shape[-1])) * u
    return u.reshape(shape)


def as_transformers_4(config):
    """The same model with the keys of before transformers 5."""
    config = json.loads(json.dumps(config))
    for part in [config, config.get("text_config", {})]:
        rope = part.pop("rope_parameters", None)
        if "dtype" in part:
            part["torch_dtype"] = part.pop("dtype")
        if part.get("model_type") == "qwen3_moe":
            part["num_experts"] = part.pop("num_local_experts")
        if not rope:
            continue
        if "full_attention" in rope:
            part["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
            rope = rope["full_attention"]
        part |= {key: rope.pop(key) for key in ["rope_theta", "partial_rotary_factor"] if key in rope}
        if rope.get("rope_type", "default") != "default":
            part["rope_scaling"] = rope
    return config


def without_defaults(config):
    """The same model without what transformers' class has anyway."""
    config = json.loads(json.dumps(config))
    part = config.get("text_config", config)
    defaults = AutoConfig.for_model(part["model_type"]).to_dict()
    for key in list(part):
        if key != "model_type" and key in defaults and part[key] == defaults[key]:
            del part[key]
    return config


FORMS = {"transformers 5": lambda config: config, "transformers 4": as_transformers_4, "bare": without_defaults}


def comparable(folder):
    config = AutoConfig.from_pretrained(folder).to_dict()
    for part in [config, config.get("text_config", {})]:
        for key in OTHER_KEYS:
            part.pop(key, None)
        # What null means is written out.
        if part.get("num_key_value_heads") is None and "num_attention_heads" in part:
            part["num_key_value_heads"] = part["num_attention_heads"]
        rope = part.get("rope_parameters") or {}
        for parameters in [rope, *(value for value in rope.values() if isinstance(value, dict))]:
            parameters.pop("type", None)  # the older name of rope_type
        # Beside the parameters for programs of before transformers 5; in the source, among them alone.
        for key in ["partial_rotary_factor", "original_max_position_embeddings", "sliding_window_pattern",
                    "_sliding_window_pattern", "rope_local_base_freq", "rope_theta", "num_experts"]:
            part.pop(key, None)
    return config


class Reload:
    def __init__(self, graft, driver, scratch):
        self.graft, self.driver, self.scratch = graft, driver, scratch
        self.failures = 0
        self.data = scratch / "data"
        self.data.mkdir()
        for split in ["train", "valid"]:
            lines = [json.dumps({"text": "!\"#$%&" + chr(40 + i)}) for i in range(6)]
            (self.data / f"{split}.jsonl").write_text("\n".join(lines))

    def expect(self, what, good, detail=""):
        if not good:
            self.failures += 1
            print(f"  FAILED {what} {detail}")

    def write_source(self, variant, config):
        folder = self.scratch / "source"
        folder.mkdir()
        shapes = json.loads((FAMILIES / variant / "tensors.json").read_text())
        tensors = {name: mx.array(values(name, shape)) for name, shape in shapes.items()}
        mx.save_safetensors(str(folder / "model.safetensors"), tensors, metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config))
        tiny_models.write_tokenizer(folder)
        document = json.loads((folder / "tokenizer.json").read_text())
        vocabulary = config.get("text_config", config).get("vocab_size", 29)
        document["model"]["vocab"] = {chr(33 + i): i for i in range(vocabulary)}
        (folder / "tokenizer.json").write_text(json.dumps(document))
        return folder

    def logits(self, folder, ids, adapter="none"):
        target = self.scratch / "logits.npz"
        run(self.driver, folder, adapter, target, *ids)
        return np.load(target)["logits"]

    def compare(self, what, ours, model, ids, equal=True):
        tolerance = GEMMA_TOLERANCE if "gemma" in model.model_type else TOLERANCE
        theirs = np.array(model(mx.array([ids]))[0])
        distance = np.abs(ours - theirs).max() / np.abs(theirs).max()
        self.expect(what, (distance <= tolerance) == equal, f"{distance:.1e}")

    def check(self, variant, form, change):
        config = change(json.loads((FAMILIES / variant / "config.json").read_text()))
        source = self.write_source(variant, config)
        expected = load_file(FAMILIES / variant / "expected.safetensors")
        first = slice(0, int(expected["offsets"][1]))
        ids = [int(i) for i in expected["input_ids"][first]]
        dense, small = self.scratch / "dense", self.scratch / "small"
        said = subprocess.run([self.graft, "convert", "--hf-path", source, "--mlx-path", dense], check=True,
                              capture_output=True, text=True).stderr
        self.expect("config in transformers", comparable(dense) == comparable(source),
                    str({k: (v, comparable(source).get(k)) for k, v in comparable(dense).items()
                         if comparable(source).get(k) != v}))
        before, after = load_file(source / "model.safetensors"), {}
        for shard in dense.glob("*.safetensors"):
            after |= load_file(shard)
        tied = json.loads((dense / "config.json").read_text())["tie_word_embeddings"]
        if tied:
            before = {name: value for name, value in before.items() if not name.endswith("lm_head.weight")}
        self.expect("tensors", before.keys() == after.keys()
                    and all(np.array_equal(before[name], after[name]) for name in before),
                    str(sorted(before.keys() ^ after.keys())[:4]))
        if "it does not" in said:
            return
        if LEFT_OUT in said:
            if variant not in TOO_SMALL_TO_DIFFER:
                self.compare("left out", expected["logits"][first], load_in_f32(dense), ids, equal=False)
            return
        self.compare("dense in mlx-lm", expected["logits"][first], load_in_f32(dense), ids)
        # Matrices of these sizes hold no quantized groups in every variant: what can be, is.
        run(self.graft, "convert", "--hf-path", source, "--mlx-path", small, "-q", "--q-bits", 8, "--q-group-size", 32)
        self.compare("quantized in mlx-lm", self.logits(small, ids), load_in_f32(small), ids)
        keys = "embed_tokens" if tied else "embed_tokens,lm_head"
        for kind, options in TRAININGS.items():
            if kind == "embedding":
                options = ["--lora-keys", keys]
            adapter = self.scratch / kind / "adapters.safetensors"
            adapter.parent.mkdir()
            trained = subprocess.run([self.graft, "lora", "--model", dense, "--train", "--data", self.data, "--iters", "4",
                                      "--batch-size", "2", "--val-batches", "1", "--learning-rate", "1e-2",
                                      "--lora-layers", "2", "--adapter-file", adapter, *options],
                                     capture_output=True, text=True)
            if "single heads are not trained" in trained.stderr:
                continue
            self.expect(f"training ({kind})", trained.returncode == 0, trained.stderr)
            ours = self.logits(dense, ids, adapter)
            adapted, _ = load(str(dense))
            adapted.set_dtype(mx.float32)
            self.compare(f"{kind} in mlx-lm", ours, load_adapters(adapted, str(adapter.parent)), ids)
            fused = self.scratch / f"fused {kind}"
            run(self.graft, "fuse", "--model", dense, "--adapter-file", adapter, "--save-path", fused)
            self.compare(f"fused {kind} in mlx-lm", ours, load_in_f32(fused), ids)
            self.expect(f"fused config in transformers ({kind})", comparable(fused) == comparable(source))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("driver", type=pathlib.Path)
    parser.add_argument("--variants", nargs="*", default=sorted(path.name for path in FAMILIES.iterdir()))
    arguments = parser.parse_args()
    mx.set_default_device(mx.cpu)
    failures = 0
    for variant in arguments.variants:
        for form, change in FORMS.items():
            with tempfile.TemporaryDirectory() as scratch:
                print(f"{variant}: {form}", flush=True)
                reload = Reload(arguments.graft.resolve(), arguments.driver.resolve(), pathlib.Path(scratch))
                reload.check(variant, form, change)
                failures += reload.failures
    if failures:
        sys.exit(f"{failures} comparisons failed")


if __name__ == "__main__":
    run_main(main)
