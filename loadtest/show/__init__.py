"""How a comparison looks: Markdown tables, pictures and one HTML page.

Everything here turns a `Comparison` into text or bytes and decides nothing.
"""
