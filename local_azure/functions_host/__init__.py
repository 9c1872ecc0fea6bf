"""Runs a function app written for Azure Functions' Python v2 model, with Azure's rules for triggers and retries.

The app is the one that is deployed, unchanged; `azure.functions` itself says what its functions are and converts what
they are given. See README.md for what is mimicked, and from which source.
"""
