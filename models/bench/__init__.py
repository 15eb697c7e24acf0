"""Variants beside control rows, timed in turns, and the tables of what was stored. The control rows are as strong as
their users would make them.
"""
