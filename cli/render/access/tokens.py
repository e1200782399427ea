"""A token that was made, the list of those that are valid, and one that was revoked."""

from collections.abc import Sequence

from cli.render.exit_codes import Out
from deployment.commands.tokens import AddedToken
from rollout.access_tokens import OPERATOR, NamedToken, TokenRole

MAY = {TokenRole.VIEWER: "may look", TokenRole.OPERATOR: "may look and act"}
OWN = "made by `up`, in secrets/operator of the state folder"


def show_added(out: Out, added: AddedToken) -> None:
    """Print the token, which nobody can show again."""
    named = added.named
    undo = f"python deploy.py tokens revoke {named.name}"
    value = {"act": "tokens add", "name": named.name, "role": named.role.value}
    out.result(
        {**value, "token": added.token, "undo": undo},
        f"✔ {named.name} {MAY[named.role]} with this token, which is shown once:",
        f"  {added.token}",
        f"  undo: {undo}",
    )


def show_list(out: Out, tokens: Sequence[NamedToken]) -> None:
    """Print name, role and time of each token; no digest."""
    rows = [(OPERATOR, TokenRole.OPERATOR.value, OWN)]
    rows += [(token.name, token.role.value, f"made {token.made}") for token in tokens]
    width = max(len(name) for name, _, _ in rows)
    listed = [
        {"name": token.name, "role": token.role.value, "made": token.made} for token in tokens
    ]
    out.result(
        {"act": "tokens list", "tokens": listed},
        *(f"{name:<{width}}  {role:<8}  {since}" for name, role, since in rows),
    )


def show_revoked(out: Out, named: NamedToken) -> None:
    """Print who has no access any longer."""
    undo = f"python deploy.py tokens add {named.name} --role {named.role}"
    out.result(
        {"act": "tokens revoke", "name": named.name, "undo": undo},
        f"✔ the token of {named.name} is revoked, its sessions have ended",
        f"  a new one: {undo}",
    )
