"""Experiments drawn at random, in which the truth is known: how often is a verdict false, how soon is one reached?
`python -m service.evidence.simulate` writes the figures that the tables of our pages are drawn from.
"""
