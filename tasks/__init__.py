"""The doors: one inspect task a file. Nothing is re-exported, so `redgreenbench.tasks.routing` stays a module."""
