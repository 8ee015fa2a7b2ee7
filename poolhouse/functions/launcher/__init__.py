"""The launcher: one small process that starts, watches and buries the processes of every sandbox.

Runs under `python -I -S` with the standard library alone, so nothing here may import a room of the house.
It lives exactly as long as its socket to the server: end of file means that all it started must die.
"""
