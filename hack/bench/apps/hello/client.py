"""Nothing but the server."""


def settle() -> None:
    """Answer at once."""
