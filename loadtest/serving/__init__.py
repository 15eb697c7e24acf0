"""The service beside its peers: every server in turn as processes of its own, wrk as the load, ratios within a round.
It talks HTTP to all of them, and knows of the peers only how each is started.
"""
