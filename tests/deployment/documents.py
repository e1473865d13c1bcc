"""Does what docs/deploying.md and README.md say, to the letter: their blocks of shell, one after the other,
in one shell, as a new user has them.
"""

import os
import pathlib
import re
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARK = "=== block "
SECONDS = 420


def blocks_of(file, heading):
    """The blocks of shell under a heading, up to the next one of its level."""
    level = len(heading) - len(heading.lstrip("#"))
    inside, block, blocks = False, None, []
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if block is not None:
            if line == "```":
                blocks.append("\n".join(block))
                block = None
            else:
                block.append(line)
        elif inside and line == "```sh":
            block = []
        elif re.match(rf"#{{1,{level}}} ", line):
            inside = line == heading
    if not blocks:
        raise SystemExit(f"{file} has no shell under `{heading}`")
    return blocks


def one_with(blocks, text):
    found = [block for block in blocks if text in block]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} blocks have `{text}`, and not one")
    return found[0]


def options(command):
    """What a command is given, but for the values that are another user's."""
    own = {"Issuer", "PublicUrl", "EgressAllow"}
    words = shlex.split(command.replace("\\\n", " "))
    return [word for word in words if word.partition("=")[0] not in own]


def steps(receiver_port):
    """Name and shell of each step, from the deployment to the last look."""
    deploying = blocks_of("docs/deploying.md", "## The first time")
    here = blocks_of("docs/deploying.md", "## Without an AWS account")
    deploy = one_with(here, "sam deploy")
    if options(deploy) != options(one_with(deploying, "sam deploy")):
        raise SystemExit("docs/deploying.md deploys here with other options than to AWS")
    # The token of an identity provider is there already: `TOKEN=…` has nothing to paste.
    first = one_with(deploying, "GATEHOUSE=$(aws")
    first = "\n".join(line for line in first.splitlines() if not line.startswith("TOKEN=…"))
    found = [("deploy", deploy), ("first request", first)]
    # What it leaves out of the README, docs/deploying.md says itself.
    readme = [
        block
        for block in blocks_of("README.md", "## Run it")
        if "cargo run" not in block and ".gatehouse/env" not in block
    ]
    found += [(f"README {number}", block) for number, block in enumerate(readme, 1)]
    found.append(("look at the log", one_with(deploying, "webhooks/logs")))
    return [(name, block.replace("9000", str(receiver_port))) for name, block in found]


def environment_of(account):
    """That of the shell."""
    variables = account.variables() | {"PATH": account.path(), "HOME": str(account.folder / "home")}
    # Nothing that is asked for is anywhere else than on this machine.
    nowhere = "http://127.0.0.1:9"
    variables |= {"https_proxy": nowhere, "HTTPS_PROXY": nowhere, "http_proxy": nowhere}
    return os.environ | variables | {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


def deploy_again(account, source, parameter):
    """The parameters that are not named keep their values."""
    deploy = one_with(blocks_of("docs/deploying.md", "## Without an AWS account"), "sam deploy")
    command = f"{deploy.partition('--parameter-overrides')[0]}--parameter-overrides {parameter}"
    with (account.folder / "logs" / "new-version.log").open("wb") as output:
        given = {"cwd": source, "env": environment_of(account), "timeout": SECONDS}
        ended = subprocess.run(["bash", "-c", command], stdout=output, stderr=output, check=False, **given)
    if ended.returncode != 0:
        raise SystemExit(f"a new version cannot be deployed; see {output.name}")


def follow(account, source, receiver_port):
    """What each step has printed, by its name."""
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for name, block in steps(receiver_port):
        script += [f"echo {shlex.quote(MARK + name)}", block]
    # The receiver runs until its last delivery has come: whoever looks is given the time.
    script += [f"echo {shlex.quote(MARK + 'end')}", "sleep 5"]
    log = account.folder / "logs" / "documents.log"
    with log.open("wb") as output:
        command = ["bash", "-c", "\n".join(script)]
        given = {"cwd": source, "env": environment_of(account), "stdin": subprocess.DEVNULL}
        shell = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **given)
        try:
            status = shell.wait(SECONDS)
        except subprocess.TimeoutExpired:
            shell.terminate()
            shell.wait()
            status = f"not within {SECONDS} s"
    text = log.read_text(encoding="utf-8", errors="replace")
    if status != 0:
        raise SystemExit(f"the documents cannot be followed ({status}):\n{text[-3000:]}\n(all of it: {log})")
    parts = re.split(rf"^{re.escape(MARK)}(.*)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))
