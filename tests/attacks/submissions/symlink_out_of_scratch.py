"""It links a host file into the scratch folder, for whoever reads logs by name."""

import os
for make in (os.symlink, os.link):
    try:
        make(CANARY + "/secret.txt", "stdout.txt")
        print("LEAK linked")
        print(open("stdout.txt").read())
    except OSError as error:
        print(error)
