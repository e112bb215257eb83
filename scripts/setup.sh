#!/usr/bin/env bash
# Checks that this machine can build bulkhead and, with the word tests, that it
# can run every test, and installs what is missing. It changes nothing when
# nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

# linking builds and runs a C++ program: DuckDB needs the compiler and its
# library, and a compiler without the library is found out only by linking.
linking() {
  local dir
  dir=$(mktemp -d)
  printf '#include <string>\nint main(int n, char**) { return std::string(n, 65).size() == 1 ? 0 : 1; }\n' >"$dir/a.cpp"
  if "${CXX:-g++}" -o "$dir/a" "$dir/a.cpp" >/dev/null 2>&1 && "$dir/a"; then
    rm -rf "$dir"
    return 0
  fi
  rm -rf "$dir"
  return 1
}

missing=()
command -v git >/dev/null || missing+=(git)
command -v curl >/dev/null || missing+=(curl ca-certificates)
command -v "${CC:-gcc}" >/dev/null || missing+=(gcc libc6-dev)
linking || missing+=(g++)
if [ "${1:-}" = tests ]; then # the pages are tried in a real browser, the unit by systemd's own reader
  command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
  command -v systemd-analyze >/dev/null || missing+=(systemd)
fi

if [ "${#missing[@]}" -gt 0 ]; then
  say "installing: ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    say "there is no apt-get here: install these by hand and run make again: ${missing[*]}"
    exit 1
  fi
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "run as root, or install by hand: ${missing[*]}"; exit 1; }
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  linking || { say "a C++ program still does not link: see the compiler's own message with: g++ --version"; exit 1; }
fi

if ! command -v "${GO:-go}" >/dev/null; then
  say "Go is not installed: get 1.26 or later from https://go.dev/dl/ and put its bin folder on PATH"
  exit 1
fi
# Asked inside the module, so that a toolchain which Go fetches itself counts.
if ! version=$("${GO:-go}" env GOVERSION); then
  say "Go cannot read go.mod; it is probably older than 1.26: see https://go.dev/dl/"
  exit 1
fi
number=${version#go}
major=${number%%.*} rest=${number#*.}
minor=${rest%%[!0-9]*}
if [ "$major" -lt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -lt 26 ]; }; then
  say "$version is too old: get 1.26 or later from https://go.dev/dl/"
  exit 1
fi
