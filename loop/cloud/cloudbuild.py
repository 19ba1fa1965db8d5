"""A Cloud Build configuration of the user's own, made the Build that is sent: its steps, our source, tags and image.

What is wrong with the file is a BuildFailure: a commit can mend it.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loop.cloud.values import BuildFailure

if TYPE_CHECKING:
    from google.cloud.devtools.cloudbuild_v1.types import Build

IMAGE = "_IMAGE"
"""The substitution that names the image which the file must build and push."""


def build_from(text: str, file: str, ours: "Build", values: Mapping[str, str], given: Mapping[str, str]) -> "Build":
    """The file's build with our source and tags; `ours` also has the defaults for timeout, logging and account.

    `values` are the substitutions that loop knows: those that the file mentions are sent, for Cloud Build refuses one
    that is not used (Build.options.substitution_option). Unusable where the file can not be built as it stands.
    """
    if not text:
        raise Unusable(f"there is no {file} in this commit")
    build = _parsed(text, file)
    if not _mentions(text, IMAGE):
        raise Unusable(f"{file} does not push $_IMAGE, the image that loop deploys: build it, and list it in images:")
    listed = {name.replace("{", "").replace("}", "") for name in build.images}
    if listed and not listed & {f"${IMAGE}", values[IMAGE]}:
        raise Unusable(f"{file} does not list $_IMAGE in images:, so the digest of what it pushes is not known")
    build.images = build.images or [f"${IMAGE}"]
    build.source, build.tags = ours.source, [*ours.tags, *(tag for tag in build.tags if tag not in ours.tags)]
    known = {name: value for name, value in values.items() if _mentions(text, name)}
    build.substitutions = {**build.substitutions, **given, **known}
    build.timeout = build.timeout or ours.timeout
    if not int(build.options.logging):  # else its log may be where loop can not read it, as the file says
        build.options.logging = ours.options.logging
    build.service_account = build.service_account or ours.service_account
    return build


class Unusable(Exception):
    """The file can not be built as it stands; the message says why."""

    @property
    def failure(self) -> BuildFailure:
        return BuildFailure(reason=str(self))


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\$)\$(?:{name}\b|\{{{name}\b)", text) is not None


def _parsed(text: str, file: str) -> "Build":
    import yaml
    from google.cloud.devtools.cloudbuild_v1.types import Build
    from google.protobuf.json_format import ParseDict, ParseError

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Unusable(
            f"{file}{line}: this is no YAML: {getattr(error, 'problem', None) or 'it can not be read'}"
        ) from error
    if not isinstance(content, dict) or not content.get("steps"):
        raise Unusable(f"{file} has no steps:")
    build = Build()
    try:
        ParseDict(content, Build.pb(build))
    except ParseError as error:
        raise Unusable(f"{file}: {error}") from error
    return build
