#!/usr/bin/env python3
"""A small MCP server for tests: what its tools do is in their names. Speaks stdio, line by line,
and answers with the raw text that a tool asks for, so that bytes can be compared.

    mcp_server.py [--pages] [--slow SECONDS] [--noise] [--no-tools] [--plain]
                  [--version REVISION] [--log FILE]
"""
import argparse
import json
import os
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--pages", action="store_true")
parser.add_argument("--slow", type=float, default=0)
parser.add_argument("--noise", action="store_true")
parser.add_argument("--plain", action="store_true", help="nothing that is hard to read")
parser.add_argument("--no-tools", action="store_true")
parser.add_argument("--version", default="2025-11-25")
parser.add_argument("--log", default="")
args = parser.parse_args()

lock = threading.Lock()
state = {"extra": False, "next": 0, "init": None, "calls": 0, "cancelled": []}
waiting = {}

SCHEMA = {"type": "object", "properties": {"n": {"type": "number", "default": 1e400}}}
TOOLS = ["echo", "raw", "big", "slow", "progress", "die", "ask", "roots", "log", "grow", "calls",
         "never", "env", "cwd", "twice", "write", "child", "cancelled", "flood", "long", "elicit",
         "a_tool_with_a_name_that_is_much_too_long_for_any_model_to_be_given_one",
         "a_tool_with_a_name_that_is_much_too_long_for_any_model_to_be_given_two"]


def out(text):
    with lock:
        data = (text if isinstance(text, bytes) else text.encode()) + b"\n"
        while data:
            data = data[os.write(1, data):]


def send(message):
    out(json.dumps({"jsonrpc": "2.0", **message}))


def text_result(text, **more):
    return {"content": [{"type": "text", "text": text}], **more}


def tool(name):
    if args.plain:
        return json.dumps({"name": name, "description": "A tool.", "inputSchema": {
            "type": "object", "properties": {"path": {"type": "string"},
                                             "text": {"type": "string"},
                                             "a": {"type": "number"}}}})
    return '{"title":"T","name":"%s","inputSchema":{"type":"object","x-big":18446744073709551615,' \
           '"x-exp":1e400},"x-unknown":[1.0,-0,"\\ud800"]}' % name


def tools(cursor):
    names = TOOLS + (["grown"] if state["extra"] else [])
    entries = [tool(name) for name in names]
    entries.append('{"name":"tasky","inputSchema":{},"execution":{"taskSupport":"required"}}')
    if not args.pages:
        return '{"tools":[%s]}' % ",".join(entries)
    at = int(cursor or 0)
    more = ',"nextCursor":"%d"' % (at + 3) if at + 3 < len(entries) else ""
    return '{"tools":[%s]%s}' % (",".join(entries[at:at + 3]), more)


def ask_client(method, params):
    event = threading.Event()
    with lock:
        number = state["next"]
        state["next"] += 1
    waiting[number] = [event, None]
    send({"id": number, "method": method, "params": params})
    event.wait(20)
    return waiting.pop(number)[1]


def call(number, params, line):
    name, arguments = params["name"], params.get("arguments", {})
    token = params.get("_meta", {}).get("progressToken")
    state["calls"] += 1
    if name == "echo":
        send({"id": number, "result": text_result(json.dumps(arguments))})
    elif name == "raw":  # the line as it came, and an answer with odd spelling
        out('{ "id" :%s , "result":{"content":[{"type":"text","text":%s}],"n":[1.0,1e400,-0,'
            '18446744073709551615,"\\ud800"],"__proto__":{}}, "jsonrpc":"2.0" }'
            % (json.dumps(number), json.dumps(line.decode())))
    elif name == "big":
        size = int(arguments.get("size", 20 << 20))
        out(b'{"result":{"content":[{"type":"text","text":"' + b"x" * size +
            b'"}]},"jsonrpc":"2.0","id":%d}' % number)
    elif name == "slow":
        time.sleep(arguments.get("seconds", 1))
        send({"id": number, "result": text_result("slept")})
    elif name == "progress":
        for i in range(3):
            send({"method": "notifications/progress",
                  "params": {"progressToken": token, "progress": i + 1, "total": 3}})
        send({"id": number, "result": text_result("done")})
    elif name == "die":
        os._exit(7)
    elif name == "ask":
        got = ask_client("sampling/createMessage",
                         {"messages": [], "maxTokens": 5, "_meta": {"progressToken": "tok"}})
        send({"id": number, "result": text_result(json.dumps(got))})
    elif name == "elicit":
        got = ask_client("elicitation/create", {"message": "?", "requestedSchema": {}})
        send({"id": number, "result": text_result(json.dumps(got))})
    elif name == "roots":
        got = ask_client("roots/list", {})
        send({"id": number, "result": text_result(json.dumps(got))})
    elif name == "log":
        send({"method": "notifications/message", "params": {"level": "info", "logger": "x",
                                                            "data": 1}})
        send({"method": "notifications/message", "params": {"level": "error", "data": 2}})
        send({"id": number, "result": text_result("logged")})
    elif name == "grow":
        state["extra"] = True
        for _ in range(4):
            send({"method": "notifications/tools/list_changed"})
        send({"id": number, "result": text_result("grown")})
    elif name == "calls":
        send({"id": number, "result": text_result(str(state["calls"]))})
    elif name == "never":
        pass
    elif name == "env":
        send({"id": number, "result": text_result(json.dumps(dict(os.environ)))})
    elif name == "cwd":
        send({"id": number, "result": text_result(os.getcwd())})
    elif name == "twice":
        send({"id": number, "result": text_result("first")})
        send({"id": number, "result": text_result("second")})
        send({"id": 999999, "result": text_result("nobody asked")})
    elif name == "write":
        send({"id": number, "result": text_result(arguments.get("text", ""),
                                                  structuredContent={"path": arguments["path"]})})
    elif name == "child":
        import subprocess
        child = subprocess.Popen(["sleep", "1000"])
        send({"id": number, "result": text_result(str(child.pid))})
    elif name == "cancelled":
        send({"id": number, "result": text_result(json.dumps(state["cancelled"]))})
    elif name == "flood":
        for i in range(20000):
            out("????")
            send({"method": "notifications/message",
                  "params": {"level": "info", "data": "x" * 100}})
        send({"id": number, "result": text_result("flooded")})
    elif name == "long":
        size = int(arguments["size"])
        out(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"' % number +
            b"x" * size + b'"}]}}')
    else:
        send({"id": number, "result": text_result("MCP error -32602: no tool " + name,
                                                  isError=True)})


def other(number, method, params, line):
    if method == "initialize":
        if args.slow:
            time.sleep(args.slow)
        state["init"] = params
        send({"id": number, "result": {
            "protocolVersion": args.version, "serverInfo": {"name": "fake", "version": "1"},
            "capabilities": {**({} if args.no_tools else {"tools": {"listChanged": True}}),
                             "resources": {"subscribe": True}, "prompts": {}, "logging": {},
                             "completions": {}}}})
    elif method == "tools/list":
        out('{"jsonrpc":"2.0","id":%s,"result":%s}' % (json.dumps(number),
                                                       tools(params.get("cursor"))))
    elif method == "resources/list":
        send({"id": number, "result": {"resources": [
            {"uri": "test://" + os.path.basename(os.getcwd()), "name": "a"},
            {"uri": "file://" + os.getcwd() + "/a.txt", "name": "b"}]}})
    elif method == "resources/templates/list":
        send({"id": number, "result": {"resourceTemplates": [
            {"uriTemplate": "tpl://{name}/end", "name": "t"}]}})
    elif method == "resources/read":
        if params["uri"].startswith(("test://", "file://", "tpl://")):
            send({"id": number, "result": {"contents": [{"uri": params["uri"], "text": "R"}]}})
        else:
            send({"id": number, "error": {"code": -32002, "message": "not here",
                                          "data": {"uri": params["uri"]}}})
    elif method in ("resources/subscribe", "resources/unsubscribe"):
        send({"id": number, "result": {}})
        send({"method": "notifications/resources/updated", "params": {"uri": params["uri"]}})
    elif method == "prompts/list":
        send({"id": number, "result": {"prompts": [{"name": "hello", "arguments": []}]}})
    elif method == "prompts/get":
        send({"id": number, "result": {"messages": [], "description": params["name"]}})
    elif method == "completion/complete":
        send({"id": number, "result": {"completion": {"values": [params["ref"].get("name", "")]}}})
    elif method == "logging/setLevel":
        send({"id": number, "result": {}})
    elif method == "ping":
        send({"id": number, "result": {}})
    else:
        send({"id": number, "error": {"code": -32601, "message": "Method not found"}})


def notice(method, params):
    if method == "notifications/cancelled":
        state["cancelled"].append(params)
    elif method == "notifications/initialized" and args.noise:
        out("")
        out("hello, this is no JSON\r")
        sys.stderr.write("on stderr\n" * 100000)
        sys.stderr.flush()


if args.log:
    open(args.log, "a").write("start %d\n" % os.getpid())
for raw in sys.stdin.buffer:
    if args.log:
        open(args.log, "ab").write(raw)
    message = json.loads(raw)
    if "method" not in message:
        entry = waiting.get(message["id"])
        if entry:
            entry[1] = message.get("result", message.get("error"))
            entry[0].set()
    elif "id" not in message:
        notice(message["method"], message.get("params", {}))
    elif message["method"] == "tools/call":
        threading.Thread(target=call, daemon=True,
                         args=(message["id"], message["params"], raw.rstrip(b"\n"))).start()
    else:
        other(message["id"], message["method"], message.get("params", {}), raw)
