"""One compression pass a file, from a model or a graph to a smaller one. The table of them, with options, stage and
version, is models/recipe/passes.py.
"""
