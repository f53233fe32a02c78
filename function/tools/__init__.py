"""The `openfero` command, for whoever writes definitions: new, lint, simulate, local.

It knows the function and the embedded API; neither knows it, and no image has it. Its
dependencies are those of the extra `tools`.
"""
