# The blocks of a document run under this: the first command that fails ends them, and their servers end with them.
set -e -o pipefail
trap 'echo "$LINENO" > "$STAGE/.failed-line"' ERR
trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT

# Waits until a server says something. $1: its process, $2: where its output goes.
await_server() {
  for _ in $(seq 300); do
    if [ -s "$2" ]; then return 0; fi
    if ! kill -0 "$1" 2> /dev/null; then break; fi
    sleep 0.1
  done
  echo 'the server ended, or said nothing for 30 seconds' >&2
  return 1
}

# Nobody is asked for a newer npm.
export npm_config_update_notifier=false

# `npm install` takes what the checkout has, so that it costs no download; what it has not, fails.
npm() {
  if [ "$1" != install ]; then command npm "$@"; return; fi
  shift
  for package in "$@"; do
    case $package in -*) continue ;; esac
    local found=
    for place in "$CHECKOUT/node_modules" "$CHECKOUT/test/platforms/node_modules"; do
      if [ -e "$place/$package" ]; then found=$place/$package; break; fi
    done
    if [ "$package" = impuls ]; then continue; fi
    if [ -z "$found" ]; then echo "the checkout has no package $package" >&2; return 1; fi
    mkdir -p "$(dirname "node_modules/$package")"
    ln -sfn "$found" "node_modules/$package"
    # Its command, for npx.
    if [ -e "$place/.bin/$package" ]; then ln -sfn "$place/.bin/$package" "node_modules/.bin/$package"; fi
  done
}
