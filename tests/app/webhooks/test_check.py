"""Where webhooks may go."""

from __future__ import annotations

import pytest

from app.openai.errors import BadRequest, Unsupported
from app.outbound.address import AllowedHosts
from app.webhooks.check import WEBHOOK_HOSTS, check_webhook_url


def check(url: str, hosts: str = "", *, signs: bool = True) -> bool:
    """The check as a request runs it; True when it refuses nothing."""
    check_webhook_url(url, signs=signs, allowed=AllowedHosts.parse(WEBHOOK_HOSTS, hosts))
    return True


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?key=1&b=%20",
        "http://hooks.example.com:8080/a",
        "https://example.com./",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "HTTPS://EXAMPLE.COM/",
    ],
)
def test_a_public_url_is_accepted(url: str) -> None:
    """Names are judged when they are resolved."""
    assert check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///hook",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://example.com/a\r\nX: y",
        "https://example.com\\@localhost/",
        "https://ex\u00e4mple.com/",
        "https://-example.com/",
        "https://exam_ple..com/",
        "https://[::1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://example.com/" + "x" * 2048,
        "http://localhost:8000/",
        "http://api.localhost/",
        "http://127.0.0.1/",
        "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
    ],
)
def test_any_other_url_is_a_400_that_names_the_field(url: str) -> None:
    """The message says which URL to use instead."""
    with pytest.raises(BadRequest) as refused:
        check(url)
    assert refused.value.param == "webhook_url"
    assert ": use " in refused.value.message or ": leave " in refused.value.message


def test_a_server_without_a_secret_says_so() -> None:
    """An unsigned event could come from anybody."""
    with pytest.raises(Unsupported, match="MILLRACE_WEBHOOK_SECRET"):
        check("https://example.com/", signs=False)


@pytest.mark.parametrize("hosts", ["localhost", "other.test, LOCALHOST", "*"])
def test_a_host_that_the_operator_names_may_be_private(hosts: str) -> None:
    """By its name, or with a star for all."""
    assert check("http://localhost:8000/", hosts)


def test_a_host_is_named_whole() -> None:
    """A permitted host permits no other that contains its name."""
    with pytest.raises(BadRequest):
        check("http://api.localhost/", "localhost")
