# Sourced with `root` set, by every script that needs the project's packages: installs them when they are missing or older
# than package-lock.json, and puts Node 26 and the project's tools first in PATH. It is POSIX sh because the Node that a
# checkout starts with may not run TypeScript.
cd "$root" || exit 1
stamp=node_modules/.carnet-installed

if [ ! -e "$stamp" ] || [ -n "$(find package-lock.json -newer "$stamp")" ]; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "carnet: npm is not in PATH; install Node 20 or later with npm" >&2
    exit 69
  fi
  echo "carnet: installing packages (npm ci), a minute or less ..." >&2
  # The project's own tools and the pinned Node are development and optional packages: NODE_ENV must not leave them out.
  npm ci --include=dev --include=optional --loglevel=error --no-progress >&2 || {
    echo "carnet: npm ci failed; its message stands above" >&2
    exit 69
  }
  touch "$stamp"
fi

. "$root/scripts/find-node.sh"
if ! find_node; then
  echo "carnet: needs Node 26, and no package of it for $(uname -s) $(uname -m) works here; put a Node 26 first in PATH" >&2
  exit 69
fi
PATH="$(dirname "$node"):$root/node_modules/.bin:$PATH"
export PATH
