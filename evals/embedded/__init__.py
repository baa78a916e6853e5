"""A small model that runs in this process on the CPU, with no key and no compiler.

It lets anyone run the whole benchmark and see that it works. It is too weak to be a serious subject of a
leaderboard and unfit as a grader.
"""
