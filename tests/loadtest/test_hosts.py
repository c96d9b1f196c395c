import socket

import pytest

from campaign.errors import UserError
from loadtest.hosts import checked_target, require_listening


def test_loopback_needs_no_permission():
    target = checked_target("http://127.0.0.1:8080/", (), None)

    assert (target.url, target.port, target.loopback) == ("http://127.0.0.1:8080", 8080, True)


@pytest.mark.parametrize(
    ("url", "allowed", "confirmed", "message"),
    [
        ("shop.example", (), None, "shop.example is not an http address"),
        ("http://127.0.0.1:99999", (), None, "is not an http address"),
        ("http://10.1.2.3", (), "10.1.2.3", "10.1.2.3 is not in allowed_hosts"),
        ("http://10.1.2.3", ("10.1.2.3",), None, "10.1.2.3 is not this machine"),
        ("http://10.1.2.3", ("10.0.0.0/8",), "other", "repeat it to confirm: --confirm 10.1.2.3"),
        ("http://10.1.2.3", ("192.168.0.0/16",), "10.1.2.3", "10.1.2.3 is not in allowed_hosts"),
        ("http://8.8.8.8", ("*",), "8.8.8.8", "8.8.8.8 is not in allowed_hosts"),
        ("http://no-such-host.invalid", (), None, "no-such-host.invalid does not resolve"),
    ],
)
def test_anything_else_is_refused_until_listed_and_confirmed(url, allowed, confirmed, message):
    with pytest.raises(UserError) as refusal:
        checked_target(url, allowed, confirmed)
    assert message in str(refusal.value)


def test_a_listed_and_confirmed_private_host_may_be_tested():
    assert not checked_target("http://10.1.2.3:81", ("10.0.0.0/8",), "10.1.2.3").loopback


def test_a_listed_name_with_a_public_address_is_still_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)

    with pytest.raises(UserError, match="public address"):
        checked_target("http://shop.example", ("shop.example",), "shop.example")
    assert checked_target("http://shop.example", ("shop.example", "93.184.216.0/24"), "shop.example").port == 80


def test_a_host_where_nothing_listens_is_said_before_anything_is_sent():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(UserError, match=f"nothing answers at 127.0.0.1:{port}"):
        require_listening(checked_target(f"http://127.0.0.1:{port}", (), None))
