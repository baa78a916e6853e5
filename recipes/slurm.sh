#!/usr/bin/env bash
#SBATCH --job-name=redgreen-grade
#SBATCH --cpus-per-task=1
#SBATCH --mem=3G
#SBATCH --requeue
#SBATCH --output=grade-%A_%a.out
# Grades the logs at $1 as an array, a shard a task; then merge by a job that waits for it:
#   job=$(sbatch --parsable --array=1-8 recipes/slurm.sh results/logs)
#   sbatch --dependency=afterok:$job --wrap 'redgreen merge results/logs'
# A task that was lost is done again with: sbatch --array=3 recipes/slurm.sh results/logs 8
set -euo pipefail
exec redgreen grade "$1" --shard "$SLURM_ARRAY_TASK_ID/${2:-$SLURM_ARRAY_TASK_COUNT}" --workers 1
