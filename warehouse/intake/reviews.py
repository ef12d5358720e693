"""The source `reviews`: what customers wrote of products, and the stars they gave.

Which names its columns go by, SQL that parses the columns of its rows, and SQL that says what is wrong
with one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import duckdb

from warehouse.intake.files import JSON_LINES, TEXTS, packed_too
from warehouse.intake.headers import Match, positions_of
from warehouse.intake.layout import Layout, Reading
from warehouse.intake.moments import moment
from warehouse.intake.orders import LONGEST_NAME
from warehouse.intake.source import Source
from warehouse.lake import literal
from warehouse.tables.landing import REVIEWS

PARSED = {
    "review_id": "VARCHAR",
    "product_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "rating": "TINYINT",
    "title": "VARCHAR",
    "text": "VARCHAR",
    "reviewed_at": "TIMESTAMP",
    "helpful_votes": "BIGINT",
    "total_votes": "BIGINT",
    "is_verified": "BOOLEAN",
}
GIVEN = {"product_id": "''", "rating": "0", "reviewed_at": "TIMESTAMP '0001-01-01'"}
REQUIRED = ("product_id", "rating", "text", "reviewed_at")
# The plain name of each column, and those of Amazon's files (McAuley 2014 and Ni 2019; the shop's reports).
ALIASES = {
    "review_id": ("review_id", "review id"),
    "product_id": ("product_id", "asin", "sku"),
    "customer_id": ("customer_id", "reviewerID", "user_id"),
    "rating": ("rating", "overall", "star_rating", "stars"),
    "title": ("title", "summary", "review_headline", "review title"),
    "text": ("text", "reviewText", "review_body", "review"),
    "reviewed_at": ("reviewed_at", "unixReviewTime", "review_date"),
    "helpful_votes": ("helpful_votes", "vote"),
    "total_votes": ("total_votes",),
    "is_verified": ("is_verified", "verified", "verified_purchase"),
    # Both numbers of votes in one, as [2, 3]: two of three found it helpful.
    "helpful": ("helpful",),
    # The day in words that stands beside the seconds, or in their place.
    "day": ("reviewTime",),
}
AMAZON_DAYS = ("%m %d, %Y", "%B %d, %Y")
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def find(header: Sequence[str], reading: Reading) -> Match:
    """Find the columns of reviews in a header.

    Raises:
        TillageError: If a required column is missing, or any is there more than once.
    """
    del reading
    optional = [column for column in REQUIRED if column != "reviewed_at"]
    positions = positions_of(header, ALIASES, optional, "or name it as the first of these")
    if "day" in positions and "reviewed_at" not in positions:
        positions["reviewed_at"] = positions.pop("day")
    if "reviewed_at" not in positions:
        positions_of(header, {"reviewed_at": (*ALIASES["reviewed_at"], *ALIASES["day"])}, REQUIRED, "")
    day = positions.pop("day", None)
    return Match(positions, None, {} if day is None else {"reviewed_at": (day,)})


def settle(connection: duckdb.DuckDBPyConnection, layout: Layout, reading: Reading) -> Layout:
    """Read slashed dates in the order of the setting: reviews prove none."""
    del connection
    return replace(layout, order=reading.date_order, timezone=reading.timezone)


def columns(layout: Layout, typed: Mapping[str, str]) -> dict[str, str]:
    """SQL for each column as parsed; blanks at the ends do not count.

    Returns:
        The columns of `PARSED`, and with `_given` behind their names the texts that `problems` looks at besides.
    """
    del typed
    text = {column: layout.text(column) for column in layout.match.positions}
    none = "CAST(NULL AS VARCHAR)"
    found = {column: text.get(column, none) for column in PARSED}
    found["rating"] = _whole(text["rating"], "TINYINT")
    found["reviewed_at"] = _moment(text["reviewed_at"], layout)
    pair = text.get("helpful", none)
    votes = f"regexp_extract({pair}, '^\\[ *([0-9]+) *, *([0-9]+) *\\]$', ['helpful', 'all'])"
    for column, part in (("helpful_votes", "helpful"), ("total_votes", "all")):
        given = f"replace({text[column]}, ',', '')" if column in text else none  # 1,204 votes
        found[column] = f"coalesce({_whole(given, 'BIGINT')}, try_cast({votes}.{part} AS BIGINT))"
        found[f"{column}_given"] = f"coalesce({text.get(column, none)}, {pair})"
    said = f"lower({text.get('is_verified', none)})"
    found["is_verified"] = f"CASE WHEN {said} IN {TRUE} THEN true WHEN {said} IN {FALSE} THEN false END"
    found["is_verified_given"] = text.get("is_verified", none)
    if layout.keys:
        found["is_object"] = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' END"
    return found


def problems(layout: Layout, reading: Reading) -> list[tuple[str, str]]:
    """Each problem as a test on the parsed row, and the reason as SQL text that shows its `fields`."""
    at = layout.match.positions

    def shown(column: str) -> str:
        raw = f"coalesce(trim(fields[{at[column] + 1}]), '')"
        return f"CASE WHEN {raw} = '' THEN 'nothing' ELSE '\"' || left({raw}, 60) || '\"' END"

    latest = reading.now + timedelta(days=1)
    found = [("is_object IS DISTINCT FROM true", "'the line is no object of JSON'")] if layout.keys else []
    found += [("product_id IS NULL", "'product_id: it is empty'")]
    found += [
        (
            f"strlen({column}) > {LONGEST_NAME} AND length({column}) > {LONGEST_NAME}",
            f"'{column}: longer than {LONGEST_NAME} characters'",
        )
        for column in ("review_id", "product_id", "customer_id")
    ]
    found += [
        (f"contains({column}, chr(0))", f"'{column}: it holds a NUL character'")
        for column, kind in PARSED.items()
        if kind == "VARCHAR" and ("\0" in layout.holds or layout.keys)
    ]
    found += [
        (
            "rating IS NULL OR rating NOT BETWEEN 1 AND 5",
            f"'rating: a whole number from 1 to 5 was expected, found ' || {shown('rating')}",
        ),
        ("reviewed_at IS NULL", f"'reviewed_at: a date was expected, found ' || {shown('reviewed_at')}"),
        (
            f"reviewed_at < TIMESTAMP '{reading.earliest}'",
            f"'reviewed_at: before {reading.earliest}, found ' || {shown('reviewed_at')}",
        ),
        (
            f"reviewed_at >= TIMESTAMP '{latest:%Y-%m-%d %H:%M:%S}'",
            f"'reviewed_at: after the day it was taken in, found ' || {shown('reviewed_at')}",
        ),
        (
            "is_verified IS NULL AND is_verified_given IS NOT NULL",
            "'is_verified: true or false was expected, found \"' || left(is_verified_given, 60) || '\"'",
        ),
    ]
    found += [
        (
            f"{column}_given IS NOT NULL AND ({column} IS NULL OR {column} < 0)",
            f"'{column}: a whole number was expected, found \"' || left({column}_given, 60) || '\"'",
        )
        for column in ("helpful_votes", "total_votes")
    ]
    return found


def _moment(text: str, layout: Layout) -> str:
    """SQL of a moment: as those of orders, in seconds or milliseconds since 1970, or a day in words."""
    seconds = f"try_cast({text} AS BIGINT)"
    # Of 2286 and later in seconds are those of 1970 and later in milliseconds.
    epoch = f"CASE WHEN abs({seconds}) < 10000000000 THEN {seconds} * 1000000 ELSE {seconds} * 1000 END"
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,13}}') "
        f"THEN make_timestamptz({epoch}) AT TIME ZONE {literal(layout.timezone)} "
        f"ELSE coalesce(try_strptime({text}, {list(AMAZON_DAYS)}), {moment(text, layout.order, layout.timezone)}) END"
    )


def _whole(text: str, kind: str) -> str:
    decimal = f"try_cast({text} AS DECIMAL(38, 8))"
    return f"CASE WHEN {decimal} = trunc({decimal}) THEN try_cast({decimal} AS {kind}) END"


SOURCE = Source(
    name="reviews",
    table=REVIEWS,
    kinds=(*packed_too((*TEXTS, *JSON_LINES)), ".parquet"),
    parsed=PARSED,
    given=GIVEN,
    moment="reviewed_at",
    match=find,
    settle=settle,
    typed=lambda *_: {},
    as_typed=lambda layout, column, _: layout.field(column),
    plain=lambda *_: None,
    columns=columns,
    problems=problems,
    contradiction=lambda *_: None,
)
