"""Calibration: labelled answers, dialogues, runs and cases, and how far graders and exact readers agree with the labels."""
