"""What the emulator cannot do, said in full, so that it is noticed when a list is not right any more.

docs/deploying.md says what covers each of them.
"""

import collections
import json

from documents import ROOT

# Types that moto's CloudFormation knows nothing of, so that nothing is made. `sam` makes this one for its bucket.
NOT_MADE = {"AWS::S3::BucketPolicy"}

# Properties that moto does not look at when it makes a resource.
NOT_LOOKED_AT = {
    "AWS::DynamoDB::Table": {"PointInTimeRecoverySpecification", "TimeToLiveSpecification"},
    "AWS::IAM::Role": {"ManagedPolicyArns"},
    "AWS::KMS::Key": {"PendingWindowInDays"},
    "AWS::Lambda::Function": {"Architectures", "LoggingConfig", "Tags", "TracingConfig"},
    "AWS::Lambda::Version": {"Description"},
    "AWS::Logs::LogGroup": {"KmsKeyId", "RetentionInDays"},
    "AWS::S3::Bucket": {"PublicAccessBlockConfiguration", "VersioningConfiguration"},
}

# `Rules`, and what parameters say of their values.
RULES_ARE_IGNORED = True


def found(unread_file):
    """What the emulator has written of it: types, and properties by type."""
    not_made, not_looked_at, made = set(), collections.defaultdict(set), collections.Counter()
    for line in unread_file.read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        if note["is_unknown"]:
            not_made.add(note["type"])
        elif note["made"]:
            made[note["type"]] += 1
            not_looked_at[note["type"]].update(note["unread"])
    return not_made, {kind: names for kind, names in not_looked_at.items() if names}, made


def untold():
    """What docs/deploying.md does not tell of."""
    told = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    names = NOT_MADE.union(*NOT_LOOKED_AT.values())
    return sorted(name for name in names if f"`{name}`" not in told)


def check(unread_file):
    """Complaints, and how many resources of which type were made."""
    not_made, not_looked_at, made = found(unread_file)
    complaints = []
    if not_made != NOT_MADE:
        complaints.append(f"types that are not made: {sorted(not_made)}, and limits.py says {sorted(NOT_MADE)}")
    for kind in sorted(not_looked_at.keys() | NOT_LOOKED_AT.keys()):
        now, said = not_looked_at.get(kind, set()), NOT_LOOKED_AT.get(kind, set())
        if now != said:
            complaints.append(f"{kind}: not looked at: {sorted(now)}, and limits.py says {sorted(said)}")
    if missing := untold():
        complaints.append(f"docs/deploying.md does not tell of {missing}")
    return complaints, made
