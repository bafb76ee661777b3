#!/bin/sh
# Puts uPlot, which draws the dashboard's chart, into the package, so that installing it needs no build step.
set -eu
VERSION=1.6.32
INTEGRITY=sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
cd "$(dirname "$0")/.."
TARGET=$PWD/src/overnight/dashboard/static/vendor
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
(cd "$WORK" && npm pack --silent "uplot@$VERSION" >/dev/null)
FOUND=sha512-$(openssl dgst -sha512 -binary "$WORK/uplot-$VERSION.tgz" | openssl base64 -A)
if [ "$FOUND" != "$INTEGRITY" ]; then
    echo "uplot $VERSION is not what it was: $FOUND" >&2
    exit 1
fi
tar -xzf "$WORK/uplot-$VERSION.tgz" -C "$WORK"
mkdir -p "$TARGET"
cp "$WORK/package/dist/uPlot.iife.min.js" "$TARGET/uplot.js"
cp "$WORK/package/dist/uPlot.min.css" "$TARGET/uplot.css"
cp "$WORK/package/LICENSE" "$TARGET/uplot.LICENSE"
