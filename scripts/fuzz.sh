#!/usr/bin/env bash
# Runs every fuzz target for the given time, or number of inputs, each, of the whole module or of the
# folders named: fuzz.sh 10s, fuzz.sh 3000x bulkdata smart (so many inputs)
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
shift || true
[ $# -gt 0 ] || set -- .

grep -rl --include='*_test.go' '^func Fuzz' "$@" | while read -r file; do
  package=./$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | cut -c6- | while read -r target; do
    printf 'fuzz: %s %s for %s\n' "$package" "$target" "$time"
    "${GO:-go}" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
  done
done
