"""Who may speak with the dashboard, asked over real HTTP."""

from __future__ import annotations

import socket

import pytest

from overnight.dashboard.guard import LARGEST_BODY
from tests.dashboard.conftest import Client
from tests.night import Night

WISH = b'{"act": "hint", "text": "try more"}'
JSON = {"Content_Type": "application/json"}


def test_with_the_token_the_page_is_there(client: Client) -> None:
    answer = client.ask("")
    assert answer.status == 200
    assert b"<title>Overnight</title>" in answer.body


def test_the_headers_hold_the_browser_in(client: Client) -> None:
    for path in ("", "js/main.js", "api/state", "nothing"):
        headers = client.ask(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/api/state", "/wrong/", "/wrong/api/state", "//", "/%2e%2e/", "/index.html"])
def test_without_the_token_nothing_is_there(client: Client, path: str) -> None:
    answer = client.ask(path, raw=True)
    assert answer.status == 404
    assert b"whole address" in answer.body
    assert client.token.encode() not in answer.body


def test_the_address_without_its_last_slash_leads_there(client: Client) -> None:
    answer = client.ask(f"/{client.token}", raw=True)
    assert (answer.status, answer.headers["location"]) == (307, f"/{client.token}/")


@pytest.mark.parametrize("path", ["../../goal.md", "%2e%2e/%2e%2e/app.py", "..%2fapp.py", "js/../../app.py", "app.py"])
def test_no_file_but_the_assets_is_given_out(client: Client, path: str) -> None:
    assert client.ask(path).status == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "0.0.0.0", ""])
def test_a_name_that_leads_here_is_refused(client: Client, host: str) -> None:
    assert client.ask("api/state", Host=host).status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:8712", "LOCALHOST:1"])
def test_this_machine_by_any_port_is_let_in(client: Client, host: str) -> None:
    assert client.ask("api/state", Host=host).status == 200


def test_two_hosts_are_refused(client: Client) -> None:
    name, port = client.host.split(":")
    with socket.create_connection((name, int(port))) as connection:
        head = f"GET /{client.token}/ HTTP/1.1\r\nHost: {client.host}\r\nHost: evil.example\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 200 " not in connection.recv(100)


def test_other_sites_cannot_read(client: Client) -> None:
    for site in ("cross-site", "same-site"):
        assert client.ask("api/state", Sec_Fetch_Site=site, Sec_Fetch_Mode="cors").status == 403
        assert client.ask("api/state", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors").status == 403
    assert client.ask("api/state", Origin="http://evil.example").status == 403
    assert "access-control-allow-origin" not in client.ask("api/state").headers


def test_a_link_from_elsewhere_opens_the_page(client: Client) -> None:
    assert client.ask("", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200


@pytest.mark.usefixtures("told")
def test_other_sites_cannot_write(client: Client) -> None:
    own = f"http://{client.host}"
    send = {"method": "POST", "body": WISH, **JSON}
    for headers in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{client.host}.evil.example"},
        {"Origin": f"http://{client.host.split(':')[0]}:1"},
        {"Origin": f"http://somebody@{client.host}"},
        {"Origin": "http://["},
        {"Origin": own, "Sec_Fetch_Site": "cross-site"},
        {"Origin": own, "Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "none"},
    ):
        assert client.ask("api/requests", **send, **headers).status == 403, headers
    assert client.get("api/state")["wishes"]["waiting"] == []
    assert client.ask("api/requests", **send, Origin=own).status == 202
    assert client.ask("api/requests", **send, Sec_Fetch_Site="same-origin").status == 202


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken(client: Client, kind: str) -> None:
    own = f"http://{client.host}"
    assert client.ask("api/requests", "POST", body=WISH, Content_Type=kind, Origin=own).status == 415


def test_what_is_too_long_is_refused_before_it_is_read(client: Client) -> None:
    own = f"http://{client.host}"
    long = b" " * (LARGEST_BODY + 1)
    assert client.ask("api/requests", "POST", body=long, **JSON, Origin=own).status == 413
    chunked = client.ask("api/requests", "POST", body=WISH, **JSON, Origin=own, Transfer_Encoding="chunked")
    assert chunked.status in (400, 411)


def test_other_methods_are_refused(client: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.ask("api/requests", method, **JSON, Origin=f"http://{client.host}").status == 405


def test_it_listens_on_this_machine_alone(client: Client, told: Night) -> None:
    assert client.host.startswith("127.0.0.1:")
    assert told.history.session
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        if not str(address).startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((str(address), int(client.host.split(":")[1])), timeout=5)
