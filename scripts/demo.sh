#!/usr/bin/env bash
# Shows the whole of graft on a real model: sets up, converts SmolLM2-135M, measures its perplexity on
# text-to-SQL questions, fine-tunes it with QLoRA, measures again, answers a question before and after,
# fuses, and checks that the fused model is the adapted one.
#
#   scripts/demo.sh
#
# Everything it makes is in demo/; a second start re-uses what is there. Exits with 1 unless test perplexity
# fell by at least 30%, the fused model's loss is within 0.01 of the adapted one's, and both give the same
# greedy answer. DEMO_ITERS trains for another number of iterations than 100.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/demo_gate.sh

iterations=${DEMO_ITERS:-100}
out=demo
gguf=models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
question="table: 1-10015132-16
columns: Player, No., Nationality, Position, Years in Toronto, School/Club Team
Q: What is Terrence Ross' nationality
A:"

scripts/setup.sh
mkdir -p "$out"
started=$SECONDS
step=0

# One step: its number and what it does.
explain() {
  step=$((step + 1))
  printf '\n%d. %s\n' "$step" "$1"
}

# Shows a command of graft as a person would type it, and runs it. Its output is kept in $out/$1.txt too,
# which is there only when the command succeeded.
graft() {
  local log=$out/$1.txt
  shift
  rm -f "$log"
  printf '   $ build/graft'
  printf ' %q' "$@"
  printf '\n'
  build/graft "$@" | tee "$log.partial" || return # for a caller after whose || no error ends the script
  mv "$log.partial" "$log"
}

# Has the model $2 answer the question, greedily; what it says of its speed is left out.
answer() {
  graft "$1" generate --model "$2" "${@:3}" --prompt "$question" --max-tokens 40 2>"$out/error.txt" || {
    cat "$out/error.txt" >&2
    exit 1
  }
  rm "$out/error.txt"
}

explain "Convert: the GGUF file's 4-bit blocks become MLX's 4-bit layers, number for number."
if [[ -f $out/model/config.json ]]; then
  echo "   $out/model is there"
else
  graft convert convert --hf-path "$gguf" --mlx-path "$out/model"
fi

explain "Perplexity of the untouched model on 100 questions over tables that training does not see."
graft test-before lora --model "$out/model" --data data --test --adapter-file none

explain "What it answers to a question before it has learned anything."
answer answer-before "$out/model"

explain "Fine-tune with QLoRA: low-rank adapters on q_proj and v_proj of the last 16 layers, weights in 4 bits."
if [[ -f $out/adapters.npz && -f $out/train.txt ]] &&
  grep -q "Starting training, iterations: $iterations\$" "$out/train.txt"; then
  echo "   $out/adapters.npz is there"
else
  graft train lora --model "$out/model" --data data --train --iters "$iterations" --learning-rate 1e-4 \
    --val-batches 5 --steps-per-eval 50 --adapter-file "$out/adapters.npz"
fi

explain "Perplexity with the adapter."
graft test-after lora --model "$out/model" --data data --test --adapter-file "$out/adapters.npz"

explain "What the queries return that both write for these questions, run on the questions' tables."
graft eval eval --model "$out/model" --data data --adapter-file none --adapter-file "$out/adapters.npz" \
  --scorer sql --max-tokens 60

explain "The same question with the adapter."
answer answer-after "$out/model" --adapter-file "$out/adapters.npz"

explain "Fuse the adapter into the weights. In 4 bits much of it would be rounded away: the adapted layers become 8-bit."
if [[ -f $out/fused/config.json && $out/fused/config.json -nt $out/adapters.npz && -f $out/fuse.txt ]]; then
  echo "   $out/fused is there"
  cat "$out/fuse.txt"
else
  graft fuse fuse --model "$out/model" --adapter-file "$out/adapters.npz" --save-path "$out/fused" \
    --fused-bits 8 --data data
fi

explain "The same question to the fused model, which needs no adapter."
answer answer-fused "$out/fused"

before=$(figure "$out/test-before.txt" 'Test ppl')
after=$(figure "$out/test-after.txt" 'Test ppl')
speed=$(figure "$out/train.txt" 'Tokens/sec')

printf '\nFigures\n'
LC_ALL=C awk -v before="$before" -v after="$after" 'BEGIN {
  printf "  test perplexity   %s -> %s", before, after
  if (before > 0 && after > 0) printf " (%.0f%% lower)", 100 * (1 - after / before)
  printf "\n"
}'
printf '  %s\n' "$(grep '^Answers that return' "$out/eval.txt" || true)"
printf '  test loss         adapted %s, fused %s\n' "$(figure "$out/fuse.txt" adapted)" "$(figure "$out/fuse.txt" fused)"
if [[ -n $speed ]]; then printf '  training          %s tokens/s in the last report\n' "$speed"; fi
printf '  time              %d s for these steps\n' $((SECONDS - started))
printf 'Files\n'
printf '  %-18s the model in 4 bits\n' "$out/model/"
printf '  %-18s the adapter, as mlx-examples writes it\n' "$out/adapters.npz"
printf '  %-18s the fused model, for graft and mlx-lm\n' "$out/fused/"
printf '  %-18s what the commands printed\n' "$out/*.txt"

demo_gate "$out"
printf 'Passed: perplexity is at least 30%% lower, the fused loss within 0.01, and its answer the same\n'
