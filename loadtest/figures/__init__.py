"""What a result says: its one `Comparison`, which reads result.json once, with the doubts, the conclusion, and what
changed between two runs.

It needs a file and no service: nothing here imports Locust.
"""
