# For whoever sources this: runs a command of docs/exec.md as it is written there, in a folder with nothing in it.
run_as_written() {  # what tells the command from the others, a program that uses the GPU
  local written gpu=$2
  written=$(grep "^outboard exec $1" "$here/../../docs/exec.md")
  [ "$(wc -l <<<"$written")" = 1 ] && [ -n "$written" ] || fail "docs/exec.md has not one command with $1: $written"
  cp "$gpu" compute
  echo numbers >settings
  printf '#!/bin/sh\nmkdir -p results/deep && ./compute >results/answer && cp settings results/deep/ && echo done\n' >simulate
  chmod +x simulate
  PATH=$(dirname "$outboard"):$PATH timeout 100 bash -c "$written" >"$work/out" 2>"$work/err" || fail "$written: $(cat "$work/err")"
  [ "$(cat "$work/out")" = done ] || fail "$written: its output: $(cat "$work/out")"
  grep -q '^1: .' results/answer || fail "$written: no GPU: $(cat results/answer)"
  [ "$(cat results/deep/settings)" = numbers ] || fail "$written: its results: $(find)"
}
