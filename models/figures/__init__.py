"""The lecture's figures, computed anew on BERT: each an experiment whose cells are stored as they finish, and a picture
drawn from them. One command, with a subcommand a figure.
"""
