"""From boxes in single frames to objects that last.

`tracker.py` is what counts rest on; `bytetrack.py` is the published tracker that it is measured by. `motion.py` and
`association.py` are the two ideas both are made of, `parameters.py` every figure in them.
"""
