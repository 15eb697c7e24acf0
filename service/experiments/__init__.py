"""A/B comparison: who gets which variant, what comes of it, and what may be concluded.

Definitions and assignment are plain values; the store keeps what happened, service.evidence judges it.
"""
