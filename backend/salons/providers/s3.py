"""Photos in a bucket that speaks S3: Amazon's, or anybody's with an endpoint of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

CONNECT_SECONDS = 3
ANSWER_SECONDS = 10


class S3Photos(S3Storage):  # type: ignore[misc]  # the library has no types
    """Every failure is an OSError, as on a disk. Where it calls is decided by its options alone.

    A missing object is a FileNotFoundError. One request is tried twice at most.
    """

    def __init__(self, *, endpoint_url: str | None, **options: Any) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": 2, "mode": "standard"},
            # A bucket in the host name needs DNS that servers other than Amazon's seldom have.
            s3={"addressing_style": "path" if endpoint_url else "virtual"},
            # Newer checksums are unknown to many servers; the body is signed in any case.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            signature_version="s3v4",
            proxies={},
            ignore_configured_endpoint_urls=True,
        )
        super().__init__(
            endpoint_url=endpoint_url,
            client_config=config,
            security_token=None,
            session_profile=None,
            default_acl=None,
            **options,
        )

    def _save(self, name: str, content: Any) -> str:
        with _as_os_error():
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> Any:
        with _as_os_error():
            return super()._open(name, mode)

    def delete(self, name: str) -> None:
        with _as_os_error():
            super().delete(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _as_os_error():
            folders, files = super().listdir(path)
        return folders, files

    def get_modified_time(self, name: str) -> datetime:
        with _as_os_error():
            moment: datetime = super().get_modified_time(name)
        return moment


@contextmanager
def _as_os_error() -> Iterator[None]:
    # `from None`: the library's messages may quote addresses with their signatures.
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = error.response.get("Error", {}).get("Code")
        if status == 404 and code != "NoSuchBucket":
            raise FileNotFoundError("no such object") from None
        raise OSError(f"the bucket answered {status} {code}") from None
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(f"the bucket cannot be used: {type(error).__name__}") from None
