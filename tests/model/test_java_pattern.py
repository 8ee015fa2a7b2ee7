"""The translation of the models' Java patterns: same strings in, same strings out, in linear time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.java_pattern import Untranslatable, translate

SIGNS = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]"
TEXT = r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]"
LINK = rf"{TEXT}*\{{##{TEXT}*##\}}{TEXT}*"
CODE = rf"{TEXT}*\{{####\}}{TEXT}*"
EMAIL = rf"{SIGNS}+@{SIGNS}+"


def matches(java: str, text: str, ceiling: int = 0x10FFFF) -> bool:
    python = translate(java, ceiling=ceiling)
    return python is None or re.search(python, text) is not None


@pytest.mark.parametrize(
    ("java", "accepted", "refused"),
    [
        (r"[\w-]+_[0-9a-zA-Z]+", ["us-east-1_abc", "a_b"], ["us-east-1", "", "us-east-1_abc\n", "é_a", "a_b_"]),
        (r"[\S]+", ["x", "é日", "\u00a0"], ["", "a b", "a\n", "\t"]),
        (rf"{SIGNS}+", ["alice", "日本", "e\u0301", "😀", "a|b"], ["", "a b", "a\u00a0b", "\u200d", "a\x00", "\ue000"]),
        (rf"{TEXT}*", ["", "a b\nc", "*"], ["a\u00a0b", "\u200b"]),
        (r"[^_\p{Z}]" + SIGNS + r"[^_\p{Z}]+", ["abc", "a_c"], ["_bc", "ab_", "ab", "a c", "abc\u3000"]),
        (r"[A-Za-z0-9-_=.]+", ["a-b_c=.", "-"], ["a+b", "a/b", ""]),
        (r"[\x21\x23-\x5B\x5D-\x7E]+", ["!", "#[", "]~"], ['"', "\\", " ", "é"]),
        (r"^[0-9A-Za-z\.\-_]*(?<!\.)$", ["", "a.b", "a-"], ["a.", "a\n", "a b"]),
        (r"^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$", ["a", "a-b", "a" * 63], ["-a", "a-", "A", "a" * 64, "a\n"]),
        (r"(un)?authenticated", ["authenticated", "unauthenticated"], ["Authenticated", "un"]),
        (r"(?s).*", ["", "a\nb", "\x00"], []),
        (r".*\{####\}.*", ["{####}", "a {####} b"], ["####", "a\n{####}"]),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ["", "Größe 1", "a_b", "²"], ["a|b", "a*b", "é!"]),
        (r"[\u0009\u0020-\u007E\u10000-\u10FFFF]+", ["a\t", "😀"], ["é", "\n"]),
        (CODE, ["{####}", "Hi {####}!", "{####} {####}", "日本{####}"], ["####", "{###}", "", "{####}\u200b"]),
        (LINK, ["{##Verify##}", "a {##x##} b", "{####}", "{## {##x##}"], ["{##x", "##}{##", "{##x#}", "{##x##}\u00a0"]),
        (EMAIL, ["a@b", "@@b", "a@@", "a@b@c"], ["a@", "@b", "@@", "ab", "a b@c"]),
        (
            r"^https://[^\s]+$",
            ["https://a/b?c", "https://é"],
            ["https://", "http://a", "https://a b", "https://a\n", " https://a"],
        ),
        (r"^[0-9a-f]{2}\b-\b[0-9a-f]{2}$", ["0a-ff"], ["0a-é", "0a--", "-ff", "0aff"]),
        (r"a\b.", ["a-", "aé"], ["ab", "a_"]),
        (r"\d+", ["0123"], ["٣", "", "1a"]),
    ],
)
def test_a_pattern_accepts_whole_strings_as_java_does(java, accepted, refused):
    assert [text for text in accepted if not matches(java, text)] == []
    assert [text for text in refused if matches(java, text)] == []


@pytest.mark.parametrize("java", [CODE, LINK, EMAIL, r".*\{####\}.*"])
@pytest.mark.parametrize("unit", ["{####}", "{##", "##}", "@", "{"])
def test_a_hostile_string_is_refused_in_linear_time(java, unit):
    # The literal pattern would backtrack for minutes here, and the run's time limit would tell.
    assert not matches(java, unit * 60_000 + "\u2028\x01")


@given(st.text(alphabet="a{}#@\u200b \n日", max_size=14))
def test_the_linear_forms_accept_what_the_literal_ones_accept(text):
    text_class = f"[{re.escape(chr(10))} a{{}}#@日]"
    signs_class = "[a{}#@日]"
    assert matches(CODE, text) == bool(re.fullmatch(rf"{text_class}*\{{####\}}{text_class}*", text))
    assert matches(LINK, text) == bool(re.fullmatch(rf"{text_class}*\{{##{text_class}*##\}}{text_class}*", text))
    assert matches(EMAIL, text) == bool(re.fullmatch(rf"{signs_class}+@{signs_class}+", text))


@given(st.sampled_from([rf"{SIGNS}+", rf"{TEXT}*", CODE, LINK, EMAIL, r"[\S]+", r".*\{####\}.*"]), st.text())
def test_what_the_latin_part_of_a_pattern_accepts_the_whole_pattern_accepts(java, text):
    assert not matches(java, text, ceiling=0xFF) or matches(java, text)


@pytest.mark.parametrize("java", [r"\p{Lu}", r"[a&&b]", r"\Qx\E", r"[\p{L}]+", "[z-a]", "[", r"[\b]", r"\B"])
def test_what_the_translator_does_not_know_it_refuses(java):
    with pytest.raises(Untranslatable):
        translate(java)
