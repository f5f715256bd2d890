"""As much of W&B's server as the client needs to track a run and to save a report, on the loopback interface.

It keeps what a real one would: per run the lines of its history, its config, and what was said at its end;
the projects that were made, and the reports.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mood = Literal["well", "failing", "refusing", "hanging"]


@dataclass
class KeptRun:
    """What the server holds of one run."""

    config: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    history: dict[int, str] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def points(self) -> list[dict[str, Any]]:
        """The history's lines in order."""
        return [json.loads(self.history[line]) for line in sorted(self.history)]


class StubServer(ThreadingHTTPServer):
    """Answers, fails with 500, knows nobody, or never answers, as ``mood`` says."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood: Mood = "well"
        self.runs: dict[str, KeptRun] = {}
        self.requests: list[str] = []
        self.projects: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed in the middle of requests here."""

    def close(self) -> None:
        """Let go of requests that hang, and end."""
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StubServer

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        self._body()
        self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        self.server.requests.append(self.path)
        if self.server.mood == "hanging":
            self.server.closing.wait()
            self.close_connection = True
        elif self.server.mood == "failing":
            self._answer({"errors": [{"message": "told to fail"}]}, status=500)
        elif self.path == "/graphql":
            self._answer({"data": self._graphql(json.loads(body))})
        elif match := re.fullmatch(r"/files/ent/[^/]+/([^/]+)/file_stream", self.path):
            self._stream(self.server.runs[match[1]], json.loads(body))
            self._answer({"exitcode": None, "limits": {}})
        else:
            self._answer({})

    def _graphql(self, request: dict[str, Any]) -> dict[str, Any]:
        found = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
        operation, given = found[1] if found else "", request.get("variables") or {}
        if operation == "RunResumeStatus":
            return {"model": self._resume_status(given["name"])}
        if operation == "UpsertBucket":
            return {"upsertBucket": self._upsert(given)}
        if operation == "CreateRunFiles":
            files = [
                {"name": name, "uploadUrl": f"{self.server.url}/upload/{name}"} for name in given["files"]
            ]
            return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}
        if operation == "Viewer":
            known = {"entity": "ent", "username": "someone", "teams": {"edges": []}}
            return {"viewer": None if self.server.mood == "refusing" else known}
        if operation == "GetDefaultEntity":
            return {"viewer": {"id": "u", "entity": "ent"}}
        if operation == "GetProjects":
            return {"models": self._projects()}
        if operation == "CreateProject":
            self.server.projects.append(given["input"]["name"])
            return {"result": {"project": None, "model": None, "inserted": True}}
        if operation == "upsertView":
            return {"upsertView": {"view": self._report(given), "inserted": True}}
        self.server.requests.append(operation)
        return {}

    def _projects(self) -> dict[str, Any]:
        fixed = {
            "__typename": "Project",
            "createdAt": "2026-01-01T00:00:00",
            "isBenchmark": False,
            "user": None,
        }
        names = enumerate(self.server.projects)
        nodes = [{"id": f"p{i}", "name": name, "entityName": "ent", **fixed} for i, name in names]
        page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"pageInfo": page, "edges": [{"node": node} for node in nodes]}

    def _report(self, given: dict[str, Any]) -> dict[str, Any]:
        self.server.reports.append(given | {"spec": json.loads(given["spec"])})
        project = {"id": "p0", "name": given["projectName"], "entityName": given["entityName"]}
        kept = {key: given[key] for key in ("type", "name", "displayName", "description", "spec")}
        return {"id": "VmlldzoxMjM=", "project": project, "updatedAt": None, **kept}

    def _resume_status(self, name: str) -> dict[str, Any]:
        run, entity = self.server.runs.get(name), {"id": "e", "name": "ent"}
        if run is None:
            return {"id": "p", "name": "p", "entity": entity, "bucket": None}
        lines = [run.history[line] for line in sorted(run.history)]
        bucket = {
            "id": "x",
            "name": name,
            "displayName": name,
            "summaryMetrics": lines[-1] if lines else "{}",
            "logLineCount": 0,
            "historyLineCount": len(lines),
            "eventsLineCount": 0,
            "historyTail": json.dumps(lines[-1:]),
            "eventsTail": "[]",
            "config": json.dumps(run.config),
            "tags": run.facts.get("tags") or [],
            "notes": None,
            # The client takes a run for one that has begun only where this has its "t".
            "wandbConfig": json.dumps({"t": run.config.get("_wandb", {}).get("value", {}).get("t")}),
        }
        return {"id": "p", "name": "p", "entity": entity, "bucket": bucket}

    def _upsert(self, given: dict[str, Any]) -> dict[str, Any]:
        inserted = given["name"] not in self.server.runs
        run = self.server.runs.setdefault(given["name"], KeptRun())
        run.config |= json.loads(given["config"] or "{}")
        run.facts |= {key: value for key, value in given.items() if value is not None and key != "config"}
        project = {"id": "p", "name": given["project"], "entity": {"id": "e", "name": "ent"}}
        bucket = {
            "id": "x",
            "name": given["name"],
            "displayName": given["name"],
            "description": "",
            "config": json.dumps(run.config),
            "sweepName": None,
            "project": project,
            "historyLineCount": len(run.history),
        }
        return {"bucket": bucket, "inserted": inserted}

    def _stream(self, run: KeptRun, content: dict[str, Any]) -> None:
        history = content.get("files", {}).get("wandb-history.jsonl")
        if history:
            for line, text in enumerate(history["content"], start=history["offset"]):
                run.history[line] = text
        if content.get("complete"):
            run.exit_code = content["exitcode"]

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
