"""Templates that are made to exhaust whoever reads them: refused with a line, or read in bounded time.

More bombs, aliases among them, are in tests/stacks/test_template.py.
"""

import json
from pathlib import Path

import pytest

from poolhouse.stacks.errors import StackError
from tests.house import House
from tests.stacks.workshop import Workshop

POOL = "Resources:\n  P:\n    Type: AWS::Cognito::UserPool\n"
MERGES = "Metadata:\n  a0: &a0 {x: 1}\n" + "".join(
    f"  a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
)
DEEP = json.dumps({"Resources": {"P": {"Type": "AWS::Cognito::UserPool"}}, "Metadata": "X"})


@pytest.mark.parametrize(
    "template",
    [
        MERGES + POOL,
        DEEP.replace('"X"', "[" * 50_000 + "]" * 50_000),
        DEEP.replace('"X"', '{"a":' * 5000 + "1" + "}" * 5000),
    ],
    ids=["merge keys", "deep lists", "deep objects"],
)
async def test_a_template_that_explodes_is_refused(house: House, tmp_path: Path, template: str) -> None:
    with pytest.raises(StackError, match=r"template\.yaml:\d+"):
        await Workshop(house, tmp_path).deploy(template)


async def test_conditions_that_double_at_every_step_are_each_evaluated_once(house: House, tmp_path: Path) -> None:
    conditions = "Conditions:\n  C0: !Equals [a, b]\n" + "".join(
        f"  C{n}: !Or [!Condition C{n - 1}, !Condition C{n - 1}]\n" for n in range(1, 60)
    )
    await Workshop(house, tmp_path).deploy(
        conditions + POOL + "    Condition: C59\n  Q:\n    Type: AWS::Cognito::UserPool\n"
    )


@pytest.mark.parametrize("code", ["../../../etc", "/etc/passwd", "/proc/self", "\x00", "a" * 5000, "http://x/y.zip"])
async def test_a_code_uri_is_a_folder_of_the_operator_or_nothing(house: House, tmp_path: Path, code: str) -> None:
    """A template is the operator's own file: any folder may be named, nothing but a folder is taken."""
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "F": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"CodeUri": code, "Handler": "a.b", "Runtime": "python3.12", "Timeout": 0},
            }
        },
    }
    with pytest.raises(StackError):
        await Workshop(house, tmp_path).deploy(json.dumps(template))
