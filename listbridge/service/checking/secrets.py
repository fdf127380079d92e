"""Where passwords come from."""

from listbridge.secret import Secret


def source(secret: Secret) -> str:
    """Say where a secret that could be read was read from."""
    if secret.env is not None:
        return f"in the environment variable {secret.env}"
    if secret.command:
        return f"from the command {secret.command[0]!r}"
    if secret.keyring is not None:
        service, user = secret.keyring
        return f"in the keyring, {user!r} at {service!r}"
    if secret.file is None:
        return "in the configuration itself"
    return f"in {secret.file}"
