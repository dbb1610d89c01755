#!/usr/bin/env bash
# nvml_test direct and through a server of its own: run.sh OUTBOARD PROGRAM
set -u
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
"$here/../harness/server.sh" start "$1" "$folder" || exit 1
"$here/../harness/through.sh" "$1" "$folder" "$2"
code=$?
"$here/../harness/server.sh" stop "$1" "$folder" || exit 1
exit $code
