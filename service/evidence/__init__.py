"""What counts of outcomes prove, at whatever moment one looks: pure functions of counts, which know of no store and no
route. Verdicts, confidence sequences, the sample-ratio test and the decision rule; nothing here imports another room.
"""
