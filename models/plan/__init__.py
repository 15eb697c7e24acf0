"""What a build will do: the checkpoint it starts from, and every step with the key that finds it again. Imports no
torch.
"""
