"""The command line: a thin client of the operations and of the deployer, and what starts servers.

Owns words, exit codes and processes. Knows no rule of the service. Nothing heavy is imported before a command runs.
"""

VERSION = "0.1.0"
"""This release. Here and in pyproject.toml, and a test holds the two together: sources need not be installed to run."""
