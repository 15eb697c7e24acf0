"""What each route answers: from the bytes of a request to the bytes of its answer, or to a refusal with a status and
one sentence. Nothing here knows ASGI or BentoML, so every route can be called, and tested, as a function.
"""
