"""Gold: the figures of docs/figures.md by quarters of an hour, and what they are of. Only what adds up is kept.

No row is suppressed for being of few people: these tables are the store owner's, and as confidential as silver. Who
gives figures away suppresses small groups there, so that totals don't give them away again.
"""
