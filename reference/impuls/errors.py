"""The one exception of the reference."""


class ImpulsError(Exception):
    """A refusal. `code` is the error that a vector names: malformed, bad-seal, bad-signature, …"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def require(condition: bool, message: str, code: str = "malformed") -> None:
    """Raises ImpulsError unless the condition holds."""
    if not condition:
        raise ImpulsError(code, message)
