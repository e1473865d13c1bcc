"""Follows the documents to a deployed stack, goes through stories on it, and compares what the emulator cannot do
with what is said of it.

    check.py FOLDER SAM_PYTHON SOURCE
"""

import pathlib
import signal
import socket
import sys
import threading
import time

import documents
import limits
from account import Account
from deployed import Deployed, Roles, buried
from stories import Failed, Stories, expect, wait_for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text):
    print(text, flush=True)


class Check:
    def __init__(self, account, source):
        self.account, self.source = account, source
        self.started = time.monotonic()
        self.failures = []

    def step(self, name, do):
        began = time.monotonic()
        try:
            detail = do()
        except Exception as failure:  # Whatever it is, the other steps are gone through.
            self.failures.append(name)
            say(f"FAILED  {name}: {failure if isinstance(failure, Failed) else repr(failure)}")
            return
        took = time.monotonic() - began
        say(f"ok      {name}{f': {detail}' if detail else ''} ({took:.0f} s)")

    def run(self):
        printed = documents.follow(self.account, self.source, free_port())
        say(f"ok      docs/deploying.md and README.md, followed ({time.monotonic() - self.started:.0f} s)")
        stories = Stories(self.account, printed)
        deployed = Deployed(self.account)
        self.step("what the documents print is what they say", stories.documents)
        if self.failures:
            # Nothing that follows would stand on anything.
            return self.report()
        for name, story in stories.all() + deployed.all():
            self.step(name, story)
        self.step("what cannot be read ends among the dead letters", lambda: buried(self.account))
        self.step("a new version takes over, and nothing is lost", lambda: self.new_version(stories))
        self.step("calls are counted, by the schedule of monitor", stories.metrics)
        self.step("what the emulator leaves out is what limits.py says", self.limits)
        self.step("nothing went wrong on the way", self.nothing_wrong)
        self.step("functions may do nothing else", Roles(self.account).refused)
        self.report()

    def new_version(self, stories):
        """Deploys once more, with one parameter, as docs/deploying.md says of new versions."""
        before = self.account.deployment
        documents.deploy_again(self.account, self.source, "LogLevel=debug")
        wait_for("the new version", lambda: self.account.deployment is not before)
        for function in self.account.deployment.functions.values():
            variables = function.configuration["Environment"]["Variables"]
            expect(variables["GATEHOUSE_LOG"] == "debug", f"{function.name} has the old settings")
        stories.webhooks()
        stories.webhook("evt_after")

    def limits(self):
        complaints, made = limits.check(self.account.unread)
        if complaints:
            raise Failed("; ".join(complaints))
        return f"{sum(made.values())} resources of {len(made)} types made"

    def nothing_wrong(self):
        names = [function.name for function in self.account.deployment.functions.values()]
        idle = [name for name in names if not self.account.counts[f"invocations of {name}"]]
        if idle:
            raise Failed(f"nothing has called {', '.join(idle)}")
        log = (self.account.folder / "logs" / "emulator.log").read_text(encoding="utf-8", errors="replace")
        wrong = self.account.notes + [line for line in log.splitlines() if line.startswith("refused: ")]
        if wrong:
            raise Failed("\n        ".join(wrong[:20]))

    def report(self):
        say("\nWhat ran, as it was deployed:")
        for what, count in sorted(self.account.counts.items()):
            say(f"  {count:>5}  {what}")
        say("\nWhat the emulator cannot do, and what covers it: docs/deploying.md.")
        took = time.monotonic() - self.started
        if self.failures:
            sys.exit(f"\n{len(self.failures)} failed, in {took:.0f} s; logs are in {self.account.folder / 'logs'}")
        say(f"\nAll of it in {took:.0f} s.")


def main():
    # Whoever ends it wants what it has started to end as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    folder, _, source = (pathlib.Path(given).resolve() for given in sys.argv[1:])
    account = Account(folder, sys.argv[2])
    threading.Thread(target=account.watch, daemon=True).start()
    try:
        Check(account, source).run()
    finally:
        account.stop()


main()
