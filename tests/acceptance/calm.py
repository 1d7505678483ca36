"""What schemathesis is told when it runs as a program: long waits are taken out of its requests."""

from __future__ import annotations

from typing import Any

import schemathesis

from tests.acceptance.generated import AnyCase, calm


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: AnyCase, _kwargs: dict[str, Any]) -> None:
    """Look at every request before it is sent."""
    calm(case)
