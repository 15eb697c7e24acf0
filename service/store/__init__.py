"""What experiments are and what they record: tables on SQLite or PostgreSQL, their migrations, the questions that a
report asks, and the thread that writes. Nothing here knows statistics or HTTP, and a service without experiments does
not import it.
"""
