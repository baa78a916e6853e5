"""Runs proposed fixes where they can do no harm, and judges what comes out.

Three roles. The *checker* (`checker.py`, trusted) knows the reference and the hidden checks and never
executes a byte of a submission. The *zygote* (`inside/zygote.py`) has torch loaded, holds no secrets and
lives behind an outer wall that is built once per worker. A *child* per grade (`inside/child.py`) is forked
from it, walls itself in, and only then sees the submission. `docs/execution.md` says what that covers and
what it does not.
"""
