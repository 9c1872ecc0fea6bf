"""A fleet's events through the whole chain, whose processes are killed on the way: is gold the truth, to the unit?"""
