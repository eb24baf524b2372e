"""Greets people by name."""


def greet(name: str) -> str:
    """Returns the greeting for a name; a blank one is refused."""
    name = name.strip()
    if not name:
        raise ValueError("a name is needed")
    return f"Hello, {name}!"
