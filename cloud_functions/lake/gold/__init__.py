"""Gold: the figures of docs/figures.md by quarters of an hour, and what they are of. Only what adds up is kept."""
