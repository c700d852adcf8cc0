"""Credentials of an AWS role, renewed before they end (STS AssumeRole)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boto3.session import Session

_SECS = 10.0


def as_role(session: Session, role_arn: str, external_id: str, region: str) -> Session:
    """A session that acts in the role; the first request assumes it, with the session's own
    credentials."""
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    # The lane tries again.
    quick = Config(connect_timeout=_SECS, read_timeout=_SECS, retries={"total_max_attempts": 1})
    more = {"RoleSessionName": "sidekick"} | ({"ExternalId": external_id} if external_id else {})

    def client(name: Any, **keys: Any) -> Any:
        return session.client(name, region_name=region, config=quick, **keys)

    fetcher = AssumeRoleCredentialFetcher(client, session.get_credentials(), role_arn, more)
    core = botocore.session.get_session()
    # Its own providers of credentials know roles of profiles only.
    core._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
        fetcher.fetch_credentials, "assume-role"
    )
    return boto3.session.Session(botocore_session=core)
