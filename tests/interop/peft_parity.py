#!/usr/bin/env python3
"""Takes adapters that graft writes to PEFT: its logits are graft's, within 1e-4 of the largest.

    peft_parity.py GRAFT LOGITS_DRIVER

For every family's tiny checkpoint, dense: adapters on all linear layers, on routers and on experts, of one rank and
scale and of several, with DoRA, on embedding and head, and with weights beside them that were trained as they are, in
PEFT's layout and back in graft from what PEFT itself saves. Runs in the environment that scripts/make_fixtures.sh makes
(torch, transformers, PEFT).
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts" / "fixtures"))
from tiny_families import BASE, VARIANTS, values, with_named_values  # noqa: E402

TOLERANCE = 1e-4
IDS = [1, 5, 28, 3, 3, 17, 11, 0, 9, 22, 14, 6]


def mlx_adapter(variant: str) -> dict[str, torch.Tensor]:
    """Values for every linear layer of the blocks, by the names that graft has."""
    with safe_open(SOURCE / "tests/fixtures/families" / variant / "expected.safetensors", "pt") as file:
        names = [name.removeprefix("grad.") for name in file.keys() if name.startswith("grad.")]
        return {name: values(name, tuple(file.get_slice("grad." + name).get_shape())) for name in names}


def with_ranks(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same with a rank of 1 on every second layer's v_proj and down_proj, dense ones."""
    cut = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dim() == 2 and ".layers.1." in name and ("v_proj" in name or "down_proj" in name):
            cut[name] = tensor[:, :1].contiguous() if name.endswith("a") else tensor[:1].contiguous()
    return cut


def weights_of(base: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = {}
    for file in base.glob("*.safetensors"):
        weights |= load_file(file)
    return weights


def with_magnitudes(tensors: dict[str, torch.Tensor], base: Path) -> dict[str, torch.Tensor]:
    """DoRA on the dense layers that PEFT takes for modules: other norms than the weight's rows have."""
    weights = weights_of(base)
    made = {}
    for name, tensor in tensors.items():
        layer = name.rpartition(".")[0]
        if "self_attn" not in layer:
            continue
        made[name] = tensor
        norms = torch.linalg.norm(weights[layer + ".weight"].float(), dim=1)
        made[layer + ".m"] = norms * (1 + 0.3 * values(layer + ".m", tuple(norms.shape)).clamp(-1, 1))
    return made


def trained(base: Path, which: str) -> dict[str, torch.Tensor]:
    """Weights that are trained as they are, by their names in the checkpoint, with other numbers.

    "whole": embedding, head, norms, routers, a matrix of the last layer and all biases; "untied": the same, with a head of
    its own; "adapted biases": those of attention; "one bias": one of these;
    "biases": all of them, norms' and the head's, too.
    """
    weights = weights_of(base)
    matrices = ("embed_tokens.weight", "lm_head.weight", ".gate.weight", "layers.1.mlp.down_proj.weight",
                "layers.1.mlp.fc2.weight", "layers.1.mlp.c_proj.weight")
    if which in ("whole", "untied"):
        # Norms of single heads are not trained by graft.
        chosen = [name for name, weight in weights.items() if "layernorm.norms" not in name
                  and (weight.dim() == 1 or name.endswith(matrices))]
        if which == "untied":
            chosen.append("lm_head.weight")
    elif which == "biases":
        chosen = [name for name in weights if name.endswith(".bias") and "layernorm.norms" not in name]
    else:
        chosen = sorted(name for name in weights if "self_attn" in name and name.endswith("proj.bias"))
        chosen = chosen[:1] if which == "one bias" else chosen
    shape_of = {"lm_head.weight": weights["model.embed_tokens.weight"].shape} | {n: w.shape for n, w in weights.items()}
    return {name: values("trained." + name, tuple(shape_of[name])) for name in chosen}


def with_embedding(tensors: dict[str, torch.Tensor], base: Path) -> dict[str, torch.Tensor]:
    """Attention's, and those of the embedding and of a head that is another matrix."""
    weights = weights_of(base)
    made = {name: tensor for name, tensor in tensors.items() if "self_attn" in name}
    [embedding] = [name.removesuffix(".weight") for name in weights if name.endswith("embed_tokens.weight")]
    vocabulary, width = weights[embedding + ".weight"].shape
    made[embedding + ".lora_a"] = values(embedding + ".lora_a", (vocabulary, 3))
    made[embedding + ".lora_b"] = 0.1 * values(embedding + ".lora_b", (3, width))
    if "lm_head.weight" in weights:
        made["lm_head.lora_a"] = values("lm_head.lora_a", (width, 2))
        made["lm_head.lora_b"] = 0.1 * values("lm_head.lora_b", (2, vocabulary))
    return made


def settings(scales: dict[str, float], ties: bool | None) -> dict[str, str]:
    own = {"rank": 2, "scale": 1.5, "dropout": 0.0, "num_layers": -1, "keys": ["all"], "scales": scales}
    if ties is not None:
        own |= {"train_extra": ["biases"], "ties_head": ties}
    return {"graft_adapter": json.dumps({"graft_adapter": own})}


def graft_logits(driver: str, base: Path, adapter: Path, work: Path) -> np.ndarray:
    subprocess.run([driver, base, adapter, work / "logits.npz", *map(str, IDS)], check=True)
    return np.load(work / "logits.npz")["logits"]


def peft_logits(base: Path, adapter: Path, variant: dict) -> tuple[PeftModel, np.ndarray]:
    options = {"dtype": torch.float32, "attn_implementation": "eager"}
    if "num_experts_per_tok" in variant:
        options["experts_implementation"] = "eager"
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, **options), adapter).eval()
    with torch.no_grad():
        return model, model(torch.tensor([IDS]), use_cache=False).logits[0].numpy()


def check(graft: str, driver: str, name: str, variant: dict, work: Path) -> float:
    config = AutoConfig.for_model(**copy.deepcopy({**BASE, **variant}))
    base = work / "base"
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    with_named_values(base)
    tensors = mlx_adapter(name)
    layers = sorted({tensor.rpartition(".")[0] for tensor in tensors})
    tied = config.tie_word_embeddings
    of_attention = {name: tensor for name, tensor in tensors.items() if "self_attn" in name}
    dora, embedding = with_magnitudes(tensors, base), with_embedding(tensors, base)
    kinds = [("one", tensors, {}, None),
             ("many", with_ranks(tensors), {layer: 0.5 + i for i, layer in enumerate(layers[::3])}, None),
             ("dora", dora, {}, None),
             ("embedding", embedding, {"model.embed_tokens": 0.75}, None),
             ("whole", of_attention | trained(base, "whole"), {}, tied),
             ("dora-whole", dora | trained(base, "whole"), {}, tied)]
    if tied:
        kinds.append(("untied", of_attention | trained(base, "untied"), {}, False))
    for which in ("adapted biases", "one bias"):
        if biases := trained(base, which):
            own = of_attention if which == "adapted biases" else {n: t for n, t in of_attention.items() if ".o_proj." in n}
            kinds.append((which, own | biases, {}, tied)) if own else None
    if biases := trained(base, "biases"):
        kinds.append(("embedding-biases", embedding | biases, {}, tied))
    worst = 0.0
    for kind, own, scales, ties in kinds:
        file = work / f"{kind}.safetensors"
        save_file(own, file, settings(scales, ties))
        ours = graft_logits(driver, base, file, work)
        convert = [graft, "adapter", "convert", file, work / kind, "--format", "peft", "--base-model", "acme/tiny", "--model",
                   base]
        if tied and ties and {"model.embed_tokens.weight", "lm_head.bias"} <= own.keys():
            # PEFT computes a head that is tied to a saved embedding without its bias.
            refused = subprocess.run(convert, capture_output=True, text=True)
            assert refused.returncode == 1 and "the head has a bias" in refused.stderr, refused
            continue
        said = subprocess.run(convert, check=True, capture_output=True, text=True).stdout
        assert "(peft)" in said, said
        with warnings.catch_warnings(record=True) as warned:  # of keys that are missing or unexpected
            warnings.simplefilter("always")
            model, theirs = peft_logits(base, work / kind, variant)
        # PEFT obeys patterns for parameters, and says that it does not: a size that differs would be an error.
        told = [str(one.message) for one in warned if "key" in str(one.message) and "_pattern" not in str(one.message)]
        assert not told, f"{name}: {told}"
        said = json.loads((work / kind / "adapter_config.json").read_text())
        assert said["base_model_name_or_path"] == "acme/tiny"
        bias = {"adapted biases": "lora_only", "one bias": "all"}.get(kind)
        assert bias is None or said["bias"] == bias, f"{name}, {kind}: {said['bias']}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save_pretrained(work / f"{kind}-again")
        for found in (theirs, graft_logits(driver, base, work / f"{kind}-again", work)):
            worst = max(worst, float(np.abs(found - ours).max() / np.abs(ours).max()))
            assert worst < TOLERANCE, f"{name}, {kind}: {worst}"
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("driver")
    parser.add_argument("variants", nargs="*", help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    count = 0
    for name, variant in VARIANTS.items():
        if options.variants and name not in options.variants:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            print(f"{name}: {check(options.graft, options.driver, name, variant, Path(temporary)):.1e}", flush=True)
            count += 1
    print(f"{count} families' adapters in PEFT and back: logits within {TOLERANCE}")


if __name__ == "__main__":
    main()
