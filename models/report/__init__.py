"""A finished build read back from its files, in words and pictures. Everything here can be drawn again without
building.
"""
