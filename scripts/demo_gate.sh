# shellcheck shell=bash
# What scripts/demo.sh holds a run to, for it and for tests/scripts/demo_gate_test.py to source.

# The last number behind the words $2 in the file $1.
figure() {
  sed -nE "s|.*$2 ([0-9]+\.[0-9]+).*|\1|p" "$1" | tail -n 1
}

# Whether $3 is true of a and b, which are the figures $1 and $2 in thousandths: whole numbers, so that a
# figure at the boundary is on its right side. A figure that is missing makes it false.
of_thousandths() {
  [[ -n $1 && -n $2 ]] &&
    LC_ALL=C awk -v a="$1" -v b="$2" "BEGIN { a = int(1000 * a + 0.5); b = int(1000 * b + 0.5); exit !($3) }"
}

# demo_gate FOLDER: fails, and says why, unless by what the steps left in FOLDER/*.txt test perplexity fell by
# at least 30%, the fused model's loss is within 0.01 of the adapted one's, and both give the same answer.
demo_gate() {
  local folder=$1 failed=0 before after adapted fused
  complain() {
    printf 'demo: %s\n' "$1" >&2
    failed=1
  }
  before=$(figure "$folder/test-before.txt" 'Test ppl')
  after=$(figure "$folder/test-after.txt" 'Test ppl')
  adapted=$(figure "$folder/fuse.txt" 'adapted')
  fused=$(figure "$folder/fuse.txt" 'fused')
  of_thousandths "$before" "$after" 'b > 0 && 10 * b <= 7 * a' ||
    complain "test perplexity did not fall by 30%: ${before:-none} -> ${after:-none}"
  of_thousandths "$adapted" "$fused" 'a > 0 && b - a <= 10 && a - b <= 10' ||
    complain "the fused model's loss ${fused:-none} is not within 0.01 of the adapted one's ${adapted:-none}"
  if ! grep -q '[^[:space:]]' "$folder/answer-after.txt"; then
    complain "the adapted model answers nothing"
  elif ! cmp -s "$folder/answer-after.txt" "$folder/answer-fused.txt"; then
    complain "the fused model does not answer as the adapted one does"
  fi
  return "$failed"
}
