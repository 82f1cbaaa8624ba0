"""Neighbours that must stay silent: pages, mails, chats, logs and rule files that only quote what miners say."""

import logging
import logging.handlers
import smtplib
import socket
from email.message import EmailMessage

from .. import services, wallets
from ..catalogue import capture
from ..lines import compact, spaced
from .monero import full_job
from .browser import Site, browser, say
from .names import fetch, web_server
from ..directory import OTHERS

SUBSCRIBE = '{"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.0"]}'
AUTHORIZE = '{"id": 2, "method": "mining.authorize", "params": ["user.worker", "x"]}'
NOTIFY = '{"id":null,"method":"mining.notify","params":["bf","4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000","01","02",[],"00000002","1c2ac4af","504e86b9",false]}'
LOGIN = compact(id=1, jsonrpc="2.0", method="login", params={"login": wallets.MONERO, "pass": "x", "agent": "XMRig/6.26.0"})
RULE = (
    'alert tcp $HOME_NET any -> $EXTERNAL_NET any (msg:"EXAMPLE a miner subscribes"; flow:established,to_server; '
    'content:"{|22|id|22 3a|"; depth:10; content:"|22|mining.subscribe|22|"; content:"|22|params|22|"; sid:9000001; rev:1;)\n'
    'alert tcp $HOME_NET any -> $EXTERNAL_NET any (msg:"EXAMPLE a miner logs in"; content:"{\\"id\\":1,\\"jsonrpc\\":\\"2.0\\",\\"method\\":\\"login\\""; '
    'content:"\\"agent\\":\\"XMRig"; sid:9000002; rev:1;)\n'
    'alert tcp $EXTERNAL_NET any -> $HOME_NET any (msg:"EXAMPLE a job"; content:"{\\"method\\":\\"mining.notify\\",\\"params\\":["; sid:9000003; rev:1;)\n'
)
CURL = "curl to Python's http.server"


@capture("benign/web-page", by=CURL)
def web_page(stage):
    """An article in HTML that explains Stratum with its lines in pre."""
    stage.resolver()
    lines = "\n".join(f"<pre>{line}</pre>" for line in (SUBSCRIBE, AUTHORIZE, NOTIFY, LOGIN))
    web_server(stage, OTHERS["www.example.com"], f"<html><title>How Stratum works</title><p>A miner opens with</p>{lines}</html>")
    fetch(stage, "10.20.0.30", "http://www.example.com/")


@capture("benign/text-page", by=CURL)
def text_page(stage):
    """A plain text file whose every line is a Stratum message, from the body's first byte."""
    stage.resolver()
    web_server(stage, OTHERS["files.example.com"], "\n".join((SUBSCRIBE, AUTHORIZE, NOTIFY, LOGIN)) + "\n", "stratum.txt")
    fetch(stage, "10.20.0.31", "http://files.example.com/stratum.txt")


@capture("benign/rule-file", by=CURL)
def rule_file(stage):
    """An IDS fetches its rules."""
    stage.resolver()
    web_server(stage, OTHERS["files.example.com"], RULE * 20, "example.rules")
    fetch(stage, "10.20.0.32", "http://files.example.com/example.rules")


@capture("benign/upload", by=CURL)
def upload(stage):
    """A ticket system is sent a text that quotes a login and its answer."""
    server = services.json_rpc(stage, "198.51.100.33", 80, {"ticket.create": {"ticket": 4711}})
    text = f"The proxy saw this:\n{LOGIN}\n" + compact(id=1, result={"id": "a", "job": full_job(stage, "1"), "status": "OK"})
    body = spaced(jsonrpc="2.0", id=7, method="ticket.create", params={"subject": "miner?", "text": text})
    words = ["--silent", "--interface", "10.20.0.33", "--local-port", stage.port(), "--header", "Content-Type: application/json"]
    stage.office("curl", *words, "--data", body, "http://198.51.100.33/rpc")
    server.shutdown()


@capture("benign/mail", by="Python's smtplib to aiosmtpd")
def mail(stage):
    """A mail quotes a session line by line."""
    server = services.mail(stage, "198.51.100.32", 25)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.com", "bob@example.org", "odd traffic"
    message.set_content("\n".join(("Bob, is this a miner?", "", SUBSCRIBE, AUTHORIZE, NOTIFY, "", "Ann")))
    with stage.cable.inside("office"):
        with smtplib.SMTP("198.51.100.32", 25, "ann.example.com", source_address=("10.20.0.34", stage.port())) as smtp:
            smtp.send_message(message)
    server.close()


@capture("benign/irc")
def irc(stage):
    """A chat on IRC."""
    with stage.line("10.20.0.35", "198.51.100.34", 6667) as line:
        line.client(b"NICK ann\r\nUSER ann 0 * :Ann\r\n")
        line.server(b":irc.example.org 001 ann :Welcome\r\n")
        line.client(b"JOIN #mining\r\n")
        line.server(b":bob!b@example.org PRIVMSG #mining :it says " + SUBSCRIBE.encode() + b"\r\n")
        stage.wait(12)
        line.client(b"PRIVMSG #mining :then answer " + NOTIFY.encode() + b"\r\n")


@capture("benign/json-chat")
def json_chat(stage):
    """A chat of JSON lines; the quoted message is a string inside one."""
    with stage.line("10.20.0.36", "198.51.100.35", 7777) as line:
        line.client(compact(type="join", room="ops", name="ann"))
        line.server('{"type":"joined","room":"ops"}')
        line.client(compact(type="say", room="ops", text=SUBSCRIBE))
        line.server(compact(type="said", room="ops", name="bob", text=f"or this: {LOGIN}"))


@capture("benign/syslog-udp", by="Python's logging.handlers")
def syslog_udp(stage):
    """A firewall's log over UDP quotes a payload."""
    with stage.cable.inside("world"):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("198.51.100.36", 514))
    log(stage, socket.SOCK_DGRAM)
    receiver.close()


@capture("benign/syslog-tcp", by="Python's logging.handlers")
def syslog_tcp(stage):
    """The same over TCP."""
    listener = stage.listener("198.51.100.36", 514)
    log(stage, socket.SOCK_STREAM)
    listener.accept()[0].close()


def log(stage, kind):
    with stage.cable.inside("office"):
        handler = logging.handlers.SysLogHandler(("198.51.100.36", 514), socktype=kind)
    logger = logging.Logger("fw1")
    logger.addHandler(handler)
    for quoted in (SUBSCRIBE, LOGIN, NOTIFY):
        logger.warning("policy deny src=10.20.0.99 payload=%s", quoted)
    handler.close()


@capture("benign/log-shipper")
def log_shipper(stage):
    """A log shipper sends JSON lines, in which another sensor's findings stand as objects, not strings."""
    with stage.line("10.20.0.38", "198.51.100.37", 5044) as line:
        for quoted in (SUBSCRIBE, LOGIN, NOTIFY):
            line.client('{"@timestamp":"2026-11-02T09:00:00Z","event_type":"alert","payload":%s,"host":"sensor1"}' % quoted)
            stage.wait(2)
        line.server('{"ack":3}')


@capture("benign/websocket-chat", by="the websockets library at both ends")
def websocket_chat(stage):
    """A chat in the browser: auth, authed and job are its words too; one message quotes a miner."""
    site = Site(stage, "198.51.100.38", 8080)
    page = browser(stage, "10.20.0.39", "198.51.100.38", 8080, "/chat", origin="http://chat.example.com")
    server = site.connection()
    say(stage, page, server, compact(type="auth", params={"token": stage.hex(32), "user": "ann"}))
    say(stage, server, page, compact(type="authed", params={"user": "ann", "unread": 3}))
    say(stage, server, page, compact(type="job", params={"id": 17, "title": "nightly build", "state": "queued"}))
    say(stage, page, server, compact(type="submit", params={"form": "vacation", "days": 3}))
    say(stage, page, server, compact(type="message", params={"text": f"look: {SUBSCRIBE}"}))
    page.close()
    site.close()
