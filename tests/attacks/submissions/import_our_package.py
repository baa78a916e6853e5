"""It imports the benchmark itself to call its own reference."""

import sys
sys.path += [REPOSITORY + "/src", REPOSITORY]
try:
    import redgreenbench.reference_bugs.grading as grading
    print("LEAK", grading)
except ImportError as error:
    print(error)
