"""The hard cases of counting, as synthetic boxes with exact truth."""
