#!/usr/bin/env bash
# Starts and stops the server that the `through` tests share: server.sh start|stop OUTBOARD FOLDER
set -u
action=$1 outboard=$2 folder=$3
case $action in
  start)
    mkdir -p "$folder"
    [ -f "$folder/pid" ] && kill "$(cat "$folder/pid")" 2>/dev/null && sleep 0.3
    rm -f "$folder/socket"
    setsid "$outboard" serve --device "${OUTBOARD_TEST_DEVICE:-cpu}" --devices 2 --listen "unix:$folder/socket" </dev/null >"$folder/log" 2>&1 &
    echo $! >"$folder/pid"
    for _ in $(seq 100); do [ -S "$folder/socket" ] && exit 0; sleep 0.1; done
    echo "the server did not start:"; cat "$folder/log"; exit 1 ;;
  stop)
    kill -TERM "$(cat "$folder/pid")" || { echo "the server was gone:"; tail "$folder/log"; exit 1; }
    for _ in $(seq 100); do grep -q 'info: ended' "$folder/log" && break; sleep 0.1; done
    [ ! -S "$folder/socket" ] || { echo "the server left its socket"; exit 1; }
    grep worker-killed "$folder/log" && { echo "a worker crashed"; exit 1; }
    grep -q 'info: ended' "$folder/log" || { echo "the server did not end cleanly"; exit 1; } ;;
esac
exit 0
