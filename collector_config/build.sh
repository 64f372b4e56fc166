#!/bin/sh
# Builds the collector of a builder manifest, once, and prints the path of the binary.
#
#   collector_config/build.sh [MANIFEST]        default: builder.yaml beside this script
#
# Needs Go. The binary is kept under ${XDG_CACHE_HOME:-~/.cache}/agentsight-otel/collectors, in a folder named after
# the manifest's hash: another manifest is another binary, the same one is not built again.
set -eu

manifest="${1:-$(dirname "$0")/builder.yaml}"
setting() { sed -n "s/^  $1: *//p" "$manifest"; }
name="$(setting name)"
version="$(setting version)"
hash="$({ sha256sum "$manifest" 2>/dev/null || shasum -a 256 "$manifest"; } | cut -c1-16)"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/agentsight-otel/collectors/$name-$version-$hash"
binary="$folder/$name"

if [ ! -x "$binary" ]; then
    command -v go >/dev/null || { echo "building the collector needs Go (https://go.dev/dl)" >&2; exit 1; }
    mkdir -p "$folder"
    work="$(mktemp -d "$folder/build.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    sed "s|^  output_path: .*|  output_path: $work/source|" "$manifest" >"$work/manifest.yaml"
    go run "go.opentelemetry.io/collector/cmd/builder@v$version" --config "$work/manifest.yaml" >&2
    # Two builds at the same time: each leaves a whole binary, never a half one.
    mv "$work/source/$name" "$binary"
fi
echo "$binary"
