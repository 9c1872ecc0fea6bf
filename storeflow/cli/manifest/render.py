"""A deployment manifest from its template: images by name and version, variables filled in, createOptions as text."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storeflow.cli.json_file import read_json
from storeflow.cli.manifest import create_options
from storeflow.errors import ConfigError

DESIRED = "properties.desired"
TEMPLATE_VERSION = "$schema-template"

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def image_names(modules: Path, platform: str) -> dict[str, str]:
    """`${MODULES.<folder>}` of every module: repository, version and platform of its `module.json`.

    Raises:
        ConfigError: a `module.json` can't be read, has not what it should have, or isn't built for the platform.
    """
    names: dict[str, str] = {}
    problems: list[str] = []
    for path in sorted(modules.glob("*/module.json")):
        folder = path.parent.name
        try:
            image = read_json(path)["image"]
            tag = image["tag"]
            if platform not in tag["platforms"]:
                there = ", ".join(tag["platforms"])
                problems.append(f"modules/{folder}/module.json: is not built for {platform}; there is {there}")
            name = f"{image['repository']}:{tag['version']}-{platform}"
        except ConfigError as error:
            problems += error.problems
        except (KeyError, TypeError) as error:
            problems.append(f"modules/{folder}/module.json: has no {error}; see that of another module")
        else:
            names[f"MODULES.{folder}"] = names[f"MODULES.{folder}.{platform}"] = name
    if problems:
        raise ConfigError(problems)
    return names


def render(template: Mapping[str, Any], images: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Make the manifest; the same bytes for the same input.

    Args:
        template: schema 3.0.0.
        images: of `image_names`; their names may hold variables.
        variables: what `${NAME}` stands for.

    Raises:
        ConfigError: naming every placeholder without a value, and createOptions that are too long.
    """
    problems: list[str] = []
    content = {key: value for key, value in template.items() if key != TEMPLATE_VERSION}
    manifest: dict[str, Any] = _filled(_filled(content, "", problems, images), "", problems, variables, last=True)
    for path, module in deployed(manifest):
        settings = module.get("settings", {})
        if isinstance(settings.get(create_options.FIELD, {}), dict):
            try:
                chunks = create_options.split(settings.pop(create_options.FIELD, {}))
            except ConfigError as error:
                problems += [f"{path}.settings.{problem}" for problem in error.problems]
            else:
                module["settings"] = {**settings, **chunks}
    if problems:
        raise ConfigError(problems)
    return manifest


def text(manifest: Mapping[str, Any]) -> str:
    """The file, as it is read and compared."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def deployed(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every entry of `systemModules` and `modules`, with its path; entries that are no objects are left out."""
    agent = document.get("modulesContent", {}).get("$edgeAgent", {}).get(DESIRED, {})
    for group in ("systemModules", "modules"):
        entries = agent.get(group, {}) if isinstance(agent, dict) else {}
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                yield f"$edgeAgent.{group}.{name}", entry


def _filled(value: Any, path: str, problems: list[str], names: Mapping[str, str], *, last: bool = False) -> Any:
    """`value` with every placeholder that has a name filled in; `last`: the others are problems."""
    if isinstance(value, dict):
        return {key: _filled(child, _below(path, key), problems, names, last=last) for key, child in value.items()}
    if isinstance(value, list):
        found = enumerate(value)
        return [_filled(child, f"{path}[{index}]", problems, names, last=last) for index, child in found]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        if match[1] in names:
            return names[match[1]]
        if last:
            ours = match[1].startswith("MODULES.")
            fact = "names no folder that has a module.json" if ours else f"has no value; set it, or --set {match[1]}=…"
            problems.append(f"{path}: {match[0]} {fact}")
        return match[0]

    return _PLACEHOLDER.sub(replace, value)


def _below(path: str, key: str) -> str:
    hidden = key in ("modulesContent", DESIRED)
    return path if hidden else f"{path}.{key}" if path else key
