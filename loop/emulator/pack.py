"""The one build step that is emulated: `pack build IMAGE`, for a source tree with a Procfile.

Source: "Google Cloud's buildpacks" (the Procfile's `web` entry is the image's entrypoint; requirements.txt is installed
with pip). Anything else that a build may ask for is refused with a sentence.
"""

import io
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.emulator import venvs
from loop.emulator.images import Image, Images, with_tag

WITH_VALUE = {"--builder", "-B", "--path", "-p", "--env", "-e", "--cache-image", "--run-image", "--tag", "-t",
              "--network", "--pull-policy", "--creation-time", "--env-file", "--buildpack", "-b"}  # fmt: skip


class StepFailed(Exception):
    """The build fails in this step, for the reason in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStep:
    image: str
    path: str
    tags: tuple[str, ...] = ()


def read_step(step: Any, substitutions: Mapping[str, str]) -> PackStep:
    """The step's arguments, or the refusal of a step that is not `pack build`."""
    program = step.entrypoint or re.split(r"[:@]", step.name.rpartition("/")[2])[0]
    args = [substituted(arg, substitutions) for arg in step.args]
    if program.rpartition("/")[2] != "pack":
        raise StepFailed(
            f"The emulator has no step image {step.name!r}: it runs `pack` steps only, which build from a Procfile."
            " Give the source one (`web: COMMAND`), or deploy to Google: endpoint: google."
        )
    if args[:1] != ["build"]:
        raise StepFailed(f"The emulator's pack knows `build` only, not {' '.join(args[:1])!r}.")
    plain, options = _sorted(args[1:])
    if len(plain) != 1:
        raise StepFailed(f"pack build takes one image name, {len(plain)} were given.")
    path = options.get("--path", options.get("-p", ["."]))[-1]
    tags = tuple(options.get("--tag", []) + options.get("-t", []))
    return PackStep(image=plain[0], path=str(Path(step.dir_) / path), tags=tags)


def build(
    step: PackStep, tree: Path, images: Images, cache: Path, say: venvs.Say, expired: Callable[[], bool]
) -> Image:
    """Turn the unpacked source into an image, tagged as the step says."""
    root = (tree / step.path).resolve()
    if not root.is_relative_to(tree.resolve()) or not root.is_dir():
        raise StepFailed(f"The source has no folder {step.path!r}.")
    command = web_command(root)
    try:
        venv = venvs.provide(root, cache, say, expired)
    except (venvs.InstallFailed, OSError) as failed:
        raise StepFailed(str(failed)) from failed
    image = images.keep(root, command, str(venv or ""))
    for name in (step.image, *step.tags):
        images.tag(with_tag(name), image.digest)
    say(f"Successfully built image {step.image}@{image.digest}")
    return image


def web_command(root: Path) -> str:
    try:
        text = (root / "Procfile").read_text()
    except FileNotFoundError:
        raise StepFailed("The source has no Procfile: the emulator needs one that says `web: COMMAND`.") from None
    for line in text.splitlines():
        name, colon, command = line.partition(":")
        if colon and name.strip() == "web" and command.strip():
            return command.strip()
    raise StepFailed("The Procfile has no line `web: COMMAND`.")


def unpack(archive: bytes, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StepFailed(f"The source is not a tar archive that can be unpacked: {error}") from error


def substituted(text: str, values: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}`; `$$` is a dollar (Cloud Build's page on substituting variable values)."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name is None:
            return "$"
        if name not in values:
            raise StepFailed(f"The substitution {name} has no value.")
        return values[name]

    return re.sub(r"\$(?:\$|\{([A-Z_][A-Z0-9_]*)\}|([A-Z_][A-Z0-9_]*))", value, text)


def _sorted(args: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    plain: list[str] = []
    options: dict[str, list[str]] = {}
    left = iter(args)
    for arg in left:
        if not arg.startswith("-"):
            plain.append(arg)
            continue
        name, equals, value = arg.partition("=")
        if not equals and name in WITH_VALUE:
            value = next(left, "")
        options.setdefault(name, []).append(value)
    return plain, options
