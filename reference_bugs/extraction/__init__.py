"""Turns the prose answer of a model into a fixed program.

It refuses to invent code: what goes in is what the answer says, and the rest of the program stays byte for
byte.
"""

from redgreenbench.reference_bugs.extraction.answer import Extraction, extract
from redgreenbench.reference_bugs.extraction.edit_size import EditSize, edit_size
from redgreenbench.reference_bugs.extraction.patch import PatchError, apply_patch

__all__ = ["EditSize", "Extraction", "PatchError", "apply_patch", "edit_size", "extract"]
