"""It opens connections of every kind to the host."""

import socket
def attempt(kind, family, address):
    try:
        connection = socket.socket(family, kind)
        connection.settimeout(1)
        connection.connect(address)
        connection.send(b"hello")
        print("LEAK connected", address)
    except OSError as error:
        print(error)
attempt(socket.SOCK_STREAM, socket.AF_INET, ("127.0.0.1", PORT))
attempt(socket.SOCK_DGRAM, socket.AF_INET, ("127.0.0.1", PORT))
attempt(socket.SOCK_STREAM, socket.AF_UNIX, CANARY + "/socket")
attempt(socket.SOCK_STREAM, socket.AF_UNIX, "\0redgreen-canary")
