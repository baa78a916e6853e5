"""A timer interrupts it a thousand times a second, and raises where its driver runs."""

import signal
import sys
def interrupt(number, frame):
    while frame:
        if frame.f_code.co_name == "train":
            return
        frame = frame.f_back
    if "child" in sys.modules:
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.001)
