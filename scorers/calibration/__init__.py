"""Calibration: labelled answers, and how far graders and detectors agree with the labels."""
