"""Reviews are taken in as orders are: every row accepted, or in quarantine with its reasons."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.graph import Graph
from warehouse.intake import TakenIn
from warehouse.intake.headers import header_sets
from warehouse.intake.layout import Reading

Rows = Callable[..., list[tuple[Any, ...]]]
Intake = Callable[..., TakenIn]
Take = Callable[..., Any]

AMAZON = {
    "reviewerID": "A2IBPI20UZIR0U",
    "asin": "b003vwj2k8",
    "reviewerName": "cassandra",
    "helpful": [2, 3],
    "reviewText": 'It said "great",\nand was.',
    "overall": 5.0,
    "summary": "good",
    "unixReviewTime": 1393545600,
    "reviewTime": "02 28, 2014",
}
PLAIN = "review_id,customer_id,product_id,rating,title,text,reviewed_at"


@pytest.fixture
def reading() -> Reading:
    return Reading(header_sets(), None, date(1990, 1, 1), datetime(2020, 1, 1))


@pytest.fixture
def reviews(home: Path) -> Path:
    folder = home / "landing" / "reviews"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def take(reviews: Path, intake: Intake, rows_of: Rows) -> Take:
    """Take in one file of reviews; gives what became of it, having counted its rows."""

    def run(content: str | bytes, name: str = "a.csv", **how: Any) -> Any:
        (reviews / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        result = intake(**how)
        assert not result.left
        [arrival] = result.arrivals
        [counted] = rows_of(
            "SELECT (SELECT count(*) FROM landing.reviews), (SELECT count(*) FROM landing.quarantine)"
        )
        assert (arrival.rows_accepted, arrival.rows_quarantined) == counted
        return arrival

    return run


def lines(*rows: dict[str, Any] | str) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


def test_a_line_of_amazon_is_read_in_full(take: Take, rows_of: Rows) -> None:
    arrival = take(lines(AMAZON), "reviews.json")
    assert (arrival.state, arrival.source, arrival.first_month) == ("accepted", "reviews", date(2014, 2, 1))
    assert rows_of("SELECT * EXCLUDE (file_id) FROM landing.reviews") == [(
        date(2014, 2, 1), 1, None, "b003vwj2k8", "A2IBPI20UZIR0U", 5, "good", 'It said "great",\nand was.',
        datetime(2014, 2, 28), 2, 3, None,
    )]  # fmt: skip


def test_a_newer_export_of_amazon_is_read_in_full(take: Take, rows_of: Rows) -> None:
    """It tells of votes and buyers under other names than the older one."""
    newer = {
        "overall": 4.0, "vote": "1,075", "verified": True, "reviewTime": "02 8, 2014", "reviewerID": "A2", "asin": "B1",
        "reviewerName": "c", "reviewText": "fine", "summary": "good", "style": {"Size:": " L"}, "image": ["https://a"],
    }  # fmt: skip
    take(
        lines(newer, {**newer, "vote": None, "verified": False, "unixReviewTime": 1393545600}), "reviews.json"
    )
    assert rows_of(
        "SELECT rating, reviewed_at, helpful_votes, total_votes, is_verified FROM landing.reviews ORDER BY row"
    ) == [(4, datetime(2014, 2, 8), 1_075, None, True), (4, datetime(2014, 2, 28), None, None, False)]


def test_the_same_file_is_taken_in_once_and_a_changed_one_gives_up_its_rows(
    reviews: Path, intake: Intake, rows_of: Rows
) -> None:
    (reviews / "a.json").write_text(lines(AMAZON, {**AMAZON, "overall": 9}))
    intake()
    assert not intake().arrivals, "nothing is new"
    (reviews / "again.json").write_text(lines(AMAZON, {**AMAZON, "overall": 9}))
    intake()
    counts = "SELECT (SELECT count(*) FROM landing.reviews), (SELECT count(*) FROM landing.quarantine)"
    assert rows_of(counts) == [(1, 1)]
    for name in ("a.json", "again.json"):
        (reviews / name).write_text(lines({**AMAZON, "overall": 2.0}))
    assert {row.state for row in intake().arrivals} == {"accepted"}
    assert rows_of(counts) == [(1, 0)]
    assert rows_of("SELECT rating FROM landing.reviews") == [(2,)]


@pytest.mark.parametrize("size", ["small", "large"])
def test_every_kind_of_file_gives_the_same_rows(
    size: str,
    reviews: Path,
    intake: Intake,
    rows_of: Rows,
    lake: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if size == "large":
        monkeypatch.setattr("warehouse.intake.BATCH_BYTES", 0)
    rows = [
        {"review_id": "r1", "customer_id": "c1", "product_id": "p1", "rating": 5, "title": "Good", "text": 'A "b",\nc',
         "reviewed_at": "2014-02-28 10:30:00", "helpful_votes": 2, "total_votes": 3, "is_verified": True},
        {"review_id": "r2", "customer_id": None, "product_id": "p2", "rating": 1, "title": None, "text": None,
         "reviewed_at": "2014-03-01 00:00:00", "helpful_votes": None, "total_votes": None, "is_verified": None},
    ]  # fmt: skip
    source = tmp_path / "rows.json"
    source.write_text(lines(*rows))
    table = (
        f"read_json('{source}', columns = {{review_id: 'VARCHAR', customer_id: 'VARCHAR', product_id: 'VARCHAR', \
rating: 'DOUBLE', title: 'VARCHAR', text: 'VARCHAR', reviewed_at: 'TIMESTAMP', helpful_votes: 'BIGINT', \
total_votes: 'BIGINT', is_verified: 'BOOLEAN'}})"
    )
    (reviews / "a.jsonl").write_text(lines(*rows))
    (reviews / "b.ndjson.gz").write_bytes(gzip.compress(lines(*rows).encode()))
    lake.execute(f"COPY (FROM {table}) TO '{reviews / 'c.parquet'}' (FORMAT parquet)")
    lake.execute(f"COPY (FROM {table}) TO '{reviews / 'd.csv'}' (HEADER, DELIMITER ';')")
    result = intake()
    assert [(row.path, row.state, row.rows_accepted) for row in result.arrivals] == [
        (f"reviews/{name}", "accepted", 2) for name in ("a.jsonl", "b.ndjson.gz", "c.parquet", "d.csv")
    ]
    found = rows_of("SELECT file_id, list(r ORDER BY r.row) FROM (SELECT file_id, * EXCLUDE (file_id) FROM landing.reviews) "
                    "AS r GROUP BY file_id")  # fmt: skip
    contents = {json.dumps([{**r, "file_id": ""} for r in each], default=str) for _, each in found}
    assert len(found) == 4
    assert len(contents) == 1, "one content for all four kinds of file"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"overall": 0}, 'rating: a whole number from 1 to 5 was expected, found "0"'),
    ({"overall": 6}, 'rating: a whole number from 1 to 5 was expected, found "6"'),
    ({"overall": 4.5}, 'rating: a whole number from 1 to 5 was expected, found "4.5"'),
    ({"overall": "five"}, 'rating: a whole number from 1 to 5 was expected, found "five"'),
    ({"overall": None}, "rating: a whole number from 1 to 5 was expected, found nothing"),
    ({"unixReviewTime": 0}, 'reviewed_at: before 1990-01-01, found "0"'),
    ({"unixReviewTime": 4e9}, 'reviewed_at: a date was expected, found "4000000000.0"'),
    ({"unixReviewTime": 4000000000}, 'reviewed_at: after the day it was taken in, found "4000000000"'),
    ({"unixReviewTime": "soon", "reviewTime": None}, 'reviewed_at: a date was expected, found "soon"'),
    ({"asin": " "}, "product_id: it is empty"),
    ({"asin": "x" * 256}, "product_id: longer than 255 characters"),
    ({"reviewText": "a\0b"}, "text: it holds a NUL character"),
    ({"helpful": None, "vote": "many"}, 'helpful_votes: a whole number was expected, found "many"'),
    ({"verified": "perhaps"}, 'is_verified: true or false was expected, found "perhaps"'),
]


@pytest.mark.usefixtures("reviews")
def test_a_bad_row_is_put_aside_with_the_line_as_it_stands(taken_each: Any) -> None:
    bad = {reason: {**AMAZON, **change} for change, reason in BAD}
    found = taken_each(
        {reason: lines(AMAZON, line, {**AMAZON, "asin": "B2"}) for reason, line in bad.items()},
        name="reviews/a.json",
    )
    assert len(found) == len(BAD)
    for reason, each in found.items():
        assert (each.arrival.rows_accepted, each.arrival.rows_quarantined) == (2, 1), reason
        [(row, (raw, reasons))] = each.quarantine.items()
        assert (row, json.loads(raw.replace("\u2400", "\\u0000"))) == (2, bad[reason])
        assert reasons == [reason]


@pytest.mark.usefixtures("reviews")
def test_a_line_that_is_no_object_costs_no_other(taken_each: Any) -> None:
    found = taken_each(
        {line: lines(AMAZON, line, {**AMAZON, "asin": "B2"}) for line in ("{broken", "[1, 2]", "17", "null")},
        name="reviews/a.json",
    )
    for line, each in found.items():
        assert each.arrival.rows_accepted == 2, line
        [(row, (raw, reasons))] = each.quarantine.items()
        assert (row, raw, reasons[0]) == (2, line, "the line is no object of JSON")


def test_a_text_of_a_megabyte_is_kept_whole(take: Take, rows_of: Rows) -> None:
    take(lines({**AMAZON, "reviewText": "wörd " * 200_000}), "a.json")
    assert rows_of("SELECT length(text) FROM landing.reviews") == [(999_999,)]


def test_a_csv_with_texts_of_several_lines_keeps_them(take: Take, rows_of: Rows) -> None:
    take(f'{PLAIN}\n1,c,p,5,"a","one\ntwo, ""three""",2014-01-02\n2,c,p,4,,,02/2014\n')
    assert rows_of("SELECT row, text FROM landing.reviews") == [(1, 'one\ntwo, "three"')]
    assert rows_of("SELECT row FROM landing.quarantine") == [(2,)]


@pytest.mark.parametrize(
    ("written", "timezone", "told"),
    [
        ("1393545600", "UTC", datetime(2014, 2, 28)),
        ("1393545600", "Europe/Berlin", datetime(2014, 2, 28, 1)),
        ("1393545600000", "UTC", datetime(2014, 2, 28)),
        ("02 28, 2014", "UTC", datetime(2014, 2, 28)),
        ("February 28, 2014", "UTC", datetime(2014, 2, 28)),
        ("2014-02-28T10:30:00Z", "Europe/Berlin", datetime(2014, 2, 28, 11, 30)),
        ("28.02.2014 10:30", "UTC", datetime(2014, 2, 28, 10, 30)),
    ],
)
def test_a_moment_is_told_in_the_shops_time(
    written: str, timezone: str, told: datetime, take: Take, rows_of: Rows, reading: Reading
) -> None:
    here = replace(reading, timezone=timezone)
    take(f'{PLAIN}\n1,c,p,5,a,b,"{written}"\n', reading=here)
    assert rows_of("SELECT reviewed_at FROM landing.reviews") == [(told,)]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("asin,overall,reviewText\np,5,x\n", "a.csv", "no column stands for reviewed_at"),
        ("asin,reviewTime,reviewText\np,x,x\n", "a.csv", "no column stands for rating"),
        ("asin,product_id,overall,reviewText,reviewTime\n", "a.csv", "more than one column stands for product_id"),
        ('[{"asin": 1},\n{"asin": 2}]', "a.json", "none of its first lines is an object of JSON"),
        ("", "a.json", "none of its first lines is an object of JSON"),
        ('{"asin": 1, "overall": 2}', "a.json", "no column stands for text"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_file_of_reviews_is_refused(content: str, name: str, said: str, take: Take) -> None:
    arrival = take(content, name)
    assert arrival.state == "refused"
    assert said in arrival.reason


def test_one_content_is_of_one_source(reviews: Path, orders: Path, intake: Intake, rows_of: Rows) -> None:
    """Rows of one content in two tables would be quarantined, counted and given up together."""
    header = "InvoiceNo,product_id,Quantity,InvoiceDate,UnitPrice,rating,text,reviewed_at"
    content = f"{header}\n1,p,1,2011-01-02,1.5,5,a,2011-01-02\n"
    (orders / "a.csv").write_text(content)
    (reviews / "a.csv").write_text(content)
    states = {row.path: (row.state, row.reason) for row in intake().arrivals}
    assert states["orders/a.csv"] == ("accepted", None)
    assert states["reviews/a.csv"][0] == "refused"
    assert "lies at orders/a.csv and was taken in as orders" in states["reviews/a.csv"][1]
    assert rows_of("SELECT count(*) FROM landing.reviews") == [(0,)]
    (orders / "a.csv").write_text(content.replace("1.5", "2.5"))
    intake()
    (reviews / "a.csv").touch()
    (reviews / "b.csv").write_text(content)
    assert {row.path: row.state for row in intake().arrivals} == {"reviews/b.csv": "accepted"}


def test_a_home_of_reviews_alone_makes_no_orders(
    reviews: Path, intake: Intake, lake: Any, shop_graph: Graph, make_all: Callable[..., dict[str, list[Any]]]
) -> None:
    (reviews / "a.json").write_text(lines(AMAZON, {**AMAZON, "asin": "B2", "unixReviewTime": 1400000000}))
    assert {name: list(months) for name, months in intake().months.items()} == {
        "landing.reviews": [date(2014, 2, 1), date(2014, 5, 1)]
    }
    of_orders = {"landing.orders"}
    for name, node in shop_graph.nodes.items():
        of_orders |= {name} if of_orders & node.inputs.keys() else set()
    made = make_all(lake, ["seeds.english_words", "core.reviews", *(of_orders & shop_graph.nodes.keys())])
    assert {name: months for name, months in made.items() if months != [None]} == {
        "core.reviews": [date(2014, month, 1) for month in (2, 3, 4, 5)]
    }


def test_the_reviews_of_musical_instruments_are_taken_in(
    shared_data: Callable[[str], Path], reviews: Path, intake: Intake, rows_of: Rows
) -> None:
    file = shared_data("reviews_musical_instruments.parquet")
    (reviews / file.name).write_bytes(file.read_bytes())
    [arrival] = intake().arrivals
    assert (arrival.rows_accepted, arrival.rows_quarantined) == (10_261, 0)
    assert (arrival.first_month, arrival.last_month) == (date(2004, 9, 1), date(2014, 7, 1))
    assert rows_of("SELECT rating, count(*) FROM landing.reviews GROUP BY rating ORDER BY rating") == [
        (1, 217), (2, 250), (3, 772), (4, 2084), (5, 6938)
    ]  # fmt: skip
    assert rows_of(
        "SELECT count(DISTINCT customer_id), count(DISTINCT product_id), count(*) FILTER (text IS NULL) FROM landing.reviews"
    ) == [(1429, 900, 7)]
