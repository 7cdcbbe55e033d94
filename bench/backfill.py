"""Reading the history of another system: a million answers over HTTP, beside bulk insert of the same rows, in one run.

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/backfill.py [--answers 1000000]

Product: the whole way: a local server speaks a paged JSON API as SatisMeter's v3 does (cursor, 100 a page, projects' key
as Bearer), the job pulls page by page, and every answer is matched to its contact, taken in with revision, chain,
contact score, event and mark, kept as it came, and counted, a transaction for each page.
Floor: the same answers, made beforehand, written with `bulk_create` in batches of 1,000 into the two tables that hold
them (Response and RawAnswer), without any effect.
Memory is the worker's, looked at ten times along the way: it must not grow.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import benchlib

benchlib.setup()
os.environ["NPS_FETCH_ALLOW"] = "127.0.0.1"

import psutil  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from core import clock, outbox  # noqa: E402
from integrations import intake, registry  # noqa: E402
from integrations.models import Connection, RawAnswer, SyncRun  # noqa: E402
from integrations.services import connections  # noqa: E402
from surveys.models import Response, Survey  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User, Workspace  # noqa: E402

PORT = int(os.environ.get("BENCH_PORT", "58491"))
CONTACTS, ACCOUNTS = 200_000, 20_000
SERVER = """
import datetime as dt, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
TOTAL, CONTACTS = int(sys.argv[2]), int(sys.argv[3])
BEGIN = dt.datetime.now(dt.UTC) - dt.timedelta(days=150)
def answer(n):
    at = (BEGIN + dt.timedelta(seconds=n * 10_000_000 / TOTAL)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"id": "r%d" % n, "created": at, "rating": n % 11, "feedback": "It works well and could be quicker" if n % 3 else "",
            "answers": [{"id": "q1", "label": "How likely", "name": "NPS", "type": "rating", "value": n % 11, "metric": "nps"}],
            "user": {"id": "u%d" % n, "userId": "", "email": "user%d@customer.example" % (1 + n * 7 % CONTACTS), "name": "User",
                     "traits": {"plan": "pro"}}, "campaign": "c1", "project": "p1", "channel": "email"}
class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        size = min(int(query.get("pageSize", query.get("limit", ["100"]))[0]), SIZE)
        first = int((query.get("startingAfter") or query.get("cursor") or ["r-1"])[0].lstrip("r")) + 1
        rows = [answer(n) for n in range(first, min(first + size, TOTAL))]
        more = first + size < TOTAL
        body = json.dumps({"data": rows, "responses": rows, "meta": {"totalCount": TOTAL, "cursor": rows[-1]["id"] if more else None},
                           "hasMore": more}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
SIZE = 100
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Door).serve_forever()
"""
