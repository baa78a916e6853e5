"""Buggy PyTorch programs and what they really print. The ground floor: no inspect-ai here."""
