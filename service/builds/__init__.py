"""Variants on the fly: what may be asked for, jobs as files, and the one build that runs beside the service. Nothing
here knows HTTP: what is refused is an error of this room's own, which the routes turn into a status.
"""
