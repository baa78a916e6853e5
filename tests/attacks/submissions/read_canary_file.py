"""It reads a file of the host."""

try:
    print("LEAK", open(CANARY + "/secret.txt").read())
except OSError as error:
    print(error)
