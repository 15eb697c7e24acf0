"""The command that builds: plan, steps, finished variants, judged before they are published. All other rooms are called
from here.
"""
