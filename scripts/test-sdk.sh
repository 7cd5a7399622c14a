#!/bin/sh
# The matrix of unmodified SDKs: test-sdk.sh [VITEST ARGUMENT...]. Downloads the SDKs for Python, Go and Java by their own
# package managers and builds the programs of test/sdk with them, once for each content of those files. A language whose
# tools are missing is reported as not run, and its cells count as skipped. The last line is `N passed, N failed, N skipped`.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"
. "$root/scripts/find-go.sh"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/carnet"
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

failed() {
  echo "✗ $1"
  echo '0 passed, 1 failed, 0 skipped'
  exit 1
}

not_run() {
  echo "not run: $1"
}

# in_cache NAME FILE...: sets `built` to the folder of what is built from these files.
in_cache() {
  name=$1
  shift
  sum=$(node -p 'crypto.hash("sha256", process.argv.slice(1).map((file) => fs.readFileSync(file)).join("\0"))' "$@") ||
    failed "the files of $name cannot be read"
  built="$cache/$name-$sum"
}

# build COMMAND: whoever builds at the same time builds the same; the first one to end wins. A registry that hiccups is asked again.
build() {
  [ -d "$built" ] && return 0
  echo "building $(basename "$built") (a minute or less, once) ..."
  mkdir -p "$cache" || failed "$cache cannot be made"
  work=$(mktemp -d "$built.XXXXXX") || failed "nothing can be written to $cache"
  "$@" >&2 || "$@" >&2 || failed "$(basename "$built") was not built; the message of its tool stands above"
  chmod 755 "$work"
  [ -d "$built" ] || mv "$work" "$built" || failed "$built cannot be made"
  rm -rf "$work"
  work=
}

build_python() {
  python3 -m venv "$work" &&
    "$work/bin/python" -m pip install --quiet --disable-pip-version-check --requirement test/sdk/python/requirements.txt
}

build_go() {
  (cd test/sdk/go && GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 \
    nice -n 19 "$go" build -trimpath -o "$work/program" .)
}

build_java() {
  copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
  mvn -B -q -f test/sdk/java/pom.xml "$copy" -DincludeScope=runtime "-DoutputDirectory=$work" &&
    javac -cp "$work/*" -d "$work" test/sdk/java/*.java
}

if python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  in_cache sdk-python test/sdk/python/requirements.txt
  built="$built-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  build build_python
  export CARNET_SDK_PYTHON="$built/bin/python"
else
  not_run 'Python: there is no python3 of 3.10 or later with venv in PATH'
fi

if find_go; then
  in_cache sdk-go test/sdk/go/go.sum test/sdk/go/*.go
  build build_go
  export CARNET_SDK_GO="$built/program"
else
  not_run "Go: 1.26 or later is needed, and $go_reason"
fi

java_version=$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
if [ "${java_version:-0}" -ge 17 ] && command -v mvn >/dev/null 2>&1; then
  in_cache sdk-java test/sdk/java/pom.xml test/sdk/java/*.java
  build build_java
  export CARNET_SDK_JAVA="$built"
else
  not_run 'Java: there is no JDK of 17 or later with Maven in PATH'
fi

vitest run --config vitest.sdk.config.ts "$@"
