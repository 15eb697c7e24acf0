"""What speaks HTTP: the BentoML service class, the ASGI layer in front of it, and the queue that long requests wait in.
What an operator sets and what Prometheus counts is here too; no other room knows BentoML.
"""
