"""Which names are a router's own, and which pages are."""

import pytest

from router.access.origin import KnownHosts, is_encrypted

NAMES = ("models.example.com", "models.example.net:8443")


@pytest.mark.parametrize(
    ("names", "loopback", "host", "known"),
    [
        ((), True, "127.0.0.1:8000", True),
        ((), True, "localhost", True),
        ((), True, "[::1]:8000", True),
        ((), True, "evil.example", False),
        ((), True, "127.0.0.1.evil.example", False),
        ((), True, "", False),
        ((), True, "a@127.0.0.1", False),
        (NAMES, True, "models.example.com", True),
        (NAMES, True, "MODELS.example.com:1", True),
        (NAMES, True, "models.example.net:8443", True),
        (NAMES, True, "models.example.net", False),
        (NAMES, True, "127.0.0.1:8000", True),
        ((), False, "any.example", True),
        ((), False, "", False),
        (NAMES, False, "models.example.com", True),
        (NAMES, False, "any.example", False),
        (NAMES, False, "127.0.0.1", False),
    ],
)
def test_a_name_is_known(names, loopback, host, known):
    headers = [(b"host", host.encode())]
    assert KnownHosts(names, loopback).asked_by_known_name(headers) is known


def test_two_hosts_are_none():
    twice = [(b"host", b"127.0.0.1")] * 2
    assert not KnownHosts((), loopback=True).asked_by_known_name(twice)


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("127.0.0.1", "http://127.0.0.1", True),
        ("127.0.0.1:80", "http://127.0.0.1", True),
        ("any.example", "https://any.example", True),
        ("any.example:443", "https://any.example", True),
        ("Any.Example", "https://any.example", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("127.0.0.1:8000", "https://models.example.com", True),
        ("127.0.0.1:8000", "https://models.example.com:443", True),
        ("127.0.0.1:8000", "https://models.example.net:8443", True),
        ("127.0.0.1:8000", "https://models.example.net", False),
        ("127.0.0.1:8000", "http://127.0.0.1:8001", False),
        ("127.0.0.1:8000", "http://127.0.0.1", False),
        ("127.0.0.1:8000", "http://localhost:8000", False),
        ("any.example", "http://any.example:8000", False),
        ("any.example", "https://any.example.evil.example", False),
        ("any.example", "https://evil.example/any.example", False),
        ("any.example", "https://any.example@evil.example", False),
        ("any.example", "any.example", False),
        ("any.example", "null", False),
        ("any.example", "://", False),
        ("", "http://", False),
    ],
)
def test_a_page_is_known_by_its_origin(host, origin, own):
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    hosts = KnownHosts(NAMES, loopback=True)
    assert hosts.comes_from_own_page(headers) is own
    assert not hosts.comes_from_own_page([*headers, (b"sec-fetch-site", b"same-site")])
    assert not hosts.comes_from_own_page([*headers, (b"origin", origin.encode())])


@pytest.mark.parametrize("origin", [[], [(b"origin", b"null")]])
@pytest.mark.parametrize(
    ("site", "own"),
    [(b"same-origin", True), (b"same-site", False), (b"cross-site", False), (b"none", False)],
)
def test_without_an_origin_the_browsers_word_for_the_site_counts(origin, site, own):
    headers = [(b"host", b"any.example"), (b"sec-fetch-site", site), *origin]
    assert KnownHosts((), loopback=False).comes_from_own_page(headers) is own
    assert not KnownHosts((), loopback=False).comes_from_own_page(headers[:1])


@pytest.mark.parametrize(
    ("header", "value", "encrypted"),
    [
        (b"x-forwarded-proto", b"https", True),
        (b"x-forwarded-proto", b"http, https", False),
        (b"origin", b"https://any.example", True),
        (b"origin", b"http://any.example", False),
        (b"host", b"https", False),
    ],
)
def test_tls_is_known_by_what_the_browser_or_a_proxy_says(header, value, encrypted):
    assert is_encrypted([(header, value)]) is encrypted
