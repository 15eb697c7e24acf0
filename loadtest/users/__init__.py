"""All of Locust: the users that send, their connection and clock, the recorder that listens to them, and the workers of
other processes.

Importing this room patches sockets for gevent; what can do without it stays outside.
"""
