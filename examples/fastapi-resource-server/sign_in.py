"""Signs in at Latchkey by the form, and calls the service: python3 sign_in.py you@example.com"""

import os
import sys
from getpass import getpass
from typing import TypedDict

import httpx

LATCHKEY_URL = os.environ.get("LATCHKEY_URL", "http://localhost:4000")
NOTES_URL = os.environ.get("NOTES_URL", "http://localhost:8000")


class Tokens(TypedDict):
    access_token: str
    refresh_token: str
    expires_in: int


class SignInRefused(Exception):
    """Says what to do next."""


def request_tokens(**parameters: str) -> Tokens:
    answer = httpx.post(f"{LATCHKEY_URL}/oauth/token", data=parameters)
    if answer.is_error:
        raise SignInRefused(answer.json()["error_description"])
    return answer.json()


def sign_in(username: str, password: str) -> Tokens:
    return request_tokens(grant_type="password", username=username, password=password)


def refresh(tokens: Tokens) -> Tokens:
    return request_tokens(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Say who you are: python3 sign_in.py you@example.com")
    password = getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        tokens = refresh(sign_in(sys.argv[1], password))
    except SignInRefused as refusal:
        sys.exit(str(refusal))
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    print(httpx.get(f"{NOTES_URL}/me", headers=headers).json())


if __name__ == "__main__":
    main()
