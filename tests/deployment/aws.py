"""In place of the AWS command line, where that is not installed: as much of it as docs/deploying.md uses.

    aws SERVICE OPERATION [--OPTION VALUE…] [--query EXPRESSION] [--output text]
"""

import os
import sys

import boto3
import jmespath


def main():
    service, operation, *rest = sys.argv[1:]
    given = dict(zip(rest[::2], rest[1::2]))
    query, output = given.pop("--query", "@"), given.pop("--output", "text")
    if output != "text":
        sys.exit(f"aws: --output {output} is not known here")
    words = {name: name.strip("-").split("-") for name in given}
    arguments = {"".join(map(str.capitalize, words[name])): value for name, value in given.items()}
    client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    found = jmespath.search(query, getattr(client, operation.replace("-", "_"))(**arguments))
    print("\t".join(map(str, found)) if isinstance(found, list) else found)


main()
