"""JSON lines in the two spellings that miners use."""

import json


def compact(**members):
    """`{"id":1,"method":…}`: RapidJSON, Go, jsoncpp. Members keep the order in which they are given."""
    return json.dumps(members, separators=(",", ":"))


def spaced(**members):
    """`{"id": 1, "method": …}`: jansson and Python."""
    return json.dumps(members)
