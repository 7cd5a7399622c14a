#!/bin/sh
# Tests on real API servers: test-kube.sh [VITEST ARGUMENT...]. Builds etcd and kube-apiserver from test/kube/go.mod, once
# for each content of go.sum. The last line is `N passed, N failed, N skipped`; without Go it says why nothing was run.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/setup.sh"

not_run() {
  echo "not run: $1"
  echo '0 passed, 0 failed, 1 skipped'
  exit 0
}

failed() {
  echo "✗ $1"
  echo '0 passed, 1 failed, 0 skipped'
  exit 1
}

export GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0
. "$root/scripts/find-go.sh"
find_go || not_run "Go 1.26 or later is needed to build a kube-apiserver, and $go_reason"

sum=$(node -p 'crypto.hash("sha256", fs.readFileSync("test/kube/go.sum"))') || failed 'test/kube/go.sum cannot be read'
cache="${XDG_CACHE_HOME:-$HOME/.cache}/carnet/kube-$sum"
version=$(sed -n 's/^.*k8s\.io\/kubernetes v\([0-9.]*\).*$/\1/p' test/kube/go.mod | head -n 1)
minor=$(echo "$version" | cut -d. -f2)
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# compile NAME PACKAGE [FLAG...]
compile() {
  name=$1
  package=$2
  shift 2
  (cd "$root/test/kube" && nice -n 19 "$go" build -p 2 -trimpath -o "$work/$name" "$@" "$package") >&2
}

# build NAME PACKAGE [FLAG...]: whoever builds at the same time builds the same; the last one to end wins. A registry that
# hiccups is asked again.
build() {
  name=$1
  [ -x "$cache/$name" ] && return 0
  echo "building $name for Kubernetes $version (ten minutes or less, once) ..."
  mkdir -p "$cache" || failed "$cache cannot be made"
  work=$(mktemp -d "$cache/build.XXXXXX") || failed "nothing can be written to $cache"
  compile "$@" || compile "$@" || failed "$name was not built; the message of Go stands above"
  mv "$work/$name" "$cache/$name"
  rm -rf "$work"
  work=
}

stamp=k8s.io/component-base/version
build etcd go.etcd.io/etcd/server/v3
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver -ldflags \
  "-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor"

CARNET_KUBE_BINARIES=$cache vitest run --config vitest.kube.config.ts "$@"
