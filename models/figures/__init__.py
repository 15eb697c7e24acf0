"""The lecture's figures, each made by one command: `python -m models.figures NAME`. They read builds, and run
experiments whose results are stored and drawn again without training.
"""
