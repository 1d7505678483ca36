"""Generated uploads: whatever is sent, no fault of the server's comes back."""

from __future__ import annotations

from pathlib import Path

from flask.testing import FlaskClient
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.app.files.forms import BOUNDARY, URL, Part, encoded

many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

names = st.sampled_from(
    ["file", "purpose", "expires_after[anchor]", "expires_after[seconds]", "x", ""]
)
values = st.one_of(
    st.sampled_from(["batch", "vision", "created_at", "3600", "-1"]).map(str.encode),
    st.binary(max_size=200),
    # What a parser of boundaries trips over.
    st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"--", BOUNDARY.encode(), b"x", b"\r\n\r\n"])
    ).map(b"".join),
)
filenames = st.one_of(st.none(), st.text(max_size=20).filter(lambda name: '"' not in name))
parts = st.builds(Part, names, values, filenames)
headers = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"Content-Disposition: form-data",
            b"Content-Disposition: form-data; name",
            b"Content-Disposition: form-data; name=file; filename*=UTF-8''%ff%ed%a0%80.jsonl",
            b"Content-Disposition: form-data; name=file; filename*=nothing'x'y",
            b"Content-Disposition: form-data; name*0=fi; name*1=le; filename*0=a",
            b'Content-Disposition:\tform-data;\r\n name="purpose"',
            b"Content-Type: text/plain; charset=utf-7",
            b"Content-Length: -1",
        ]
    ),
)
pieces = st.one_of(
    st.binary(max_size=80),
    parts.map(Part.encoded),
    headers,
    st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n", f"--{BOUNDARY}".encode(), b"--"]),
)


def fault(http: FlaskClient, body: bytes, kind: str) -> str | None:
    """What is answered to ``body``, if it is a server's error."""
    response = http.post(URL, data=body, content_type=kind)
    return response.text if response.status_code >= 500 else None


@many
@given(form=st.lists(parts, max_size=5))
def test_no_form_is_a_fault_of_the_server(http: FlaskClient, form: list[Part]) -> None:
    """Any fields and files, named anyhow: kept or refused."""
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    try:
        body = encoded(*form)
    except UnicodeEncodeError:
        assume(False)
    assert fault(http, body, kind) is None


@many
@given(body=st.lists(pieces, max_size=12).map(b"".join))
@example(body=b"--" + BOUNDARY.encode() + b"\r\nContent-Disposition: x; name=file; filename=x\r\r")
def test_no_garbage_is_a_fault_of_the_server(http: FlaskClient, folder: Path, body: bytes) -> None:
    """What is no form at all; nothing in the making is left of it."""
    assert fault(http, body, f"multipart/form-data; boundary={BOUNDARY}") is None
    assert not list((folder / ".staging").glob("*"))


@many
@given(kind=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60))
@example(kind="multipart/form-data; boundary=")
@example(kind="multipart/form-data; boundary*=utf-8''%C3%A9")
@example(kind="multipart/form-data; boundary=(.*+[")
@example(kind="multipart/form-data; boundary=" + "x" * 10_000)
def test_no_content_type_is_a_fault_of_the_server(http: FlaskClient, kind: str) -> None:
    """The boundary is the client's as well."""
    assert fault(http, encoded(Part("file", "x", "x")), kind) is None


@many
@given(data=st.binary(max_size=3_000), junk=st.binary(max_size=20))
def test_a_file_that_resembles_its_boundary_comes_back_as_it_was(
    http: FlaskClient, data: bytes, junk: bytes
) -> None:
    """All but the boundary itself, at a line's begin, may be in a file."""
    data += b"\r\n--" + BOUNDARY.encode()[:-1] + junk
    assume(b"--" + BOUNDARY.encode() not in data)
    form = [Part("purpose", "vision"), Part("file", data, "x")]
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    made = http.post(URL, data=encoded(*form), content_type=kind).get_json()
    assert http.get(f"{URL}/{made['id']}/content").data == data
