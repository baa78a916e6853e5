"""It writes outside its scratch folder."""

import os
for name in (CANARY + "/new.txt", CANARY + "/open/new.txt", "/tmp/redgreen-new", "../escaped", os.path.expanduser("~/../x")):
    try:
        open(name, "w").write("x")
        print("LEAK wrote", name)
    except OSError as error:
        print(error)
