"""It opens files until there are no descriptors left."""

kept = []
try:
    while True:
        kept.append(open("/dev/null"))
except OSError:
    pass
