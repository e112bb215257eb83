#!/usr/bin/env bash
# Runs the test of a house key in AWS KMS against moto, which plays AWS by other
# hands than ours: a server from PyPI, in a folder that is removed afterwards.
#
#   scripts/interop.sh      needs python3 with venv, and PyPI
set -euo pipefail
cd "$(dirname "$0")/.."
port=${PORT:-15566}

work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-interop.XXXXXX")
server=''
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

echo "interop: installing moto"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.5'

export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
"$work/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.txt" 2>&1 &
server=$!

# A key for each run, and another one that must not open what it wraps.
"$work/venv/bin/python" - "http://127.0.0.1:$port" >"$work/keys.txt" <<'PY' || { cat "$work/moto.txt" >&2; exit 1; }
import sys, time
import boto3, botocore.exceptions
kms = boto3.client("kms", endpoint_url=sys.argv[1])
for attempt in range(100):
    try:
        print(kms.create_key()["KeyMetadata"]["Arn"])
        break
    except botocore.exceptions.EndpointConnectionError:
        time.sleep(0.2)
else:
    sys.exit("moto does not answer")
print(kms.create_key()["KeyMetadata"]["Arn"])
PY
{ read -r key; read -r other; } <"$work/keys.txt"

INTEROP_AWS_KMS=http://127.0.0.1:$port INTEROP_AWS_KEY=$key INTEROP_AWS_OTHER_KEY=$other \
  go test -count=1 -v -timeout 2m -run TestAKeyServiceOfAWS ./internal/atrest
echo "interop: moto understood us, and we it"
