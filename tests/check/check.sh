#!/usr/bin/env bash
# Runs a program under `outboard run --check`, in process and over a link, and compares what is reported with the lines
# `// report:` of a file and the number behind `// errors:`: check.sh OUTBOARD FILE PROGRAM...
set -u
export OUTBOARD_SOFTWARE_THREADS=1  # which of two blocks comes first is always the same
outboard=$1 file=$2
shift 2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
checks=$(sed -n 's|^// checks: *||p' "$file")
errors=$(sed -n 's|^// errors: *||p' "$file")
code=86
[ "$errors" = 0 ] && code=0
sed -n 's|^// report: *||p' "$file" >"$work/expected"
echo "ERROR SUMMARY: $errors error$([ "$errors" = 1 ] || echo s)" >>"$work/expected"
for target in cpu "via:$outboard serve --stdio"; do
  "$outboard" run --check="${checks:-all}" --on "$target" -- "$@" >"$work/out" 2>"$work/err"
  ended=$?
  # Addresses, folders of sources and the lines that a compiler makes of them are not the same everywhere.
  sed -n 's/^========= *//p' "$work/err" | grep -v '^$' | sed 's/0x[0-9a-f]*/0x/g; s|PTX line [0-9]* (/[^ )]*/\([^/ )]*\))|\1|g' >"$work/report"
  diff "$work/expected" "$work/report" || { echo "$target: another report than expected"; cat "$work/err"; exit 1; }
  [ $ended -eq $code ] || { echo "$target: exit code $ended, not $code"; cat "$work/err"; exit 1; }
  grep -q '^done' "$work/out" || { echo "$target: the program did not come to its end"; cat "$work/out" "$work/err"; exit 1; }
done
