"""The description: whole, well formed, and of exactly the routes that there are."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from app.openai.errors import status_of
from app.openapi.document import document_json
from app.openapi.replies import ERRORS
from app.openapi.shapes import REQUEST_STRUCTS, schemas
from tasks.errors import TaskError

DOCUMENT = json.loads(document_json())
REGISTRY: Registry[Any] = Registry().with_resource(
    "urn:api", Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
)
ADDED_BY_FLASK = {"HEAD", "OPTIONS"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def everything(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from everything(value)
    elif isinstance(node, list):
        for value in node:
            yield from everything(value)


def errors_of(value: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong with ``value`` by a schema of the document."""
    text = json.dumps(schema).replace('"#/', '"urn:api#/')
    found = Draft202012Validator(json.loads(text), registry=REGISTRY)
    return [error.message for error in found.iter_errors(value)]


def kinds_of_errors(kind: type[TaskError]) -> Iterator[type[TaskError]]:
    """Every error that a request may end with, below ``kind``."""
    for each in kind.__subclasses__():
        yield each
        yield from kinds_of_errors(each)


def examples() -> list[Any]:
    """Every example of a JSON body, with its schema."""
    found = []
    for method, path, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            media = body.get("content", {}).get("application/json", {})
            for name, example in media.get("examples", {}).items():
                found.append(
                    pytest.param(example["value"], media["schema"], id=f"{method} {path} {name}")
                )
    for name, answer in DOCUMENT["components"]["responses"].items():
        for example in answer.get("content", {}).get("application/json", {}).get("examples", {}):
            media = answer["content"]["application/json"]
            value = media["examples"][example]["value"]
            found.append(pytest.param(value, media["schema"], id=name))
    return found


def test_every_route_is_described_and_every_description_is_a_route(http: FlaskClient) -> None:
    """A route that is added, or taken away, is noticed here."""
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in http.application.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - ADDED_BY_FLASK
    }
    assert routes == {(method, path) for method, path, _ in operations()}


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    """No schema stands there for nobody."""
    used = {node["$ref"] for node in everything(DOCUMENT) if "$ref" in node}
    there = {
        f"#/components/{kind}/{name}"
        for kind, components in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in components
    }
    assert used == there


def test_operations_have_ids_of_their_own() -> None:
    """Generated clients name their functions after them."""
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)


def test_every_parameter_of_a_path_is_described() -> None:
    """A part of the URL without a description could not be filled in."""
    for _, path, operation in operations():
        told = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert told == set(re.findall(r"\{(\w+)\}", path)), path


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schemas_are_json_schemas(name: str) -> None:
    """Each keeps to the metaschema."""
    rules = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    assert list(rules.iter_errors(DOCUMENT["components"]["schemas"][name])) == []


@pytest.mark.parametrize("name", sorted(REQUEST_STRUCTS.values()))
def test_every_field_of_a_request_is_explained(name: str) -> None:
    """A type alone does not say what a field does."""
    properties = DOCUMENT["components"]["schemas"][name]["properties"]
    assert [field for field, schema in properties.items() if "description" not in schema] == []


@pytest.mark.parametrize(("value", "schema"), examples())
def test_examples_keep_to_their_schemas(value: Any, schema: dict[str, Any]) -> None:
    """What is shown would be accepted, or could have been answered."""
    assert errors_of(value, schema) == []


def test_every_code_of_an_error_is_told_with_its_status() -> None:
    """A client looks up the code that it got."""
    untold = []
    # The command line has errors of its own, and other tests may have loaded them.
    kinds = [k for k in kinds_of_errors(TaskError) if k.__module__.startswith(("app.", "tasks."))]
    for kind in kinds:
        answer = ERRORS[status_of(kind(""))][1]
        if f"`{kind.code}`" not in answer["description"]:
            untold.append(kind)
    assert untold == []


def test_the_description_is_served(http: FlaskClient) -> None:
    """The document itself, and nothing for whoever has it already."""
    response = http.get("/openapi.json")
    assert response.json == DOCUMENT
    again = http.get("/openapi.json", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline(http: FlaskClient) -> None:
    """Every script and style is a file of this server, and the policy forbids others."""
    page = http.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert re.findall(r"<script(?![^>]* src=)", page.text) == []
    links = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', page.text)
    for link in links:
        if link != "data:,":
            assert http.get(f"/{link}").status_code == 200, link


def test_a_browser_that_can_is_sent_less(http: FlaskClient) -> None:
    """The bundle is large; packed it is the same, in a third of the bytes."""
    url = "/docs/swagger-ui-bundle.js"
    whole, packed = http.get(url), http.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) * 3 < len(whole.data)
    assert gzip.decompress(packed.data) == whole.data


def test_no_other_file_of_the_package_is_served(http: FlaskClient) -> None:
    """Only what the page needs."""
    assert http.get("/docs/index.template.html").status_code == 404
