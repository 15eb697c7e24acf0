"""Whether the load test itself is right: against a server whose times are known, with a variant compared with itself,
and at its own ceiling.

Their results are published beside the runs', since a figure is worth what its instrument is.
"""
