"""Writes what functions are made of, from Cargo's own lists: a CycloneDX document for each, and the
licences of all. The same versions give the same bytes. scripts/package runs it."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRIPLES = {62: "x86_64-unknown-linux-gnu", 183: "aarch64-unknown-linux-gnu"}
# What files with licences and notices are called.
TEXTS = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")
# What crates that come without a text are under, beside the name of who wrote them.
STANDARD = {"Apache-2.0": ROOT / "LICENSE", "MIT": ROOT / "infra/package/MIT.txt"}


def metadata(triple):
    """Packages, and which needs which, as `cargo build` would take them for a platform."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", triple]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def checksums():
    """The SHA-256 of each crate's file, by name and version."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}


def needed(graph, start):
    """The packages in a binary or in the making of it: id → whether it is only for the making; and which
    of them each needs. Dependencies of tests are not among them."""
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    found, edges, waiting = {}, {}, [(start, False)]
    while waiting:
        package, making = waiting.pop()
        if package in found and (making or not found[package]):
            continue
        found[package] = making
        kinds = {dep["pkg"]: {kind["kind"] for kind in dep["dep_kinds"]} for dep in nodes[package]["deps"]}
        kinds = {dep: kinds - {"dev"} for dep, kinds in kinds.items() if kinds - {"dev"}}
        edges[package] = sorted(kinds)
        waiting += [(dep, making or kinds == {"build"}) for dep, kinds in kinds.items()]
    return found, edges


def expression(package):
    """The licence as SPDX writes it; older crates have a slash for `OR`."""
    return (package["license"] or "NOASSERTION").replace("/", " OR ")


def reference(package):
    """The name of a component within a document: no path of this machine."""
    return f"{package['name']}@{package['version']}"


def component(package, making, sums):
    """A crate, as CycloneDX describes one."""
    described = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "excluded" if making else "required",
        "licenses": [{"expression": expression(package)}],
    }
    if package["source"]:
        described["purl"] = f"pkg:cargo/{package['name']}@{package['version']}"
        content = sums.get((package["name"], package["version"]))
        if content:
            described["hashes"] = [{"alg": "SHA-256", "content": content}]
    return described


def document(function, binary, graph, sums):
    """The CycloneDX document of a function, and the packages that are in it."""
    packages = {package["id"]: package for package in graph["packages"]}
    of_workspace = {packages[one]["name"]: one for one in graph["workspace_members"]}
    start = of_workspace[function]
    found, edges = needed(graph, start)
    digest = hashlib.sha256(binary).hexdigest()
    parts = sorted((one for one in found if one != start), key=lambda one: reference(packages[one]))
    main_component = component(packages[start], False, sums) | {"type": "application"}
    main_component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    del main_component["scope"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'sha256:{digest}')}",
        "version": 1,
        "metadata": {"component": main_component},
        "components": [component(packages[one], found[one], sums) for one in parts],
        "dependencies": [
            {"ref": reference(packages[one]), "dependsOn": sorted(reference(packages[dep]) for dep in edges[one])}
            for one in [start, *parts]
        ],
    }, [packages[one] for one in parts]


def texts(package):
    """The licences and notices that come with a crate, or the standard text of one that it names."""
    folder = Path(package["manifest_path"]).parent
    named = [folder / package["license_file"]] if package["license_file"] else []
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name.upper().startswith(TEXTS))
    found = [file.read_text(errors="replace").strip() for file in dict.fromkeys(named + files)]
    if found:
        return found
    for licence, file in STANDARD.items():
        if licence in expression(package):
            return [file.read_text().strip()]
    raise ValueError(f"{reference(package)} comes without its licence: {expression(package)}")


def licences(packages):
    """All crates with their licences, then each text once, with those that it is of."""
    ordered = sorted(packages, key=reference)
    by_text = {}
    for package in ordered:
        for text in texts(package):
            by_text.setdefault(text, []).append(reference(package))
    lines = ["What the functions are made of, and under which licences.", ""]
    for package in ordered:
        authors = f", by {', '.join(package['authors'])}" if package["authors"] else ""
        lines.append(f"{reference(package)}: {expression(package)}{authors}")
    for text, users in sorted(by_text.items(), key=lambda entry: entry[1]):
        lines += ["", "-" * 79, f"Of {', '.join(users)}:", "", text]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="holds FUNCTION/bootstrap")
    parser.add_argument("functions", nargs="+")
    arguments = parser.parse_args()
    sums, graphs, used = checksums(), {}, {}
    for function in arguments.functions:
        binary = (arguments.folder / function / "bootstrap").read_bytes()
        triple = TRIPLES[int.from_bytes(binary[18:20], "little")]
        if triple not in graphs:
            graphs[triple] = metadata(triple)
        described, packages = document(function, binary, graphs[triple], sums)
        used.update((package["id"], package) for package in packages if package["source"])
        file = arguments.folder / f"{function}.cdx.json"
        file.write_text(json.dumps(described, indent=1, sort_keys=True) + os.linesep)
    (arguments.folder / "THIRD-PARTY-LICENSES.txt").write_text(licences(used.values()))
    print(f"{len(used)} crates of others; their licences are in THIRD-PARTY-LICENSES.txt")


try:
    main()
except ValueError as problem:
    sys.exit(f"infra/package/inventory.py: {problem}")
