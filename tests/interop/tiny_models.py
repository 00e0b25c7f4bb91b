"""Small llama models with random weights, as Hugging Face and as GGUF files hold them."""

import copy
import json
import pathlib

import gguf
import mlx.core as mx
import numpy as np
from gguf import GGMLQuantizationType as Type
from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig

HIDDEN, INNER, HEADS, KV_HEADS, HEAD_DIM, VOCAB, LAYERS = 256, 512, 4, 2, 64, 320, 2


def shapes(head=True):
    """Checkpoint name -> shape of each weight."""
    result = {"model.embed_tokens.weight": (VOCAB, HIDDEN), "model.norm.weight": (HIDDEN,)}
    if head:
        result["lm_head.weight"] = (VOCAB, HIDDEN)
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        result |= {
            layer + "input_layernorm.weight": (HIDDEN,),
            layer + "post_attention_layernorm.weight": (HIDDEN,),
            layer + "self_attn.q_proj.weight": (HEADS * HEAD_DIM, HIDDEN),
            layer + "self_attn.k_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
            layer + "self_attn.v_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
            layer + "self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD_DIM),
            layer + "mlp.gate_proj.weight": (INNER, HIDDEN),
            layer + "mlp.up_proj.weight": (INNER, HIDDEN),
            layer + "mlp.down_proj.weight": (HIDDEN, INNER),
        }
    return result


def write_tokenizer(folder):
    vocab = {chr(33 + i): i for i in range(VOCAB)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": '"'}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_checkpoint(folder, dtype, stored=None, head=True, shards=1, **config):
    """A checkpoint whose config names `dtype`; its tensors are `stored`, or the same."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    weights = {
        name: mx.array(0.05 * rng.standard_normal(shape)).astype(stored or dtype)
        for name, shape in shapes(head).items()
    }
    if config.get("tie_word_embeddings"):
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    for i in range(LAYERS):
        weights[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = mx.ones((HEAD_DIM // 2,))
    names = sorted(weights)
    weight_map = {}
    for shard in range(shards):
        part = {name: weights[name] for name in names[shard::shards]}
        file = "model.safetensors" if shards == 1 else f"model-{shard + 1}-of-{shards}.safetensors"
        mx.save_safetensors(str(folder / file), part, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    if shards > 1:
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    settings = {
        "_name_or_path": "somewhere",
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "rms_norm_eps": 1e-5,
        "vocab_size": VOCAB,
        "max_position_embeddings": 2048,
        "rope_theta": 500000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        "tie_word_embeddings": not head,
        "torch_dtype": str(dtype).split(".")[-1],
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    (folder / "config.json").write_text(json.dumps(settings | config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 3]}))
    write_tokenizer(folder)


# What makes each family's tiny model its own, beside FAMILY_BASE.
FAMILY_BASE = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": LAYERS,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-4,
    "layer_norm_eps": 1e-4, "norm_epsilon": 1e-4, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES = {
    "gemma": {"head_dim": 32, "tie_word_embeddings": True},
    "gemma2": {"head_dim": 32, "tie_word_embeddings": True, "sliding_window": 64, "query_pre_attn_scalar": 40},
    "gemma3_text": {"head_dim": 32, "tie_word_embeddings": True, "sliding_window": 64, "num_hidden_layers": 6,
                    "query_pre_attn_scalar": 40},
    "granite": {"embedding_multiplier": 3.0, "attention_multiplier": 0.2, "residual_multiplier": 0.6,
                "logits_scaling": 1.7, "tie_word_embeddings": True},
    "mistral": {"sliding_window": None, "head_dim": 32},
    "mixtral": {"num_local_experts": 4},
    "olmo2": {},
    "phi": {"num_key_value_heads": 4},
    "phi3": {},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 32},
    "qwen3_moe": {"head_dim": 32, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64,
                  "mlp_only_layers": [], "norm_topk_prob": True},
    "smollm3": {"num_hidden_layers": 4},
    "stablelm": {"use_qkv_bias": True},
    # mlx-lm computes the exact GELU, whatever the config says.
    "starcoder2": {"tie_word_embeddings": True, "sliding_window": None, "hidden_act": "gelu"},
}


def write_family(folder, family, **changes):
    """A checkpoint of the family with the tensors that mlx-lm's model of it has."""
    folder.mkdir(parents=True)
    settings = AutoConfig.for_model(family, **copy.deepcopy(FAMILY_BASE | FAMILIES[family])).to_dict()
    settings |= {"dtype": "float32", "architectures": [f"{family}-with-a-head"]}
    # mlx-lm reads the older spellings alone.
    if family == "qwen3_moe":
        settings["num_experts"] = settings.get("num_experts", settings.get("num_local_experts"))
    rope = settings.get("rope_parameters") or {}
    if "rope_theta" in rope:
        settings |= {key: value for key, value in rope.items() if key != "rope_type"}
    if changes:
        settings.pop("rope_parameters", None)
        settings |= changes
    (folder / "config.json").write_text(json.dumps(settings))
    model_class, arguments = _get_classes(settings)
    rng = np.random.default_rng(3)
    weights = {}
    for name, value in tree_flatten(model_class(arguments.from_dict(settings)).parameters()):
        noise = rng.standard_normal(value.shape)
        if value.ndim == 1:
            noise = 0.2 * noise + (0 if name.endswith("bias") else 1)
        elif "embed_tokens" not in name:
            noise *= 1.2 / np.sqrt(value.shape[-1])
        weights[name] = mx.array(noise.astype(np.float32))
    mx.save_safetensors(str(folder / "model.safetensors"), one_by_one(weights, family), metadata={"format": "pt"})
    write_tokenizer(folder)


def write_multimodal_gemma3(folder):
    """A multimodal checkpoint whose text part is the tiny gemma3_text."""
    write_family(folder, "gemma3_text")
    settings = json.loads((folder / "config.json").read_text())
    config = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": settings,
              "vocab_size": VOCAB, "dtype": "float32", "eos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))
    weights = {f"language_model.{name}": value for name, value in mx.load(str(folder / "model.safetensors")).items()}
    weights["vision_tower.patch.weight"] = mx.ones((4, 4))
    weights["multi_modal_projector.norm.weight"] = mx.ones((4,))
    mx.eval(weights)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "pt"})


def one_by_one(weights, family):
    """Experts as checkpoints have them."""
    own = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"} if family == "mixtral" else {}
    result = {}
    for name, value in weights.items():
        layer, switch, rest = name.partition(".switch_mlp.")
        projection = rest.removesuffix(".weight")
        if not switch:
            result[name] = value
            continue
        for expert in range(value.shape[0]):
            result[f"{layer}.experts.{expert}.{own.get(projection, projection)}.weight"] = value[expert]
    return result


GGUF_PARTS = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
GGUF_OTHERS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def checkpoint_name(gguf_name):
    parts = gguf_name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{GGUF_PARTS[parts[2]]}.{parts[3]}"
    return f"{GGUF_OTHERS[parts[0]]}.{parts[1]}"


def gguf_name(name):
    parts = name.split(".")
    if parts[1] == "layers":
        part = {v: k for k, v in GGUF_PARTS.items()}[".".join(parts[3:-1])]
        return f"blk.{parts[2]}.{part}.{parts[-1]}"
    return f"{ {v: k for k, v in GGUF_OTHERS.items()}['.'.join(parts[:-1])] }.{parts[-1]}"


def permute(weight, heads):
    """As llama.cpp's converter orders the rows of Q and K."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def unpermute(weight, heads):
    pairs = weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def byte_level_tokens():
    """The byte alphabet of byte-level BPE, and enough merges of '!' with the others to fill up."""
    letters = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + i) for i in range(256 - len(letters))]
    merges = [("!", letter) for letter in letters[1 : VOCAB - 255]]
    return (letters + [a + b for a, b in merges])[:VOCAB], merges


def write_byte_tokenizer(folder):
    """Nearly that of add_gguf_tokenizer, as Hugging Face has it; some classes of tokenizers add a token of their own."""
    tokens, merges = (items[:-4] for items in byte_level_tokens())
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


def add_gguf_tokenizer(writer):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    tokens, merges = byte_level_tokens()
    writer.add_token_list(tokens)
    writer.add_token_types([1] * len(tokens))
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


# The architecture that a family's GGUF files name.
GGUF_FAMILIES = {"mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "phi3": "phi3"}
GGUF_FUSED = {"self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up", "self_attn.q_norm": "attn_q_norm",
              "self_attn.k_norm": "attn_k_norm"}


def family_gguf_name(name):
    for part, own in GGUF_FUSED.items():
        if f".{part}." in name:
            return f"blk.{name.split('.')[2]}.{own}.{name.split('.')[-1]}"
    return gguf_name(name)


def write_family_gguf(path, folder, family):
    """The checkpoint of `folder` as llama.cpp's converter writes it."""
    config = json.loads((folder / "config.json").read_text())
    architecture = GGUF_FAMILIES[family]
    writer = gguf.GGUFWriter(path, architecture)
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(int(width * config.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    if family == "phi3" and config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "longrope":
        writer.add_rope_scaling_orig_ctx_len(config["original_max_position_embeddings"])
        for kind in ("long", "short"):
            factors = np.array(scaling[f"{kind}_factor"], np.float32)
            writer.add_tensor(f"rope_factors_{kind}.weight", factors)
    add_gguf_tokenizer(writer)
    for name, value in mx.load(str(folder / "model.safetensors")).items():
        if name == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        value = np.array(value)
        if architecture == "llama" and ("q_proj" in name or "k_proj" in name):
            value = permute(value, heads if "q_proj" in name else kv_heads)
        if family == "gemma" and "norm" in name:
            value = value + np.float32(1)
        writer.add_tensor(family_gguf_name(name), value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


K_TYPES = {Type.Q4_K: (144, [0, 2]), Type.Q5_K: (176, [0, 2]), Type.Q6_K: (210, [208])}


def k_blocks(rng, shape, kind):
    """Rows of random blocks, which the gguf package cannot make: any bits, with scales that are small numbers."""
    size, scales = K_TYPES[kind]
    blocks = rng.integers(0, 256, (shape[0], shape[1] // 256, size), dtype=np.uint8)
    for at in scales:
        numbers = (0.001 * rng.standard_normal(blocks.shape[:2])).astype(np.float16)
        blocks[:, :, at : at + 2] = numbers.view(np.uint8).reshape(*blocks.shape[:2], 2)
    return blocks.reshape(shape[0], -1)


def write_gguf(path: pathlib.Path, types):
    """A GGUF file whose matrices have `types` in turn; its vectors are F32."""
    rng = np.random.default_rng(2)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(2048)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500000.0)
    add_gguf_tokenizer(writer)
    turn = 0
    for name, shape in shapes().items():
        weight = (0.05 * rng.standard_normal(shape)).astype(np.float32)
        kind = Type.F32
        if len(shape) == 2:
            kind = types[turn % len(types)]
            turn += 1
        if "q_proj" in name or "k_proj" in name:
            weight = permute(weight, HEADS if "q_proj" in name else KV_HEADS)
        data = k_blocks(rng, weight.shape, kind) if kind in K_TYPES else gguf.quants.quantize(weight, kind)
        writer.add_tensor(gguf_name(name), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
