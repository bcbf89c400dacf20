"""The hosts that coding agents talk to, on one local TLS port: Anthropic, OpenAI, ChatGPT and
Google, and the token endpoints of their logins (from token_endpoint.py). It answers whatever is
asked, streamed: a prompt that says "list files" gets a call of the shell tool that the agent
offers, and what that printed is said back; "call SERVER__TOOL {arguments}" gets a call of that
MCP tool; everything else gets "MOCK-OK".

Every request is kept as it arrived. Real keys and tokens pass, everything else is a 401."""
import base64
import hashlib
import itertools
import json
import os
import re
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from token_endpoint import Handler, TokenEndpoint  # noqa: E402

SHELLS = ("Bash", "exec_command", "shell_command", "shell", "local_shell", "run_shell_command")
ACCOUNT = "acc-0123456789"
ACCOUNTS = {"account_ordering": [ACCOUNT], "default_account_id": ACCOUNT, "accounts": [{
    "id": ACCOUNT, "name": "me", "structure": "personal", "plan_type": "plus",
    "is_deactivated": False, "can_access_with_session": True, "sso_connection_name": None,
    "is_fedramp_compliant_workspace": False, "profile_picture_url": None,
    "workspace_backend_origin": "NO_CONSTRAINT",
    "account_routing_override": "NO_CONSTRAINT"}]}
NUMBERS = itertools.count(1)
MODEL_USAGE = {"input": 1200, "output": 34}


def flat(content):
    """The text in a message's content, however it is nested."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(flat(c) for c in content)
    if isinstance(content, dict):
        for name in ("text", "output", "content", "response", "functionResponse", "parts"):
            if content.get(name) is not None:
                return flat(content[name])
    return ""


def offered_tools(ask):
    """name -> (type, namespace), of all shapes: plain ones, Google's declarations, and the
    input item of Codex' code mode."""
    tools = list(ask.get("tools") or [])
    for item in ask["input"] if isinstance(ask.get("input"), list) else []:
        if item.get("type") == "additional_tools":
            tools += item.get("tools") or []
    found = {}
    for tool in tools:
        space = tool["name"] if tool.get("type") == "namespace" else None
        for one in tool["tools"] if space else tool.get("functionDeclarations", [tool]):
            found[one.get("name") or one.get("type")] = one.get("type", "function"), space
    return found


def shell_call(ask):
    """(name, arguments, namespace) of the offered shell tool; None if there is none. In Codex'
    code mode it is JavaScript that runs the command."""
    tools = offered_tools(ask)
    if tools.get("exec", ("", ""))[0] == "custom":
        return "exec", 'const r = await tools.exec_command({cmd: "ls"}); ' \
            'text(typeof r === "string" ? r : JSON.stringify(r));', tools["exec"][1]
    for name in SHELLS:
        if name in tools:
            word = "cmd" if name == "exec_command" else "command"
            return name, {word: ["ls"] if name == "shell" else "ls"}, tools[name][1]
    return None


def tool_call(ask, tool, arguments):
    """(name, arguments, namespace) of the offered tool whose name ends so. Agents begin before
    their MCP servers are there: until it is offered, a shell waits, and says so. Codex' code mode
    calls it in JavaScript, Claude has to look it up."""
    tools = offered_tools(ask)
    for name, (_, space) in tools.items():
        if name.endswith(tool):
            return name, arguments, space
    if tools.get("exec", ("", ""))[0] == "custom":
        return "exec", f'const f = tools.mcp__ic__{tool}; ' \
            f'const r = f ? await f({json.dumps(arguments)}) ' \
            ': await tools.exec_command({cmd: "sleep 1; echo NOT-YET"}); ' \
            "text(JSON.stringify(r));", tools["exec"][1]
    if "ToolSearch" in tools and f"mcp__ic__{tool}" in json.dumps(ask["messages"]):
        return "ToolSearch", {"query": f"select:mcp__ic__{tool}"}, None
    name, words, space = shell_call(ask)
    return name, {word: "sleep 1; echo NOT-YET" for word in words}, space


def is_made(tool, items):
    """A call of it by its own name."""
    return re.search(r'"name": "\w*%s"' % tool, json.dumps(
        [i.get("content") for i in items if i.get("role") == "assistant"]))


def called(items):
    return re.search(r'_output"|tool_result|functionResponse', json.dumps(items))


def turn(ask):
    """What is said next: (text, call). The conversation tells how far it is."""
    items = ask.get("messages") or ask.get("contents") or ask.get("input") or []
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    last = next((i for i in reversed(items) if i.get("role") not in ("system", "developer")), {})
    text = json.dumps(last)
    said = [flat(i) if i.get("role") == "user" else "" for i in items]
    wanted = [(i, m) for i, s in enumerate(said)
              for m in [re.search(r"call (\w+__\w+) (\{.*?\})", s)] if m][-1:]
    for i, asked in wanted:
        since, tool = items[i + 1:], asked.group(1)
        if not is_made(tool, since) and \
                (not called(since) or re.search("NOT-YET|tool_reference", text)):
            return "I will call.", tool_call(ask, tool, json.loads(asked.group(2)))
    if re.search(r'_output"|tool_result|functionResponse', text):
        return "MOCK-LIST: " + " ".join(flat(last).split()), None
    if any("list files" in s for s in [s for s in said if s][-1:]) and shell_call(ask):
        return "I will look.", shell_call(ask)
    return "MOCK-OK", None


# --- the events of each API: lists of (event name or None, object) ----------------------------

def anthropic(ask):
    text, call = turn(ask)
    number = next(NUMBERS)  # Claude puts together what has the same id
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": ask["model"],
               "content": [], "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": MODEL_USAGE["input"], "output_tokens": 1}}
    blocks = [({"type": "text", "text": ""}, {"type": "text_delta", "text": text})]
    if call:
        blocks.append(({"type": "tool_use", "id": f"toolu_{number}", "name": call[0], "input": {}},
                       {"type": "input_json_delta", "partial_json": json.dumps(call[1])}))
    events = [{"type": "message_start", "message": message}]
    for i, (block, delta) in enumerate(blocks):
        events += [{"type": "content_block_start", "index": i, "content_block": block},
                   {"type": "content_block_delta", "index": i, "delta": delta},
                   {"type": "content_block_stop", "index": i}]
    events += [{"type": "message_delta",
                "delta": {"stop_reason": "tool_use" if call else "end_turn"},
                "usage": {"output_tokens": MODEL_USAGE["output"]}}, {"type": "message_stop"}]
    return [(e["type"], e) for e in events]


def responses(ask):
    text, call = turn(ask)
    items = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
              "content": [{"type": "output_text", "text": text, "annotations": []}]}]
    if call:
        item = {"id": "call_1", "call_id": "call_1", "name": call[0], "status": "completed"}
        item.update({"type": "custom_tool_call", "input": call[1]} if isinstance(call[1], str)
                    else {"type": "function_call", "arguments": json.dumps(call[1])})
        items.append(dict(item, namespace=call[2]) if call[2] else item)
    base = {"id": "resp_1", "object": "response", "created_at": 1, "model": ask["model"],
            "status": "in_progress", "output": [], "error": None, "usage": None}
    usage = {"input_tokens": MODEL_USAGE["input"], "output_tokens": MODEL_USAGE["output"],
             "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0},
             "total_tokens": MODEL_USAGE["input"] + MODEL_USAGE["output"]}
    events = [{"type": "response.created", "response": base}]
    for i, item in enumerate(items):
        events += [{"type": "response.output_item.added", "output_index": i, "item": item},
                   {"type": "response.output_item.done", "output_index": i, "item": item}]
        if i == 0:
            events.insert(2, {"type": "response.output_text.delta", "item_id": "msg_1",
                              "output_index": 0, "content_index": 0, "delta": text})
    events.append({"type": "response.completed",
                   "response": dict(base, status="completed", output=items, usage=usage)})
    return [(e["type"], dict(e, sequence_number=i)) for i, e in enumerate(events)]


def instance(schema):
    """The least value of a JSON schema: what a routing call wants for an answer."""
    kind = str(schema.get("type", "string")).lower()
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {k: instance(v) for k, v in schema.get("properties", {}).items()}
    return {"array": [], "boolean": False, "integer": 1, "number": 1}.get(kind, "mock")


def google(model, ask):
    config = ask.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    text, call = (json.dumps(instance(schema)), None) if schema else turn(ask)
    parts = [{"text": text}]
    if call:
        parts.append({"functionCall": {"name": call[0], "args": call[1]}})
    return [(None, {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0,
                                    "finishReason": "STOP"}],
                    "usageMetadata": {"promptTokenCount": MODEL_USAGE["input"],
                                      "candidatesTokenCount": MODEL_USAGE["output"],
                                      "totalTokenCount": sum(MODEL_USAGE.values())},
                    "modelVersion": model, "responseId": "r1"})]


# --- the server -------------------------------------------------------------------------------

class MockHandler(Handler):
    def send_stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, value in events:
            text = (f"event: {name}\n" if name else "") + f"data: {json.dumps(value)}\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
        self.wfile.write(b"0\r\n\r\n")

    def frame(self):
        """One message of a WebSocket client; b"" for what is none."""
        first, second = self.rfile.read(2)
        length = second & 127
        if length > 125:
            length = int.from_bytes(self.rfile.read(2 if length == 126 else 8), "big")
        mask, data = self.rfile.read(4), self.rfile.read(length)
        whole = int.from_bytes((mask * (length // 4 + 1))[:length], "big") ^ \
            int.from_bytes(data, "big")
        if first & 15 == 8:
            raise ConnectionError("closed")
        return whole.to_bytes(length, "big") if first & 15 == 1 else b""

    def send_frame(self, text):
        length = len(text)
        head = bytes([0x81, length]) if length < 126 else b"\x81\x7e" + length.to_bytes(2, "big") \
            if length < 65536 else b"\x81\x7f" + length.to_bytes(8, "big")
        self.wfile.write(head + text)

    def websocket(self, record):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept",
                         base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            try:
                text = self.frame()
            except (ValueError, OSError):
                return
            if not text:
                continue
            record["messages"].append(json.loads(text))
            for _, event in responses(json.loads(text)):
                self.send_frame(json.dumps(event).encode())

    def handle_any(self):
        owner, raw = self.server.owner, self.body()
        url = urllib.parse.urlsplit(self.path)
        if self.command == "POST" and url.path in owner.token_paths:
            self.answer(*owner.grant(self.headers, raw))
            return
        query = urllib.parse.parse_qs(url.query)
        given = self.headers.get("Authorization") or self.headers.get("x-api-key") or \
            self.headers.get("x-goog-api-key") or query.get("key", [""])[0]
        record = {"host": self.headers["Host"], "method": self.command, "path": url.path,
                  "query": query, "headers": {k.lower(): v for k, v in self.headers.items()},
                  "token": given.removeprefix("Bearer "), "raw": raw, "messages": []}
        with owner.lock:
            owner.requests.append(record)
            known = record["token"] in owner.valid
        if not known:
            self.answer(401, {"type": "error", "error": {
                "type": "authentication_error", "code": 401, "message": "not a real key"}})
            return
        if self.headers.get("Upgrade", "").lower() == "websocket":
            if owner.websockets:
                self.websocket(record)
            else:
                self.answer(426, {"error": {"message": "no WebSockets here"}})
            return
        record["json"] = json.loads(raw) if raw else None
        self.route(record)

    def route(self, record):
        path, ask = record["path"], record["json"]
        model = re.search(r"models/([^/:]+):(\w+)$", path)
        if record["method"] == "POST" and path.endswith("/v1/messages"):
            self.send_stream(anthropic(ask))
        elif record["method"] == "POST" and path.endswith("/responses"):
            self.send_stream(responses(ask))
        elif model and model.group(2) == "streamGenerateContent":
            self.send_stream(google(model.group(1), ask))
        elif model and model.group(2) == "generateContent":
            self.answer(200, google(model.group(1), ask)[0][1])
        elif path == "/backend-api/wham/accounts/check":
            self.answer(200, ACCOUNTS)
        elif path == "/backend-api/codex/models":
            self.answer(200, {"models": []})
        elif model or path.endswith("/count_tokens"):
            self.answer(200, {"totalTokens": 12, "input_tokens": 12})
        else:
            self.answer(404, {"error": {"message": "no such path here"}})

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = handle_any


class MockProvider(TokenEndpoint):
    handler = MockHandler
    websockets = True

    def __init__(self, folder, keys, **more):
        super().__init__(folder, **more)
        self.valid.update(keys)

    def asked(self, path):
        """The requests of this path (its end), oldest first."""
        with self.lock:
            return [r for r in self.requests if r["path"].endswith(path)]
