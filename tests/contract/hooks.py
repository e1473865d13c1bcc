"""Gives changes the version that they rest on: without it none would get as far as its body."""

import os
import urllib.request

import schemathesis

# What has its entity tag elsewhere than at its own path.
ELSEWHERE = {"/notes": "", "/rotation-policy": "/rotation-policy"}


@schemathesis.hook
def before_call(context, case, kwargs):
    wanted = case.headers.get("If-Match") if case.headers else None
    if wanted is None or case.method not in ("PUT", "PATCH"):
        return
    path = case.formatted_path
    for end, instead in ELSEWHERE.items():
        if path.endswith(end):
            path = path.removesuffix(end) + instead
    headers = {"authorization": "Bearer " + os.environ["TOKEN"]}
    request = urllib.request.Request(case.operation.base_url.rstrip("/") + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            tag = response.headers["etag"]
    except (OSError, ValueError):
        return
    if tag:
        case.headers["If-Match"] = tag
