"""The scenarios, a file each: how it loads the service, which figure it gives, and how its table and its sentence read.

The registry finds them by itself, so that a new scenario is a new file here and nothing else.
"""
