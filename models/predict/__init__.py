"""Whole files of texts through one variant: rows in, the same rows with label and score out. It streams, goes on after
an interruption, and runs on all cores or over a Ray cluster, without torch.
"""
