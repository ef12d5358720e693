"""cohorts.revenue_retention: what each cohort brings, by country, first category and age, against a plain loop."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 11, 1), date(2011, 2, 1))
FIRST, END = MONTHS[0], next_month(MONTHS[-1])

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
# month, customer, country, orders, amount
Month = tuple[date, str, str, int, Decimal]
# month, customer, month of the sale that it reverses, amount
Return = tuple[date, str | None, date | None, Decimal]
Shop = tuple[list[Month], list[Return]]


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    """A return reverses a sale of its customer in the same month or an earlier one, or nobody knows which."""
    months: list[Month] = draw(
        st.lists(
            st.tuples(
                st.sampled_from(MONTHS),
                st.sampled_from("abcd"),
                st.sampled_from(["EIRE", "France"]),
                st.integers(0, 2),
                st.sampled_from(["1", "2.5", "9.0001"]).map(Decimal),
            ).map(lambda row: row if row[3] else (*row[:4], Decimal(0))),
            unique_by=lambda row: row[:2],
            max_size=12,
        )
    )
    returns: list[Return] = []
    for month, customer, _, _, _ in draw(st.lists(st.sampled_from(months), max_size=6)) if months else ():
        sales = [row[0] for row in months if row[1] == customer and row[3] and row[0] <= month]
        reverses = draw(st.sampled_from([None, *sales]))
        who = customer if reverses else draw(st.sampled_from([customer, customer, None]))
        returns.append((month, who, reverses, draw(st.sampled_from(["1", "3.3333"]).map(Decimal))))
    return months, returns


def category_of(row: Month) -> str:
    """Made up of the rest, for what a month is of may be anything."""
    return ("Bags", "Mugs")[(ord(row[1]) + row[0].month) % 2]


def put(fill: Fill, run: Run, tables: Any, shop: Shop) -> None:
    """Write a shop; the ages are those of cohorts.retention."""
    for name in (
        "core.customer_months",
        "core.customer_product_months",
        "core.returns",
        "core.sales_days",
        "seeds.thresholds",
        "cohorts.retention",
    ):
        tables.execute(f"DELETE FROM {name}")
    months, returns = shop
    fill("core.customer_months", "month,customer_id,country,orders,amount", *months)
    fill(
        "core.customer_product_months",
        "month,customer_id,product_id,category,orders,amount",
        *((*row[:2], "X", category_of(row), *row[3:]) for row in months),
    )
    fill(
        "core.sales_days",
        "month,day,country",
        *((month, month, "EIRE") for month in {row[0] for row in months}),
    )
    fill("seeds.thresholds", "left_truncated_months", (1,))
    fill(
        "core.returns",
        "month,customer_id,returned_at,sold_at,returned_amount",
        *(
            (month, who, datetime(month.year, month.month, 20), reverses and datetime(reverses.year, reverses.month, 9), amount)
            for month, who, reverses, amount in returns
        ),
    )  # fmt: skip
    for row in run("cohorts.retention", FIRST, END):
        fill("cohorts.retention", ",".join(row), list(row.values()))


def naive(shop: Shop, as_of: date) -> list[dict[str, Any]]:
    sales = {(row[0], row[1]): row[4] for row in shop[0] if row[3] and row[0] <= as_of}
    first = {who: min(month for month, other in sales if other == who) for _, who in sales}
    home = {row[1]: row[2] for row in shop[0] if first.get(row[1]) == row[0]}
    taste = {row[1]: category_of(row) for row in shop[0] if first.get(row[1]) == row[0]}
    returned: dict[tuple[date, str | None], Decimal] = {}
    for month, who, reverses, amount in shop[1]:
        if month <= as_of:
            key = reverses or month, who
            returned[key] = returned.get(key, Decimal(0)) + amount
    found = []
    groups = [("All", "All"), ("All", "Bags"), ("All", "Mugs"), ("EIRE", "All"), ("France", "All")]
    for country, category in groups:
        for cohort in MONTHS:
            members = [
                who
                for who in first
                if first[who] == cohort and country in {"All", home[who]} and category in {"All", taste[who]}
            ]
            gross = net = Decimal(0)
            begun: tuple[Decimal, Decimal] | None = None
            for age, month in enumerate(month_range(cohort, as_of) if members else ()):
                amount = sum((sales.get((month, who), Decimal(0)) for who in members), Decimal(0))
                back = sum((returned.get((month, who), Decimal(0)) for who in members), Decimal(0))
                gross, net = gross + amount, net + amount - back
                begun = begun or (gross, net)
                found.append(
                    {
                        "as_of": as_of, "country": country, "first_category": category, "cohort": cohort, "age": age,
                        "cohort_customers": len(members),
                        "customers": sum((month, who) in sales for who in members),
                        "amount": amount, "returned_amount": back, "net_amount": amount - back,
                        "amount_share": pytest.approx(float(amount / begun[0]), abs=1e-6),
                        "net_amount_share": pytest.approx(float((amount - back) / begun[1]), abs=1e-6)
                        if begun[1] > 0
                        else None,
                        "cumulative_amount": gross, "cumulative_net_amount": net,
                        "value_per_customer": pytest.approx(net / len(members), abs=Decimal("0.0001")),
                    }
                )  # fmt: skip
    return found


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what is taken from cohorts.retention as it is."""
    return [
        {name: value for name, value in row.items() if name not in {"is_left_truncated", "is_whole_month"}}
        for row in rows
    ]


@settings(max_examples=40)
@given(shops())
def test_it_agrees_with_a_plain_loop(fill: Fill, run: Run, tables: Any, shop: Shop) -> None:
    put(fill, run, tables, shop)
    expected = [row for month in MONTHS for row in naive(shop, month)]
    assert figures(run("cohorts.revenue_retention", FIRST, END)) == expected


@settings(max_examples=40)
@given(shops(), st.sampled_from(MONTHS))
def test_an_as_of_is_the_same_alone_as_in_a_backfill_and_sees_nothing_later(
    fill: Fill, run: Run, tables: Any, shop: Shop, as_of: date
) -> None:
    put(fill, run, tables, shop)
    alone = run("cohorts.revenue_retention", as_of, next_month(as_of))
    assert alone == [row for row in run("cohorts.revenue_retention", FIRST, END) if row["as_of"] == as_of]
    put(
        fill,
        run,
        tables,
        ([row for row in shop[0] if row[0] <= as_of], [row for row in shop[1] if row[0] <= as_of]),
    )
    assert run("cohorts.revenue_retention", as_of, next_month(as_of)) == alone


def sale(month: date, who: str = "a", country: str = "EIRE", amount: int = 8) -> Month:
    return month, who, country, 1, Decimal(amount)


def test_a_return_is_booked_to_the_month_of_its_sale_once_it_is_known(
    fill: Fill, run: Run, tables: Any
) -> None:
    """Booked to its own month, a cohort would shrink in the very months in which it bought again."""
    november, december, january = MONTHS[:3]
    put(
        fill, run, tables,
        ([sale(november), sale(december)],
         [(january, "a", november, Decimal(2)), (january, "a", None, Decimal(1))]),
    )  # fmt: skip
    found = [row for row in run("cohorts.revenue_retention", december, END) if row["country"] == "EIRE"]
    assert [(row["as_of"], row["age"], row["net_amount"]) for row in found if row["as_of"] <= january] == [
        (december, 0, 8), (december, 1, 8), (january, 0, 6), (january, 1, 8), (january, 2, -1)
    ]  # fmt: skip


def test_a_return_before_the_first_sale_is_of_no_cohort(fill: Fill, run: Run, tables: Any) -> None:
    """What comes back was sold before the data begins: it is no loss of the cohort that began later."""
    november, december = MONTHS[:2]
    back: list[Return] = [(november, "a", None, Decimal(5)), (november, "b", None, Decimal(5))]
    put(fill, run, tables, ([sale(december)], back))
    found = run("cohorts.revenue_retention", FIRST, END)
    assert {(row["cohort"], row["returned_amount"]) for row in found} == {(december, 0)}


def test_who_moves_stays_in_the_country_of_the_beginning(fill: Fill, run: Run, tables: Any) -> None:
    put(fill, run, tables, ([sale(MONTHS[0]), sale(MONTHS[1], country="France")], []))
    found = run("cohorts.revenue_retention", MONTHS[1], MONTHS[2])
    assert {row["country"] for row in found} == {"All", "EIRE"}


@pytest.mark.parametrize(
    ("bought", "category"),
    [
        ([("Mugs", 5), ("Bags", 4)], "Mugs"),
        ([("Mugs", 5), ("Bags", 3), ("Bags", 3)], "Bags"),
        ([("Mugs", 5), ("Bags", 5)], "Bags"),
        ([("Mugs", 5), ("Not goods", 9)], "Mugs"),
        ([("Not goods", 9)], "Not goods"),
    ],
    ids=["the most", "summed", "the first of equals", "goods first", "no goods"],
)
def test_the_first_category_is_what_most_was_spent_on_in_the_first_month(
    fill: Fill, run: Run, tables: Any, bought: list[tuple[str, int]], category: str
) -> None:
    put(fill, run, tables, ([sale(MONTHS[0]), sale(MONTHS[1], amount=99)], []))
    tables.execute("DELETE FROM core.customer_product_months WHERE month = ?", [MONTHS[0]])
    names = "month,customer_id,product_id,category,orders,amount"
    rows = [(MONTHS[0], "a", f"{at}", *one[:1], 1, one[1]) for at, one in enumerate(bought)]
    fill("core.customer_product_months", names, *rows)
    found = run("cohorts.revenue_retention", MONTHS[1], MONTHS[2])
    assert {row["first_category"] for row in found} == {"All", category}


def test_a_cohort_whose_first_month_all_came_back_has_no_share_of_it(
    fill: Fill, run: Run, tables: Any
) -> None:
    put(fill, run, tables, ([sale(FIRST)], [(FIRST, "a", FIRST, Decimal(8))]))
    found = run("cohorts.revenue_retention", FIRST, END)
    assert {(row["net_amount_share"], row["cumulative_net_amount"]) for row in found} == {(None, 0)}
    assert {row["amount_share"] for row in found} == {0, 1}


def test_an_amount_of_nothing_has_no_share(fill: Fill, run: Run, tables: Any) -> None:
    """The rules of customer_months refuse such a month; were one there, 0 / 0 must not look like a number."""
    put(fill, run, tables, ([sale(FIRST, amount=0)], []))
    found = run("cohorts.revenue_retention", FIRST, END)
    assert {(row["amount_share"], row["net_amount_share"], row["value_per_customer"]) for row in found} == {
        (None, None, 0)
    }  # fmt: skip
