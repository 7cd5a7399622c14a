#!/bin/sh
# The HTTP contract against a generator of requests: test-api.sh [VITEST ARGUMENT...]. Installs schemathesis with Python's own
# package manager, once for each content of its list of packages. Without a Python for it the runs are reported as not run
# and count as skipped. The last line is `N passed, N failed, N skipped`.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/carnet"
packages=test/api/requirements.txt
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

failed() {
  echo "✗ $1"
  echo '0 passed, 1 failed, 0 skipped'
  exit 1
}

if python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  sum=$(node -p 'crypto.hash("sha256", fs.readFileSync(process.argv[1]))' "$packages") || failed "$packages cannot be read"
  built="$cache/schemathesis-$sum-$version"
  if [ ! -d "$built" ]; then
    echo 'installing schemathesis (a minute or less, once) ...'
    mkdir -p "$cache" || failed "$cache cannot be made"
    # Scripts of a virtual environment name its path: it is run as a module, so that the folder can be moved.
    work=$(mktemp -d "$built.XXXXXX") || failed "nothing can be written to $cache"
    python3 -m venv "$work" &&
      "$work/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$packages" >&2 ||
      failed 'schemathesis was not installed; the message of pip stands above'
    chmod 755 "$work"
    # Whoever installs at the same time installs the same; the first one to end wins.
    [ -d "$built" ] || mv "$work" "$built" || failed "$built cannot be made"
    rm -rf "$work"
    work=
  fi
  export CARNET_SCHEMATHESIS_PYTHON="$built/bin/python"
else
  echo 'not run: there is no python3 of 3.10 or later with venv in PATH'
fi

vitest run --config vitest.api.config.ts "$@"
