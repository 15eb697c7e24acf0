"""What a run keeps and the arithmetic on it: the models of result.json, histograms, percentiles, intervals over rounds.

Every other room stands on these figures; none of them knows where a figure came from.
"""
