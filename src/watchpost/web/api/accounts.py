"""Logging in and out, one's own password and tokens, and, for admins, the users."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from watchpost.web.access import Admin, Role, User, Viewer
from watchpost.web.accounts import MAX_NAME, Account, AccountError, Accounts, Token
from watchpost.web.attempts import TooManyAttemptsError
from watchpost.web.auth import Gatekeeper, csrf_token
from watchpost.web.cookies import drop_session, set_session
from watchpost.web.guard import client_address, session_key, too_many_attempts
from watchpost.web.layouts import Layouts
from watchpost.web.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH

_DAY_S: Final = 86_400.0

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Secret = Annotated[str, Field(max_length=MAX_PASSWORD_LENGTH)]
NewPassword = Annotated[str, Field(min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH)]
Cameras = Annotated[list[Annotated[str, Field(max_length=MAX_NAME)]], Field(max_length=10_000)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Me(_Model):
    """Who asks."""

    name: str
    """Empty: not one of the users, but the server's own token, or this machine where nobody has to log in."""
    role: Role
    cameras: list[str] | None
    """The only ones that are seen; null: all."""
    csrf: str
    """What a page sends as `X-CSRF-Token` with everything that changes something. Empty where no session is."""
    must_log_in: bool
    """False where the server is open to its own machine."""


class Login(_Model):
    """Name and password; or the server's token as password, without a name."""

    name: Annotated[str, Field(max_length=MAX_NAME)] = ""
    password: Secret


class NewPasswordOfMine(_Model):
    """One's own password."""

    old: Secret
    new: NewPassword


class NewUser(_Model):
    """A user to be made."""

    name: Name
    role: Role = Role.VIEWER
    cameras: Cameras | None = None
    """The only ones that a viewer may see; null: all."""
    password: NewPassword


class UserChange(_Model):
    """What is to be otherwise; what is left out stays."""

    role: Role | None = None
    cameras: Cameras | None = None
    """The only ones that a viewer may see; null: all."""
    password: NewPassword | None = None


class ShownUser(_Model):
    """One of the users."""

    name: str
    role: Role
    cameras: list[str] | None
    created_s: float
    """Seconds since 1970-01-01 UTC."""
    tokens: int
    sessions: int
    """That are open."""


class NewToken(_Model):
    """A personal token to be made; it may do what its user may."""

    name: Name
    days: Annotated[int, Field(ge=1, le=3650)] | None = 90
    """It ends after so many; null: never."""


class ShownToken(_Model):
    """A personal token. Times are seconds since 1970-01-01 UTC."""

    id: str
    user: str
    name: str
    created_s: float
    expires_s: float | None
    used_s: float | None
    """Within a minute; null: never."""


class MadeToken(ShownToken):
    """A new token, with its secret, which is never shown again."""

    secret: str


def router(gatekeeper: Gatekeeper, layouts: Layouts) -> APIRouter:
    """The routes; a user who is removed takes the `layouts` along."""
    routes = APIRouter(prefix="/api/accounts", tags=["accounts"])
    _add_login(routes, gatekeeper)
    if gatekeeper.accounts is not None:
        _add_own(routes, gatekeeper.accounts, gatekeeper)
        _add_users(routes, gatekeeper.accounts, layouts)
        _add_tokens(routes, gatekeeper.accounts)
    return routes


def _add_login(routes: APIRouter, gatekeeper: Gatekeeper) -> None:
    def me_of(user: User, key: str) -> Me:
        cameras = None if user.cameras is None else sorted(user.cameras)
        return Me(
            name=user.name, role=user.role, cameras=cameras, csrf=csrf_token(key), must_log_in=gatekeeper.is_guarded
        )

    @routes.get("/me", summary="Who you are")
    def me(user: Viewer, request: Request) -> Me:
        return me_of(user, session_key(request.headers))

    @routes.post("/login", summary="Open a session; it comes as a cookie", responses={401: {}, 429: {}})
    async def login(given: Login, request: Request, response: Response) -> Me:
        try:
            key = await gatekeeper.log_in(given.name.strip(), given.password, client_address(request))
        except TooManyAttemptsError as error:
            retry_after = {"Retry-After": too_many_attempts(error).headers["Retry-After"]}
            raise HTTPException(429, "too many wrong tokens or passwords; wait a while", retry_after) from None
        known = None if key is None else gatekeeper.session(key)
        if key is None or known is None:
            raise HTTPException(401, "wrong name or password")
        set_session(response, request, key)
        return me_of(known.user, key)

    @routes.post("/logout", status_code=204, summary="End this session, or all of yours")
    def logout(user: Viewer, request: Request, everywhere: Annotated[bool, Query()] = False) -> Response:
        gatekeeper.close_session(session_key(request.headers))
        if everywhere and user.name and gatekeeper.accounts is not None:
            gatekeeper.accounts.close_sessions(user.name)
        response = Response(status_code=204)
        drop_session(response)
        return response


def _add_own(routes: APIRouter, accounts: Accounts, gatekeeper: Gatekeeper) -> None:
    @routes.post(
        "/password", status_code=204, summary="Change your password; your other sessions end", responses={403: {}}
    )
    async def password(user: Viewer, given: NewPasswordOfMine, request: Request) -> Response:
        if not user.name:
            raise AccountError("this is no user with a password of its own.")
        try:
            fits = await gatekeeper.password_user(user.name, given.old, client_address(request))
        except TooManyAttemptsError as error:
            return too_many_attempts(error)
        if fits is None:
            raise HTTPException(403, "the old password is wrong")
        await gatekeeper.run_hash(accounts.set_password, user.name, given.new, session_key(request.headers))
        return Response(status_code=204)


def _add_users(routes: APIRouter, accounts: Accounts, layouts: Layouts) -> None:
    @routes.get("/users", summary="All users")
    def users(_user: Admin) -> list[ShownUser]:
        return [_shown_user(each) for each in accounts.users()]

    @routes.post("/users", status_code=201, summary="Make a user")
    def add(_user: Admin, given: NewUser) -> ShownUser:
        accounts.add(given.name, given.role, given.password, _cameras(given.cameras))
        return _found(accounts, given.name)

    @routes.patch("/users/{name}", summary="Give a user another role, other cameras or a new password")
    def change(user: Admin, name: str, given: UserChange) -> ShownUser:
        found = accounts.account(name)
        if found is None:
            raise HTTPException(404, "no such user")
        role = given.role or found.role
        if user.name == found.name and role is not found.role:
            raise AccountError("you can not take your own role away; another admin can.")
        cameras = found.cameras if role is Role.VIEWER else None
        if "cameras" in given.model_fields_set:
            cameras = _cameras(given.cameras)
        accounts.change(name, role, cameras)
        if given.password is not None:
            accounts.set_password(name, given.password)
        return _found(accounts, name)

    @routes.delete("/users/{name}", status_code=204, summary="Remove a user with all tokens and sessions")
    def remove(user: Admin, name: str) -> Response:
        found = accounts.account(name)
        if found is None:
            raise HTTPException(404, "no such user")
        if user.name == found.name:
            raise AccountError("you can not remove yourself; another admin can.")
        accounts.remove(name)
        layouts.forget(found.name)
        return Response(status_code=204)


def _add_tokens(routes: APIRouter, accounts: Accounts) -> None:
    @routes.get("/tokens", summary="Your tokens; an admin may ask for those of all users")
    def tokens(user: Viewer, everybody: Annotated[bool, Query()] = False) -> list[ShownToken]:
        if everybody and user.role is not Role.ADMIN:
            raise HTTPException(403, f"this takes the role {Role.ADMIN}")
        return [_shown_token(each) for each in accounts.tokens(None if everybody else user.name)]

    @routes.post("/tokens", status_code=201, summary="Make a token; its secret is shown this once")
    def make(user: Viewer, given: NewToken) -> MadeToken:
        lasts_s = None if given.days is None else given.days * _DAY_S
        token, secret = accounts.make_token(user.name, given.name, lasts_s)
        return MadeToken(**_shown_token(token).model_dump(), secret=secret)

    @routes.delete("/tokens/{token_id}", status_code=204, summary="Revoke one of your tokens, an admin any")
    def revoke(user: Viewer, token_id: str) -> Response:
        owned = accounts.tokens(None if user.role is Role.ADMIN else user.name)
        if token_id not in {each.id for each in owned}:
            raise HTTPException(404, "no such token")
        accounts.revoke_token(token_id)
        return Response(status_code=204)


def _found(accounts: Accounts, name: str) -> ShownUser:
    found = accounts.account(name)
    if found is None:  # somebody else has removed it in the meantime
        raise HTTPException(404, "no such user")
    return _shown_user(found)


def _cameras(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _shown_user(account: Account) -> ShownUser:
    cameras = None if account.cameras is None else sorted(account.cameras)
    return ShownUser(
        name=account.name,
        role=account.role,
        cameras=cameras,
        created_s=account.created_s,
        tokens=account.tokens,
        sessions=account.sessions,
    )


def _shown_token(token: Token) -> ShownToken:
    return ShownToken(
        id=token.id,
        user=token.user,
        name=token.name,
        created_s=token.created_s,
        expires_s=token.expires_s,
        used_s=token.used_s,
    )
