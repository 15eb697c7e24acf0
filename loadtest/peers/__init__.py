"""Other servers around the same predictor, one small file a server, each as its own documentation recommends. They are
started by `loadtest/serving/` as processes, mostly in an environment of their own, and nothing imports them.
"""
