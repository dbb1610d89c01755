"""Turns a lock file into a list that pip reads, each package with the hashes that it may have: lock_list.py LOCK LIST.

It runs in the new environment, so that markers are decided where the program will run. What the lock file's own tool
would install beside the project's needs (extras, groups for development) is left out. What no hash names is refused.
"""
import json
import os
import re
import sys

from pip._vendor.packaging.markers import Marker
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

PYPI = "https://pypi.org/simple"


class Refused(Exception):
    pass


def read(path):
    with open(path, "rb") as file:
        if not path.endswith((".lock", ".toml")) or os.path.basename(path) == "Pipfile.lock":
            return json.load(file)
        try:
            import tomllib  # Python 3.11
        except ImportError:
            from pip._vendor import tomli as tomllib
        return tomllib.load(file)


def applies(marker):
    try:
        return not marker or Marker(marker).evaluate({"extra": ""})
    except Exception as error:
        raise Refused(f"the marker {marker!r} cannot be decided here: {error}")


class List:
    """The packages that were chosen, and where they are found."""

    def __init__(self):
        self.chosen, self.indexes = {}, []

    def add(self, name, version, hashes, index=None, url=None):
        """`hashes` as pip writes them, sha256:..."""
        key = canonicalize_name(name)
        what = f"{name} @ {url}" if url else f"{name}=={version}"
        if not re.fullmatch(r"[\w.-]+", name) or not re.fullmatch(r"[\w.!+-]+", str(version or 0)):
            raise Refused(f"{what!r} is no name and version of a package")
        hashes = {each for each in hashes if re.fullmatch(r"sha(256|384|512):[0-9a-f]+", each or "")}
        if not hashes:
            raise Refused(f"it has no hash of {what}")
        for place in (index, url):
            if place and not re.fullmatch(r"https?://\S+", place):
                raise Refused(f"{what} comes from {place}, which is not on this machine")
        if self.chosen.setdefault(key, (what, set()))[0] != what:
            raise Refused(f"it lists both {self.chosen[key][0]} and {what} for this machine")
        self.chosen[key][1].update(hashes)
        if index and index.rstrip("/") != PYPI and index not in self.indexes:
            self.indexes.append(index)

    def text(self):
        lines = [f"--extra-index-url {index}" for index in self.indexes]
        for what, hashes in sorted(self.chosen.values()):
            lines.append(" ".join([what, *(f"--hash={each}" for each in sorted(hashes))]))
        return "\n".join(lines) + "\n"


def refuse_source(name, source):
    raise Refused(f"{name} comes from {source}, and not from an index; no hash names what is there")


def same_names(packages):
    table = {}
    for package in packages:
        table.setdefault(canonicalize_name(package["name"]), []).append(package)
    return table


def uv(lock, listed, folder):
    """https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile"""
    table = same_names(lock.get("package", []))

    def entry(edge):
        fitting = [each for each in table.get(canonicalize_name(edge["name"]), [])
                   if edge.get("version") in (None, each.get("version")) and edge.get("source") in (None, each["source"])
                   and (not each.get("resolution-markers") or any(map(applies, each["resolution-markers"])))]
        if len(fitting) != 1:
            raise Refused(f"it has {len(fitting)} entries for {edge['name']}")
        return fitting[0]

    own = [each for each in lock.get("package", []) if "." in (each["source"].get("virtual"), each["source"].get("editable"))]
    if not own:
        raise Refused("it names no project of its folder")
    open_edges, seen = [edge for each in own for edge in each.get("dependencies", [])], set()
    while open_edges:
        edge = open_edges.pop()
        if not applies(edge.get("marker")):
            continue
        package = entry(edge)
        extras = package.get("optional-dependencies", {})
        parts = [("", package.get("dependencies", []))] + [(extra, extras.get(extra, [])) for extra in edge.get("extra", [])]
        for extra, needs in parts:
            if (package["name"], extra) not in seen:
                seen.add((package["name"], extra))
                open_edges.extend(needs)
        source = package["source"]
        files = package.get("wheels", []) + [package.get("sdist", {})]
        if not source.keys() & {"registry", "url"}:
            refuse_source(package["name"], " ".join(map(str, *source.items())))
        listed.add(package["name"], package.get("version"), [each.get("hash") for each in files], source.get("registry"),
                   source.get("url"))


def poetry(lock, listed, folder):
    """https://python-poetry.org/docs/dependency-specification/ and what poetry writes; before 2.0 it does not say which
    packages the project asks for, and pyproject.toml does."""
    packages = [each for each in lock.get("package", []) if not each.get("optional")]
    if all("groups" in each for each in packages):
        wanted = [each for each in packages if "main" in each["groups"]]
        markers = [each.get("markers") for each in wanted]
        wanted = [each for each, marker in zip(wanted, markers)
                  if applies(marker.get("main") if isinstance(marker, dict) else marker)]
    else:
        wanted = poetry_walk(packages, folder)
    old = lock.get("metadata", {}).get("files", {})
    for package in wanted:
        name, source = package["name"], package.get("source", {})
        if source.get("type", "legacy") not in ("legacy", "url"):
            refuse_source(name, f"{source['type']} {source.get('url')}")
        place = source.get("url")
        direct = source.get("type") == "url"
        listed.add(name, package["version"], [each["hash"] for each in package.get("files") or old.get(name, [])],
                   None if direct else place, place if direct else None)


def poetry_walk(packages, folder):
    path = os.path.join(folder, "pyproject.toml")
    if not os.path.exists(path):
        raise Refused("it does not say what the project needs, and no pyproject.toml came with it; poetry 2 writes one "
                      "that does (poetry lock)")
    project, table = read(path), same_names(packages)

    def edges(needs):
        for name, ways in needs.items():
            for way in ways if isinstance(ways, list) else [ways]:
                way = {"version": way} if isinstance(way, str) else way
                if name.lower() == "python" or way.get("optional"):
                    continue
                if "python" in way:
                    raise Refused(f"{name} is asked for with python = {way['python']!r}, which only poetry can decide")
                if applies(way.get("markers")):
                    yield canonicalize_name(name)

    open_names = list(edges(project.get("tool", {}).get("poetry", {}).get("dependencies", {})))
    for text in project.get("project", {}).get("dependencies", []):
        need = Requirement(text)
        if applies(str(need.marker) if need.marker else None):
            open_names.append(canonicalize_name(need.name))
    wanted = {}
    while open_names:
        name = open_names.pop()
        if name in wanted:
            continue
        if len(table.get(name, [])) != 1:
            raise Refused(f"it has {len(table.get(name, []))} entries for {name}")
        wanted[name] = table[name][0]
        open_names.extend(edges(wanted[name].get("dependencies", {})))
    return wanted.values()


def pdm(lock, listed, folder):
    """https://pdm-project.org/en/latest/usage/lockfile/"""
    for package in lock.get("package", []):
        name = package["name"]
        if "groups" not in package:
            raise Refused("it does not say which package is for what; pdm lock --strategy inherit_metadata does")
        if "default" not in package["groups"] or not applies(package.get("marker")):
            continue
        for kind in ("git", "path"):
            if kind in package:
                refuse_source(name, f"{kind} {package[kind]}")
        listed.add(name, package["version"], [each["hash"] for each in package.get("files", [])], None, package.get("url"))


def pipfile(lock, listed, folder):
    """https://pipenv.pypa.io/en/latest/pipfile.html"""
    places = {each["name"]: each["url"] for each in lock.get("_meta", {}).get("sources", [])}
    for name, package in lock.get("default", {}).items():
        if not applies(package.get("markers")):
            continue
        if not str(package.get("version", "")).startswith("=="):
            refuse_source(name, next((f"{kind} {package[kind]}" for kind in ("git", "path", "file") if kind in package), "?"))
        listed.add(name, package["version"][2:], package.get("hashes", []), places.get(package.get("index")))


def pylock(lock, listed, folder):
    """PEP 751"""
    for package in lock.get("packages", []):
        if not applies(package.get("marker")):
            continue
        archive = package.get("archive", {})
        files = package.get("wheels", []) + [package.get("sdist", {}), archive]
        for kind in ("vcs", "directory"):
            if kind in package:
                refuse_source(package["name"], f"{kind} {package[kind].get('url') or package[kind].get('path')}")
        hashes = [f"{kind}:{value}" for each in files for kind, value in each.get("hashes", {}).items()]
        listed.add(package["name"], package.get("version"), hashes, package.get("index"), archive.get("url"))


READERS = {"uv.lock": uv, "poetry.lock": poetry, "pdm.lock": pdm, "Pipfile.lock": pipfile}


def main(path, to):
    name = os.path.basename(path)
    listed = List()
    try:
        READERS.get(name, pylock)(read(path), listed, os.path.dirname(path))
    except Refused as why:
        sys.exit(f"outboard: {name}: {why}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"outboard: {name} is not as its tool writes it: {type(error).__name__} {error}")
    with open(to, "w") as file:
        file.write(listed.text())


if __name__ == "__main__":
    main(*sys.argv[1:])
