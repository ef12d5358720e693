"""How a file writes its numbers: which of comma and point is the decimal mark, and what stands around them.

The mark is decided for the whole file and proven by its own numbers, as the order of day and month is: a
comma that is taken for the wrong one makes an amount a thousand times too large, and nothing looks odd.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from warehouse.errors import TillageError
from warehouse.lake import literal

DecimalMark = Literal[".", ","]

# The currencies that a sign may stand for.
SIGNS = {
    "$": "USD CAD AUD NZD SGD HKD TWD MXN CLP COP ARS BRL", "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD",
    "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "R$": "BRL", "MX$": "MXN", "£": "GBP EGP", "€": "EUR",
    "¥": "JPY CNY", "₹": "INR", "₽": "RUB", "₺": "TRY", "₩": "KRW", "₪": "ILS", "฿": "THB", "₫": "VND",
    "₱": "PHP", "₴": "UAH", "zł": "PLN", "kr": "SEK NOK DKK ISK", "kr.": "DKK SEK NOK ISK", "Kč": "CZK",
    "Ft": "HUF", "lei": "RON", "Fr.": "CHF", "SFr.": "CHF", "R": "ZAR", "Rs": "INR PKR LKR", "Rs.": "INR PKR LKR",
}  # fmt: skip

# A number without what stands around it; then only its digits and marks count.
_DIGITS = r"[0-9](?:[0-9., '\x{2019}\x{a0}\x{202f}\x{2009}]*[0-9])?"
_BLANKS = r"[ \x{a0}\x{202f}\x{2009}]"
_POWER = r"\s*[+-]?[0-9.]+[eE][+-]?[0-9]+\s*"
_LONE = "[1-9][0-9]{0,2}[.,][0-9]{3}"


def _proof(mark: str, other: str) -> str:
    """What shows by itself that `mark` is the decimal mark and `other`, if at all, groups thousands."""
    return (
        f"0{mark}[0-9]+|[0-9]{{4,}}{mark}[0-9]+|[0-9{other}]*{mark}(?:[0-9]{{1,2}}|[0-9]{{4,}})"
        f"|[0-9]+(?:{other}[0-9]{{3}})+{mark}[0-9]+|[0-9]+(?:{other}[0-9]{{2,3}})+{other}[0-9]{{3}}"
    )


@dataclass(frozen=True, slots=True)
class Numbers:
    """How the numbers of a file are read.

    Attributes:
        mark: Decimal mark.
        is_plain: Whether no number needs more than the engine's own cast.
        is_strict: Whether a lone mark before three digits is left unread where it is not decimal: not the
            whole file was seen, or what it says is not of one mind.
        currency: The shop's, whose code and signs may stand beside a number.
    """

    mark: DecimalMark = "."
    is_plain: bool = True
    is_strict: bool = True
    currency: str | None = None


PLAIN = Numbers()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the numbers of a file, or of its first rows, show.

    Attributes:
        asked: How many fields were looked at.
        odd: Those that the engine's own cast does not read.
        point: Those that prove the point to be the decimal mark.
        comma: Those that prove the comma.
        lone_point: Those such as 2.555, that both explain.
        lone_comma: Those such as 2,555.
        beside: What stands beside them, where it is more than signs and blanks.
    """

    asked: int
    odd: int
    point: int
    comma: int
    lone_point: int
    lone_comma: int
    beside: list[str] | None

    @property
    def currencies(self) -> list[str]:
        """The currencies and signs of currencies that stand beside numbers."""
        found = [text.strip(" ()+-\u2212\xa0\u202f\u2009") for text in self.beside or []]
        return sorted({text for text in found if text in SIGNS or re.fullmatch("[A-Z]{3}", text)})


_BARE = re.compile(r"\s*(?:[+-]?[0-9]+(?:\.[0-9]*)?)?\s*")
_BARE_PROOF = re.compile(r"\s*[+-]?(?:0\.[0-9]+|[0-9]{4,}\.[0-9]+|[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,}))\s*")


def are_bare(texts: Sequence[str]) -> bool:
    """Whether all are numbers with nothing but a point in them, which one of them proves to be decimal."""
    return all(map(_BARE.fullmatch, texts)) and any(map(_BARE_PROOF.fullmatch, texts))


def is_number(kind: str) -> bool:
    """Whether a column of this type of DuckDB's holds numbers, which need no reading."""
    return kind.startswith("DECIMAL") or kind in {
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
        "FLOAT", "DOUBLE",
    }  # fmt: skip


def signs_of(currency: str) -> list[str]:
    """The code of a currency and the signs that may stand for it."""
    return [currency, *(sign for sign, codes in SIGNS.items() if currency in codes.split())]


def evidence(texts: str) -> str:
    """SQL whose one row are the fields of `Evidence`.

    Args:
        texts: SQL of a query with one column `text`.
    """
    point, comma = literal(_proof(r"\.", ",")), literal(_proof(",", r"\."))
    # A price is asked once, however often it is written.
    return rf"""
        SELECT
            coalesce(sum(times), 0),
            coalesce(sum(times) FILTER (trim(text) <> '' AND try_cast(text AS DECIMAL(38, 6)) IS NULL), 0),
            coalesce(sum(times) FILTER (regexp_full_match(digits, {point})), 0),
            coalesce(sum(times) FILTER (regexp_full_match(digits, {comma})), 0),
            coalesce(sum(times) FILTER (regexp_full_match(digits, '{_LONE}') AND contains(digits, '.')), 0),
            coalesce(sum(times) FILTER (regexp_full_match(digits, '{_LONE}') AND contains(digits, ',')), 0),
            list_sort(list(DISTINCT beside) FILTER (digits <> '' AND regexp_matches(beside, '[^\s()+-]')))[:100]
        FROM (
            SELECT
                text,
                times,
                CASE
                    WHEN NOT regexp_full_match(text, {literal(_POWER)})
                        THEN regexp_replace(regexp_extract(text, {literal(_DIGITS)}), '[^0-9.,]', '', 'g')
                END AS digits,
                trim(regexp_replace(text, {literal(_DIGITS)}, '')) AS beside
            FROM (SELECT text, count(*) AS times FROM ({texts}) GROUP BY text)
        )
    """


def decide(seen: Evidence, setting: DecimalMark | None) -> tuple[DecimalMark, bool]:
    """Give the decimal mark of a file, and whether its numbers are of one mind.

    Raises:
        TillageError: If nothing decides.
    """
    if seen.point > 100 * seen.comma:
        return ".", not seen.comma
    if seen.comma > 100 * seen.point:
        return ",", not seen.point
    if setting is not None:
        return setting, not seen.comma
    if seen.point and seen.comma:
        raise TillageError(
            f"its numbers contradict each other: in {seen.point} of them only the point can be the decimal mark, "
            f"in {seen.comma} only the comma. Write them all in one way; or set decimal_mark in tillage.toml, and "
            "the others are quarantined."
        )
    if lone := seen.lone_comma + seen.lone_point:
        written = "2,555" if seen.lone_comma else "2.555"
        raise TillageError(
            f"nothing tells whether a number such as {written} is two thousand or two and a half: {lone} of its "
            "numbers could be read both ways, and no other shows which of comma and point is the decimal mark. "
            'Set decimal_mark = "." or "," in tillage.toml.'
        )
    return ".", True


def with_point(text: str, how: Numbers) -> str:
    """SQL of a number with the point as decimal mark, where that is all it needs: a tenth of the work."""
    return (
        text if how.mark == "." else f"CASE WHEN NOT contains({text}, '.') THEN replace({text}, ',', '.') END"
    )


def number(text: str, how: Numbers) -> str:
    """SQL that gives a written number as a text the engine can cast, or null.

    Thousands may be grouped by the other mark, by blanks or apostrophes; the shop's currency may stand on
    either side; a minus may stand before or behind, and brackets are one.
    """
    mark, other = (r"\.", ",") if how.mark == "." else (",", r"\.")
    decimals = f"(?:{mark}[0-9]*)?"
    grouped = f"[0-9]{{1,3}}(?:{other}[0-9]{{2,3}})*{other}[0-9]{{3}}"
    many = f"[0-9]{{1,3}}(?:{other}[0-9]{{2,3}})+{other}[0-9]{{3}}"
    grouped = f"{grouped}{mark}[0-9]+|{many}" if how.is_strict else f"{grouped}{decimals}"
    apart = rf"[0-9]{{1,3}}(?:(?:{_BLANKS}[0-9]{{3}})+|(?:['\x{{2019}}][0-9]{{3}})+){decimals}"
    digits = f"([0-9]+{decimals}|{mark}[0-9]+|{grouped}|{apart})"
    before = behind = ""
    if how.currency is not None:
        # The longer first: the point of "Fr." is none of the number.
        signs = "|".join(map(re.escape, sorted(signs_of(how.currency), key=len, reverse=True)))
        before, behind = f"(?:(?:{signs}){_BLANKS}*)?", f"(?:{_BLANKS}*(?:{signs}))?"
    minus = r"[\x{2212}-]"
    sign = rf"[+\x{{2212}}-]?{_BLANKS}*"
    shape = literal(
        f"(?:{sign}{before}|{before}{sign}){digits}{behind}"
        f"|{before}{digits}{behind}{_BLANKS}*{minus}|{before}{digits}{minus}{behind}|[(]{before}{digits}{behind}[)]"
    )
    bare = (
        rf"regexp_replace(regexp_replace(x, '^(?:' || {shape} || ')$', '\1\2\3\4'), '[^0-9{mark}]', '', 'g')"
    )
    bare = f"replace({bare}, ',', '.')" if how.mark == "," else bare
    return (
        f"list_transform([{text}], x -> CASE WHEN regexp_full_match(x, {shape}) "
        f"THEN CASE WHEN regexp_matches(x, '[(]|{minus}') THEN '-' ELSE '' END || {bare} END)[1]"
    )
