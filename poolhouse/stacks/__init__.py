"""Stacks: SAM and CloudFormation templates deployed onto pools, clients, functions and APIs.

Owns parameters, intrinsics, dependency order, change sets and stack state. Everything it changes in a user pool
goes through an operation. The public surface is `Deployer` (poolhouse/stacks/deployer.py).
"""
