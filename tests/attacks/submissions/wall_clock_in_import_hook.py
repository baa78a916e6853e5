"""It hides a loop in an import hook and in garbage collection."""

import gc
import sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        while True:
            pass
sys.meta_path.insert(0, Hook())
gc.callbacks.append(lambda phase, info: __import__("nothing_of_that_name"))
def train(model, loader, epochs=10):
    gc.collect()
