#!/usr/bin/env bash
# Programs over packages from PyPI on the software GPU: run.sh OUTBOARD FOLDER [name...]. Each package lives in a virtual
# environment in FOLDER, made at the first run. Prints one line per program; outside `make test`, for it downloads gigabytes.
set -u
outboard=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
shift 2
declare -A packages=(
  [cupy]="numpy scipy cupy-cuda13x[ctk]"
  [numba]="numpy numba numba-cuda[cu13]"
  [pytorch]="numpy torch"
  [jax]="jax[cuda13]"
)
failed=0
count=0
mkdir -p "$folder"
for name in ${*:-cupy numba pytorch jax}; do
  environment=$folder/$name
  if [ ! -e "$environment/ready" ]; then
    rm -rf "$environment"
    python3 -m venv "$environment" || exit 2
    # shellcheck disable=SC2086  # a list of words
    if ! "$environment/bin/pip" install --quiet ${packages[$name]} >"$folder/$name.install" 2>&1; then
      echo "cannot install ${packages[$name]}: the package index did not give it"
      tail -n 2 "$folder/$name.install"
      failed=$((failed + 1))
      continue
    fi
    touch "$environment/ready"
  fi
  for program in "$here/$name"_*.py; do
    count=$((count + 1))
    title=$(basename "$program" .py)
    if timeout 1200 "$outboard" run --on cpu -- "$environment/bin/python" "$program" >"$folder/$title.log" 2>&1; then
      echo "passed  $title"
    else
      echo "FAILED  $title: $(grep -v '^ ' "$folder/$title.log" | tail -n 1)"
      failed=$((failed + 1))
    fi
  done
done
echo "$((count)) programs, $failed failed"
[ "$failed" -eq 0 ]
