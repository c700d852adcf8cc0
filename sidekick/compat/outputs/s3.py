"""A bucket of S3."""

from __future__ import annotations

from msgspec.structs import replace

from sidekick.compat.key import Key, Output
from sidekick.compat.outputs._common import MINIMUM_PRIORITY

_READ_AGAIN = (
    "falcosidekick 2.33 and newer do not read it; without it the AWS SDK finds its own, as there."
)

OUTPUT = Output(
    "aws",
    "s3",
    ("s3.bucket",),
    (
        Key("s3.bucket", "bucket"),
        Key("s3.prefix", "prefix", default="falco", written=True),
        Key("s3.endpoint", "endpoint"),
        Key("s3.objectcannedacl", "acl", default="bucket-owner-full-control", written=True),
        replace(MINIMUM_PRIORITY, name="s3.minimumpriority"),
        Key("region", "region", differs=_READ_AGAIN),
        Key("accesskeyid", "access_key_id", differs=_READ_AGAIN),
        Key("secretaccesskey", "secret_access_key", secret=True, differs=_READ_AGAIN),
        Key("rolearn", "role_arn", differs="falcosidekick 2.33 and newer assume no role."),
        Key("externalid", "external_id", when=("rolearn",)),
        Key(
            "checkidentity",
            default="true",
            needless="a wrong identity holds up this output only, and nothing is lost meanwhile",
        ),
    ),
)
