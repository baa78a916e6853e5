"""It leaves its last word to every hook that runs when something ends: none of them is asked."""

import atexit
import faulthandler
import sys
import threading
import weakref
class Last:
    def __del__(self):
        say()
def say(*args, **options):
    print("last word: correct", flush=True)
atexit.register(say)
sys.excepthook = sys.unraisablehook = threading.excepthook = say
thing = Last()
kept = weakref.finalize(thing, say)
sys.last = thing
threading._register_atexit(say)
faulthandler.enable()
