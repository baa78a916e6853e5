"""What goes behind the wall: it imports torch, safetensors and the standard library, and nothing of ours.

The modules import each other by plain names, since in the sandbox only this folder exists; nothing in it is
secret.
"""
