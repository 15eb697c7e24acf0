"""What a user may write, and how a refusal is worded. Read before anything heavy is imported."""
