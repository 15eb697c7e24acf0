"""How the highest rate under a limit is found: the limit, the search and its trials, and what the rounds after it
confirm.

Nothing here sends a request: it is told what was measured and says what to try next.
"""
