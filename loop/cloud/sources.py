"""Source archives in Cloud Storage, named by their content: uploaded once, and harmless when uploaded twice."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from loop.cloud.calls import patiently
from loop.cloud.wire import Wire
from loop.core.names import digest_label
from loop.errors import Missing, Wait

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

FOLDER = "loop/source"
UPLOAD_WITHIN = 600.0
"""Seconds for an archive to go up."""


class Sources:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def upload(self, archive: Path, digest: str, wait: Wait = time.sleep) -> str:
        """The object's `gs://` name; nothing is sent where the content is there already."""
        name = f"{FOLDER}/{digest_label(digest)}{''.join(archive.suffixes[-2:])}"
        where = f"gs://{self._wire.target.bucket}/{name}"
        what = "uploading the source archive"

        def attempt(left: float) -> None:
            from google.api_core.exceptions import ServiceUnavailable

            from loop.cloud.errors import dropped_connection

            try:
                self._put(archive, name, left)
            except Exception as error:  # the client passes on what libraries below it raise when its retries are off
                if not dropped_connection(error):
                    raise
                raise ServiceUnavailable(f"{type(error).__name__}: {error}") from error  # type: ignore[no-untyped-call]

        patiently(attempt, what=what, where=where, wait=wait, within=UPLOAD_WITHIN)
        return where

    def _put(self, archive: Path, name: str, timeout: float) -> None:
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket(timeout).blob(name)
        if blob.exists(timeout=timeout, retry=None):
            return
        try:
            blob.upload_from_filename(str(archive), timeout=timeout, if_generation_match=0, retry=None)
        except PreconditionFailed:
            return  # someone else put the same content there meanwhile

    def _bucket(self, timeout: float) -> "Bucket":
        from google.api_core.exceptions import Conflict, NotFound

        target = self._wire.target
        try:
            return self._wire.storage.get_bucket(target.bucket, timeout=timeout, retry=None)
        except NotFound as error:
            if not self._wire.makes_buckets:
                options = f"--project={target.project} --location={target.region}"
                hint = f"gcloud storage buckets create gs://{target.bucket} {options}"
                raise Missing(
                    "the bucket for source archives does not exist", where=f"gs://{target.bucket}", hint=hint
                ) from error
        try:
            return self._wire.storage.create_bucket(target.bucket, timeout=timeout, retry=None)
        except Conflict:
            return self._wire.storage.bucket(target.bucket)
