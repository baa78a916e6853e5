"""It lets a timer's signal end it, as if somebody else had."""

import signal
import time
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(1)
