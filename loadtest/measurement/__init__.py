"""One run of measurements: its conditions, the cores it is pinned to, the bench that puts a load on the service, and
the turns that it takes.

It asks a scenario what to do and writes down what came of it.
"""
