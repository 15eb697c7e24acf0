"""Labelled texts from whatever people have: one reader a file format, then rows, labels, splits and what these share.
Imports no torch.
"""
