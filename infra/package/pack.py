"""Makes the zip of each function that Lambda takes, the same for the same binary, and refuses binaries
that must not be deployed. scripts/package runs it."""

import argparse
import hashlib
import os
import re
import sys
import zipfile
from pathlib import Path

# Of provided.al2023. A binary that was linked against a later one does not start there.
NEWEST_GLIBC = 34
# The machine in the header of an ELF file, as the template's parameter Architecture calls it.
ARCHITECTURES = {62: "x86_64", 183: "arm64"}
# Zips know no earlier one. sam makes zips of the folders, with the files' times: if those stay the same,
# a function whose binary has not changed is not deployed again.
TIME = (1980, 1, 1, 0, 0, 0)
SECONDS = 315532800


def architecture(binary):
    """What the binary was built for."""
    if binary[:5] != b"\x7fELF\x02":
        raise ValueError("is no 64-bit ELF binary")
    machine = int.from_bytes(binary[18:20], "little")
    if machine not in ARCHITECTURES:
        raise ValueError(f"is for a machine that Lambda has not: {machine}")
    return ARCHITECTURES[machine]


def check(binary, private, budget):
    """Raises ValueError, with what is wrong, if the binary must not be deployed."""
    needed = max((int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)", binary)), default=0)
    if needed > NEWEST_GLIBC:
        raise ValueError(f"needs glibc 2.{needed}; provided.al2023 has 2.{NEWEST_GLIBC}")
    for path in private:
        if path.encode() in binary:
            raise ValueError(f"names a path of this machine: {path}")
    if len(binary) > budget:
        raise ValueError(f"has {len(binary):,} bytes; the budget is {budget:,}")


def zipped(binary, file):
    """Writes the zip of a binary: one file, always with the same time, mode and order."""
    entry = zipfile.ZipInfo("bootstrap", TIME)
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, binary, compresslevel=9)


def pack(folder, function, arguments):
    """Packs one function. Returns its line of the table, its architecture and its lines of checksums."""
    bootstrap, archive = folder / function / "bootstrap", folder / f"{function}.zip"
    # What is refused leaves no earlier one behind that could be deployed for it.
    archive.unlink(missing_ok=True)
    binary = bootstrap.read_bytes()
    built_for = architecture(binary)
    check(binary, arguments.private, arguments.binary_budget)
    zipped(binary, archive)
    content = archive.read_bytes()
    if len(content) > arguments.zip_budget:
        archive.unlink()
        raise ValueError(f"has {len(content):,} bytes zipped; the budget is {arguments.zip_budget:,}")
    bootstrap.chmod(0o755)
    os.utime(bootstrap, (SECONDS, SECONDS))
    digest = hashlib.sha256(binary).hexdigest()
    sums = [f"{digest}  {function}/bootstrap", f"{hashlib.sha256(content).hexdigest()}  {function}.zip"]
    return f"{function:<14}{len(binary):>12,}{len(content):>12,}  {digest}", built_for, sums


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="holds FUNCTION/bootstrap")
    parser.add_argument("--binary-budget", type=int, required=True)
    parser.add_argument("--zip-budget", type=int, required=True)
    parser.add_argument("--private", action="append", default=[], help="a path that no binary may name")
    parser.add_argument("functions", nargs="+")
    arguments = parser.parse_args()
    built_for, sums, failed = set(), [], False
    checksums = arguments.folder / "SHA256SUMS"
    checksums.unlink(missing_ok=True)
    print(f"{'function':<14}{'binary':>12}{'zip':>12}  SHA-256 of the binary")
    for function in arguments.functions:
        try:
            line, one, more = pack(arguments.folder, function, arguments)
        except (OSError, ValueError) as problem:
            print(f"{function}: {problem}", file=sys.stderr)
            failed = True
            continue
        print(line)
        built_for.add(one)
        sums += more
    if len(built_for) > 1:
        print("these are for different architectures", file=sys.stderr)
        failed = True
    if failed:
        sys.exit(1)
    checksums.write_text("".join(f"{line}\n" for line in sums))
    print(f"Architecture={built_for.pop()}")


main()
