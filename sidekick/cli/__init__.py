"""The command line: a command a module.

A module whose name does not begin with "_" has ``command``, a click command of the module's name.
It imports only click and what is light at its top; the rest when it is run.
"""
