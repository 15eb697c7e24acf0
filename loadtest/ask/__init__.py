"""What is asked, when, and whether the answer is right: texts with their expected labels, arrival times, and the judge
of an answer.

Nothing here knows how a request travels or what is counted.
"""
