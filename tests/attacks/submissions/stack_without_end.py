"""It lifts Python's own bound of recursion and overflows the stack of the machine."""

import sys
sys.setrecursionlimit(10**9)
one, other = [], []
for _ in range(200_000):
    one, other = [one], [other]
print(one == other)
