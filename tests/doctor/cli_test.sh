#!/usr/bin/env bash
# `outboard doctor` as a person and a script see it: options, exit codes, and files made to harm.
set -u
outboard=$1 fixtures=$2
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $1"; exit 1; }
expect() { [ "$1" -eq "$2" ] || fail "$3: exit code $1 instead of $2"; }

printf '{"f:/proc/version":"Linux version 5.10.16.3-microsoft-standard-WSL2","w:CurrentBuild":"19043","w:InstallationType":"Client","p:cuda.cuInit":"100","p:want":"cuda"}' >"$work/old.json"
"$outboard" doctor --replay "$work/old.json" >"$work/report"; expect $? 1 "a cause that blocks"
head -1 "$work/report" | grep -q 'CUDA is blocked' || fail "the verdict comes first"
[ "$("$outboard" doctor --replay "$work/old.json" --quiet)" = WSL-02 ] || fail "--quiet prints ids"
[ "$("$outboard" doctor --replay - --quiet <"$work/old.json")" = WSL-02 ] || fail "a snapshot from standard input"
"$outboard" doctor --replay "$work/old.json" --json | grep -q '"schema": 1' || fail "--json"
"$outboard" doctor wsl-01 --replay "$work/old.json" --quiet | grep -q . && fail "a check by name"
printf '{"f:/proc/version":"Linux version 6.1.0","p:cuda.cuInit":"0","p:cuda.count":"1","p:want":"cuda"}' >"$work/well.json"
"$outboard" doctor --replay "$work/well.json" >/dev/null; expect $? 0 "all is well"
"$outboard" doctor vulkan --replay "$work/well.json" >/dev/null; expect $? 3 "an interface nothing is known of"

"$outboard" doctor --list-checks | grep -c . | grep -qx 178 || fail "--list-checks"
"$outboard" doctor --explain wsl-02 | grep -q 19044 || fail "--explain"
"$outboard" doctor --explain WSL-99 2>/dev/null; expect $? 4 "an unknown id"
"$outboard" doctor --explain-text 'could not select device driver' | grep -q DOCK-02 || fail "--explain-text"
echo 'Driver/library version mismatch' | "$outboard" doctor --explain-text | grep -q NV-08 || fail "--explain-text from standard input"
"$outboard" doctor --explain-text 'hello' >/dev/null; expect $? 3 "an unknown text"
"$outboard" doctor --no-such-option 2>/dev/null; expect $? 4 "usage"
"$outboard" doctor no-such-subject --replay "$work/old.json" 2>/dev/null; expect $? 4 "an unknown subject"
"$outboard" doctor --replay "$work/nothing.json" 2>/dev/null; expect $? 4 "no such snapshot"

# Snapshots that were cut off, or made to harm: refused, and nothing of them is run.
head -c 60 "$work/old.json" >"$work/cut.json"
"$outboard" doctor --replay "$work/cut.json" 2>/dev/null; expect $? 4 "a snapshot that was cut off"
head -c 2000000 /dev/zero | tr '\0' '[' >"$work/deep.json"
"$outboard" doctor --replay "$work/deep.json" 2>/dev/null; expect $? 4 "a snapshot of brackets"
head -c 40000000 /dev/zero >"$work/big.json"
"$outboard" doctor --replay "$work/big.json" 2>/dev/null; expect $? 4 "a snapshot that is too large"
"$outboard" doctor --replay "$work" 2>/dev/null; expect $? 4 "a folder"
printf '{"w:gpu.name":"$(touch %s/owned)`touch %s/owned`","w:CurrentBuild":"19041;touch %s/owned","p:cuda.cuInit":"100"}' "$work" "$work" "$work" >"$work/evil.json"
"$outboard" doctor --replay "$work/evil.json" --fix --yes >/dev/null; [ ! -e "$work/owned" ] || fail "a snapshot was run"
python3 - "$fixtures" "$work" <<'END' || fail "writing snapshots"
import fnmatch, json, sys
d = json.load(open(sys.argv[1] + "/catalogue.json"))
for f in d["fixtures"]:
    if f["id"] not in ("WSL-19", "NV-29"): continue
    facts = {k: v for k, v in d["bases"][f["base"]].items() if not any(fnmatch.fnmatchcase(k, p) for p in f["remove"])}
    json.dump({**facts, **f["set"]}, open(f"{sys.argv[2]}/{f['id']}.json", "w"))
END
"$outboard" doctor --replay "$work/NV-29.json" >/dev/null; expect $? 2 "works with limits"
said=$("$outboard" doctor --replay "$work/WSL-19.json" --fix --yes)
[[ $said == *"+/usr/lib/wsl/lib"*"Nothing was changed"* ]] || fail "a replay only shows mends: $said"
# Windows' Remote Desktop: only asked for, and nothing is guessed where Windows was not asked.
printf '{"f:/proc/version":"Linux version 5.15.167.4-microsoft-standard-WSL2","w:InstallationType":"Server","w:rdp.asked":"yes","w:rdp.EditionID":"ServerStandard","w:rdp.bEnumerateHWBeforeSW":"0","w:rdp.AVCHardwareEncodePreferred":"1","w:rdp.AVC444ModePreferred":"1","w:rdp.DWMFRAMEINTERVAL":"15","w:rdp.event170":"AVC hardware encoder enabled: 1","w:rdp.event162":"AVC available: 1, Initial Profile: 2048","p:cuda.cuInit":"0"}' >"$work/desktop.json"
said=$("$outboard" doctor desktop --replay "$work/desktop.json"); expect $? 1 "a session in software"
[[ $said == *"RDP-04"*"/v bEnumerateHWBeforeSW /t REG_DWORD /d 1 /f"*"to take it back"*"/d 0 /f"* ]] || fail "a registry mend with its undo: $said"
"$outboard" doctor desktop --replay "$work/well.json" --quiet | grep -q . && fail "Windows was not asked"
"$outboard" doctor --replay "$work/desktop.json" --quiet | grep -q RDP && fail "desktop was not asked for"
said=$("$outboard" doctor desktop --replay "$work/desktop.json" --fix --yes)
[[ $said == *"run: reg.exe add"*"Nothing was changed"* ]] || fail "a registry mend is shown: $said"

XDG_STATE_HOME=$work "$outboard" doctor --undo 2>/dev/null; expect $? 4 "nothing to take back"

# This machine: a verdict within the time, and a snapshot that gives the same verdict elsewhere.
start=$(date +%s%N)
"$outboard" doctor cuda --quiet >"$work/here"; here=$?
echo "this machine: exit $here, $(tr '\n' ' ' <"$work/here")in $((($(date +%s%N) - start) / 1000000)) ms"
"$outboard" doctor cuda --bundle "$work/here.json" >/dev/null; expect $? 0 "--bundle"
[ "$("$outboard" doctor --replay "$work/here.json" --quiet)" = "$(cat "$work/here")" ] || fail "a bundle replays to the same verdict"
echo ok
