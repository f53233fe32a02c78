"""A Kubernetes API without a cluster, for trying the function and for its tests.

It is faithful where the function and kubectl look: names, rules, refusals, the life
of a Job. It runs no containers; a pod's log says what would have run. Nothing
outside this package may import it, and it imports the standard library alone.
"""
