"""edgeAgent's part on one machine: a deployment template in, supervised processes out.

`Supervisor` in `supervisor.py` is the way in; `template.py`, `environment.py` and
`restart_policy.py` are pure.
"""
