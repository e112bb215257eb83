#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each: fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}

grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do
  package=$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | cut -c6- | while read -r target; do
    printf 'fuzz: %s %s for %s\n' "$package" "$target" "$time"
    "${GO:-go}" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
  done
done
