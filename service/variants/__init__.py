"""The variants that are loaded: a registry with one `predict`, and the check at start that they still give the labels
of the build. Nothing here knows HTTP: what cannot be done is an error of this room's own, which the routes turn into a
status.
"""
