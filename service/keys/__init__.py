"""API keys: the file that names them, the command that makes them, who a request comes from and how much it may ask
for. Only hashes are kept, and a change of the file holds on all workers within a second.
"""
