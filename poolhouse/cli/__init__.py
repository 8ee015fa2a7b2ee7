"""The command line: a thin client of the operations and of the deployer, and what starts servers.

Owns words, exit codes and processes. Knows no rule of the service. Nothing heavy is imported before a command runs.
"""
