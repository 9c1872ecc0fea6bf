"""Writes docs/data-dictionary.md: every table and column of the lake, from the code that makes them.

python -m tools.data_dictionary
"""
