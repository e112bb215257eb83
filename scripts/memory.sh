#!/usr/bin/env bash
# Exports one practice with one very large Observation file (about 5 GB with
# the default number of patients) and prints the peak of resident memory: up to
# staged Parquet, and in all. Fails above 200 MiB and 512 MiB.
#
#   scripts/memory.sh [PATIENTS]      about 115 kB of Observations for each
set -euo pipefail
cd "$(dirname "$0")/.."
bulkhead=$PWD/bin/bulkhead
full=45000
patients=${1:-$full}
port=${PORT:-18443}

results=$PWD/bench/memory.txt
work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-memory.XXXXXX")
sandbox='' export=''
stop() {
  for pid in $export $sandbox; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

"$bulkhead" sandbox --profile standard --open --plain --addr "127.0.0.1:$port" \
  --patients "$patients" --files-per 1000000000 --time-scale 1000 >"$work/sandbox.txt" 2>&1 &
sandbox=$!
for _ in $(seq 100); do
  base=$(sed -n 's/^ *fhir_base_url *//p' "$work/sandbox.txt")
  [ -n "$base" ] && break
  kill -0 "$sandbox" 2>/dev/null || { cat "$work/sandbox.txt" >&2; exit 1; }
  sleep 0.1
done

cat >"$work/bulkhead.yaml" <<YAML
tenants:
  - id: large
    open: true
    fhir_base_url: $base
    allow_http: true
    level: system
    types: [Observation]
    agreement: {reference: invented, status: active, effective_from: 2020-01-01, types: "*", groups: "*", sinks: "*"}
YAML

"$bulkhead" --config "$work/bulkhead.yaml" export large >"$work/export.txt" 2>&1 &
export=$!
began=$(date +%s)

# rss prints the resident memory in kB: its peak so far, or what it is now where
# the kernel keeps no exact peak.
rss() { awk '/^VmHWM|^VmRSS/ { if ($2 > most) most = $2 } END { print most + 0 }' "/proc/$export/status" 2>/dev/null || echo 0; }
staged=0 all=0
while kill -0 "$export" 2>/dev/null; do
  before=$all
  now=$(rss)
  [ "$now" -gt "$all" ] && all=$now
  # What the command prints says where it stands.
  if [ "$staged" -eq 0 ] && grep -q ' publishing ' "$work/export.txt"; then staged=$before; fi
  sleep 0.1
done
code=0
wait "$export" || code=$?
export=''
seconds=$(($(date +%s) - began))

tail -n 25 "$work/export.txt"
[ "$code" -eq 0 ] || { echo "memory: the export ended with status $code"; exit 1; }
du -sh "$work"/bulkhead/* | sed "s#$work/##"
mib() { echo $(($1 / 1024)); }
[ "$staged" -gt 0 ] || staged=$all
figures="memory: $patients patients, $seconds s; peak up to staged Parquet $(mib "$staged") MiB, in all $(mib "$all") MiB"
echo "$figures"
if [ "$patients" -eq "$full" ]; then
  {
    date -u "+%F, $("$bulkhead" version | head -n 1), load average $(cut -d ' ' -f 1-3 /proc/loadavg)"
    grep ' completed ' "$work/export.txt"
    echo "$figures; limits 200 MiB and 512 MiB"
  } >"$results"
fi
[ "$(mib "$staged")" -le 200 ] || { echo "memory: more than 200 MiB up to staged Parquet"; exit 1; }
[ "$(mib "$all")" -le 512 ] || { echo "memory: more than 512 MiB"; exit 1; }
