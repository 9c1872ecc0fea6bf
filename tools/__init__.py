"""Tools of the repository: they make what it ships, measure what its pages say, and try to break what it promises."""
