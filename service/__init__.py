"""What runs in production: the variants of a build behind one BentoML service, with neither torch nor transformers. A
request goes from `serving` (HTTP, BentoML) through `routes` (bytes in, bytes out) to `variants` (the models
themselves); each imports only those after it.
"""
