"""BERT in torch: the one training loop, the teachers, and the transfer sets that they label for students. Nothing here
knows of passes or of variants.
"""
