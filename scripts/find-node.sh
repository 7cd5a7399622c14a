# Sourced with `root` set. Sets `node` to a Node 26: the one that package-lock.json pins, else one in PATH; fails when there is none.
find_node() {
  for node in "$root/node_modules/.bin/node" "$(command -v node 2>/dev/null || true)"; do
    case "$([ -x "$node" ] && "$node" --version 2>/dev/null)" in
      v26.*) return 0 ;;
    esac
  done
  node=
  return 1
}
