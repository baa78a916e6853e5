#!/usr/bin/env bash
# Grades the logs at $1 as $2 shards, $3 at a time on this machine, then merges. A shard that fails is done once more.
#   recipes/xargs.sh results/logs 8 2
# With GNU parallel instead of xargs, over machines that share the folder (or with an s3:// address):
#   seq 8 | parallel --retries 2 -S host1,host2 redgreen grade s3://bucket/logs --shard {}/8 --workers 1
set -euo pipefail
logs=$1 shards=$2 at_once=$3
share() { redgreen grade "$1" --shard "$2" --workers 1 || redgreen grade "$1" --shard "$2" --workers 1; }
export -f share
seq "$shards" | xargs -P "$at_once" -I{} bash -c 'share "$0" "$1"' "$logs" "{}/$shards"
redgreen merge "$logs"
