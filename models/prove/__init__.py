"""What a variant lost, with intervals: evaluation at batch 1, statistics, and the gate that judges. It trains
nothing.
"""
