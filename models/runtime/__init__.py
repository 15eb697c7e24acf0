"""What a served variant needs: its card, the model store, the classifier and its tokenizer. Runs in every image,
without torch.
"""
