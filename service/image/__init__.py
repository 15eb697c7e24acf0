"""The container image: its Dockerfile, what is left out of it, how it is built, and what says what is in it. Nothing of
this runs in production.
"""
