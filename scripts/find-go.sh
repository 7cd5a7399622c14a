# Sourced. Sets `go` to a Go 1.26 or later, in PATH or where it is installed by default; else `go` is empty and
# `go_reason` says why.
find_go() {
  go_reason='there is no go in PATH'
  for go in "$(command -v go 2>/dev/null || true)" /usr/local/go/bin/go; do
    [ -x "$go" ] || continue
    go_version=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null)
    case "$go_version" in
      go1.2[6-9]* | go1.[3-9][0-9]* | go[2-9]*) return 0 ;;
    esac
    go_reason="$go is ${go_version:-of no known version}"
  done
  go=
  return 1
}
