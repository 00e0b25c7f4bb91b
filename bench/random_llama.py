#!/usr/bin/env python3
"""Writes a Hugging Face checkpoint of a few layers in Llama-7B's shape with random weights, to time training at such sizes.

    .venv-fixtures/bin/python bench/random_llama.py --tokenizer build-fixtures/smollm2-bf16 build-fixtures/llama-7b-4
    build/graft convert --hf-path build-fixtures/llama-7b-4 --mlx-path llama-7b-4 --dtype float32

The vocabulary is the tokenizer's, a checkpoint folder whose tokenizer files are copied; the head is tied to the embedding.
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=4)
    args = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=args.layers,
        num_attention_heads=32,
        num_key_value_heads=32,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        dtype=torch.bfloat16,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(config).save_pretrained(args.folder)
    tokenizer.save_pretrained(args.folder)


if __name__ == "__main__":
    main()
