"""It makes files whose names are as long as names can be, break lines or are no text, for whoever lists or cleans."""

import os
names = [b"n" * 255, b"line\nbreak", b"\xff\xfe\x80", b"-rf", b"*", b" ", b"\x1b[2J", "é\u202e".encode()]
for name in names + [b"%d-" % number + b"x" * 200 for number in range(300)]:
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o000))
print("made", len(os.listdir(".")), "files")
