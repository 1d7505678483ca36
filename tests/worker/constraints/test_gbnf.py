"""GBNF grammars mean here what they mean to llama.cpp, or are refused."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from tasks.errors import InvalidJob
from tasks.jobs import Form
from tests.worker.constraints.byte_model import ByteModel
from tests.worker.constraints.walks import follows, wander
from worker.constraints.forms import Grammars

JSON = r"""
# JSON as text
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws (
             string ":" ws value    # a pair
             ("," ws string ":" ws value)*
           )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""
SUM = """
root ::= (expr "=" term "\\n")+
expr ::= term ([-+*/] term)*
term ::= ident | num | "(" expr ")"
ident ::= [a-z] [a-z0-9_]*
num ::= [0-9]+
"""
MOVES = """root ::= "1. " move " " move "\\n" ([1-9] [0-9]? ". " move " " move "\\n")+
move ::= (pawn | piece | castle) [+#]?
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
piece ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
castle ::= "O-O" "-O"?"""


def refusal(grammars: Grammars, source: str) -> str:
    """The sentence that the grammar is refused with."""
    with pytest.raises(InvalidJob) as refused:
        grammars.of(Form("gbnf", source))
    assert refused.value.param == "grammar"
    return refused.value.message


@pytest.mark.parametrize(
    ("source", "inside", "outside"),
    [
        ('root ::= "yes" | "no"', ["yes", "no"], ["y", "yesno", ""]),
        ('root ::= [a-z]* "abc"', ["abc", "xyzabc", "abcabc"], ["abcd", "ab"]),
        ('root ::= "if" "(" | [a-z]+ ";"', ["if(", "if;", "iffy;"], ["if"]),
        ('root ::= "ab"+ "a"', ["aba", "ababa"], ["a", "abaa"]),
        ('root ::= "ab"{2} [c]{1,}', ["ababc", "ababcc"], ["abc", "abab"]),
        ('root ::= "a"{0,2} "b"?', ["", "aab", "b"], ["aaa", "bb"]),
        ('root ::= "a"*?', ["", "aaa"], ["b"]),
        ("root ::= .", ["x", "\n", "é", "😀"], ["", "xy"]),
        ("root ::= [^a-c]", ["d", "\n", "-"], ["b", ""]),
        ("root ::= [a&&b]+", ["a&b"], ["-"]),
        ("root ::= [+--b]+", ["+,-b"], ["a"]),
        ("root ::= [-a]+", ["-", "a-"], ["b"]),
        ("root ::= [a-]+", ["a-"], ["b"]),
        (r"root ::= [\]\[\\\-]+", ["][-\\"], ["x"]),
        (r'root ::= "\x41\u00e9\U0001F600\t\"\\"', ['Aé😀\t"\\'], ["A"]),
        ("root ::= [ぁ-ゟ]+", ["あり"], ["ア"]),
        ('root ::= "/" [/] "$^.*"', ["//$^.*"], ["//"]),
        ('root ::= root-1 | start\nroot-1 ::= "a"\nstart ::= "b"', ["a", "b"], ["c"]),
        ('root ::= A a\nA ::= "x"\na ::= "y"', ["xy"], ["xx", "yy"]),
        ('root ::= "(" root ")" | "x"', ["x", "((x))"], ["((x)", "()"]),
        ('root ::= root "a" | "b"', ["b", "baa"], ["a"]),
        ('root ::= a |\n b\na ::= "1" # one\n\n# two\nb ::= "2"\r\n', ["1", "2"], ["12"]),
        ('root ::= ""', [""], ["a"]),
        (JSON, ['{"a": [1, -2.5e3, "x\\n", null], "b": {}}'], ["[1]", "{'a': 1}", '{"a" 1}']),
        (SUM, ["a+(b*12)=c\n", "1=2\nx_1=y\n"], ["a+=c\n", "1=2"]),
        (MOVES, ["1. e4 e5\n2. Nf3 Nc6\n", "1. O-O dxe8=Q+\n2. a1 a2\n"], ["1. e4 e5\n"]),
    ],
)
def test_grammars_mean_what_they_say(
    source: str, inside: list[str], outside: list[str], grammars: Grammars
) -> None:
    """The texts of the language are let through and may end; others are not."""
    constrain = grammars.of(Form("gbnf", source))
    for text in inside:
        assert follows(constrain(), text), text
    for text in outside:
        assert not follows(constrain(), text), text


@pytest.mark.parametrize("source", [JSON, SUM, MOVES])
def test_random_answers_follow_again(source: str, grammars: Grammars, model: ByteModel) -> None:
    """What long tokens drew at random is let through byte by byte, too."""
    constrain = grammars.of(Form("gbnf", source))
    ended = [text for seed in range(30) if (text := wander(constrain(), model, seed)) is not None]
    assert ended
    assert all(follows(constrain(), text) for text in ended)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", 'no rule named "root"'),
        ("# nothing", 'no rule named "root"'),
        ('answer ::= "a"', 'no rule named "root"'),
        ("root ::= missing", "'missing', which is not defined"),
        ('root ::= "a" root', "'root' can never end"),
        ('root ::= "a" | b\nb ::= "x" b', "'b' can never end"),
        ("root ::= root", "can never end"),
        ('root ::= "a"\nroot ::= "b"', "line 2: the rule 'root' is defined twice"),
        ('root = "a"', "'::=' is expected"),
        ('root ::= "a', "ends inside quotes"),
        ("root ::= [a", "ends inside quotes or brackets"),
        ("root ::= []", "empty"),
        ("root ::= [z-a]", "backwards"),
        ('root ::= ("a"', "')' is expected"),
        ('root ::= "a")', "')' is not expected"),
        ('root ::= * "a"', "'*' is not expected"),
        (r'root ::= "\q"', "no escape"),
        (r'root ::= "\x4"', "hexadecimal"),
        (r'root ::= "\ud800"', "no character"),
        (r'root ::= "\U00110000"', "no character"),
        ("root ::= <think>", "tokens such as <think>"),
        ("root ::= !<[12]>", "tokens such as <think>"),
        ('root ::= "a"{2,1}', "smaller count first"),
        ('root ::= "a"{x}', "a repetition is written"),
        ('root ::= "a"{1000000}', "2000 at most"),
        ('root ::= (("a"{2000}){2000}){2000}', "Lower the counts"),
        ("root ::= " + '"a"? ' * 1001, "1000 parts in a row"),
        ('start: "a"', "'::=' is expected"),
        ('%llguidance {}\nstart: %json {"type": "object"}', "name is made of letters"),
        ("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000, "nested more than 50"),
        ('root ::= "' + "a" * 70_000 + '"', "65536"),
    ],
)
def test_unfit_grammars_are_refused(source: str, said: str, grammars: Grammars) -> None:
    """The sentence says what is wrong, with the line where it cannot be read."""
    assert said in refusal(grammars, source)


def test_deep_chains_are_refused(grammars: Grammars) -> None:
    """The library overflows the stack on long chains of rules: they never get there."""
    for length, last in ((400, '"a"'), (3000, '"a"'), (3000, 'x0 | "a"')):
        chain = "".join(f"x{i} ::= x{i + 1}\n" for i in range(length))
        source = f"root ::= x0\n{chain}x{length} ::= {last}"
        if length < 500:
            grammars.of(Form("gbnf", source))
        else:
            assert "500 levels deep" in refusal(grammars, source)


@pytest.mark.parametrize(
    "source",
    [
        'root ::= ("a" | "b")* "a" ("a" | "b"){200}',
        'root ::= (("a"{2000}){2000})',
        "root ::= x0\n"
        + "".join(f"x{i} ::= x{i + 1} x{i + 1}\n" for i in range(60))
        + 'x60 ::= "a"',
        'root ::= a a a\na ::= a a | "x" | ""',
        'root ::= ("x"*)*',
        "root ::= " + " | ".join(f'"{i}"' for i in range(5000)),
        "root ::= " + "(" * 50 + '"a"?' + ' "b")?' * 50,
        "root ::= x0\n" + "".join(f"x{i} ::= x{i + 1}\n" for i in range(3000)) + 'x3000 ::= "a"',
        "root ::= " + '"a" | ' * 9000 + '"b"',
        "root ::= [" + "a-z" * 20_000 + "]",
    ],
)
def test_hostile_grammars_end_quickly(source: str, grammars: Grammars) -> None:
    """Each is refused or its first 50 masks are there within seconds, and the process lives."""
    began = time.monotonic()
    with suppress(InvalidJob):
        walk = grammars.of(Form("gbnf", source))()
        for _ in range(50):
            walk.accept(int(walk.mask().argmax()))
    assert time.monotonic() - began < 5.0
