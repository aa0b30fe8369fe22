"""Who may read and publish streams: the server's token, and the users of the page by their personal tokens."""

from __future__ import annotations

import hmac

from watchpost.serving.access import TokenCredentials
from watchpost.serving.rtsp_target import Target
from watchpost.web.access import Role, may_see
from watchpost.web.accounts import Accounts


class StreamCredentials:
    """The credentials of a server (see `watchpost.serving.access.Credentials`) with a token, users, or both.

    Users give their name and a personal token, not their password: RTSP sends it often, and nothing encrypts it. Of
    tokens only digests are known, so that while there are users Basic is asked for.
    """

    def __init__(self, token: str | None, accounts: Accounts) -> None:
        self._token = None if token is None else TokenCredentials(token)
        self._accounts = accounts
        self._was_guarded = False

    @property
    def is_open(self) -> bool:
        """Whether nobody has to say who they are. Who has asked for it once goes on: removing the last user opens
        nothing."""
        self._was_guarded = self._was_guarded or self._token is not None or self._accounts.has_users()
        return not self._was_guarded

    @property
    def is_basic(self) -> bool:
        """Whether there are users."""
        return self._token is None or self._accounts.has_users()

    def password_of(self, user: str) -> str | None:
        """The server's token."""
        return None if self._token is None else self._token.password_of(user)

    def accepts(self, user: str, password: str, address: str) -> bool:
        """Whether this is the server's token, or one of the user's own."""
        if self._token is not None and self._token.accepts(user, password, address):
            return True
        owner = self._accounts.token_user(password)
        return owner is not None and hmac.compare_digest(owner.name.casefold().encode(), user.casefold().encode())

    def may(self, user: str, target: Target) -> bool:
        """Viewers read what they may see, operators publish; who has the server's token alone may everything."""
        account = self._accounts.account(user)
        if account is None:
            return self._token is not None
        if target.view == "publish":
            return account.user.role.covers(Role.OPERATOR)
        return may_see(account.user, target.name)
