"""What must be true of each table, as data: importing this costs nothing.

A rule is judged by Great Expectations (`audit.py`) before a month is published. One that fails with
severity error refuses the month, a warning is published and shown. Rules about one column follow from
the contract; what is about several columns, or about the business, stands in `BUSINESS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from warehouse.contract import Table


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation, shown as one check in the Dagster UI.

    Attributes:
        name: Of the check.
        description: What must be true.
        failing: A SELECT of the rows that fail, the partition column among them; {batch} is the table.
        severity: `error` refuses the month, `warning` does not.
        expectation: Class of Great Expectations that judges; by default the one that runs `failing`.
        arguments: Of that class.
    """

    name: str
    description: str
    failing: str
    severity: str = "error"
    expectation: str = "UnexpectedRowsExpectation"
    arguments: Mapping[str, object] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What makes this rule: another identity judges the rows anew."""
        return f"{self.name} {self.severity} {self.expectation} {dict(self.arguments)} {self.failing}"


def rules(table: Table) -> tuple[Rule, ...]:
    """Give every rule of the table: those of its contract, then those of the business."""
    return (*_contract(table), *BUSINESS.get(table.qualified, ()))


def _contract(table: Table) -> Iterator[Rule]:
    for column in table.columns:
        name = f'"{column.name}"'
        if not column.nullable:
            yield Rule(
                f"{column.name}_is_given",
                f"{column.name} is never null.",
                f"SELECT * FROM {{batch}} WHERE {name} IS NULL",
                expectation="ExpectColumnValuesToNotBeNull",
                arguments={"column": column.name},
            )
        if column.minimum is not None:
            yield Rule(
                f"{column.name}_is_in_range",
                f"{column.name} is at least {column.minimum:g}.",
                f"SELECT * FROM {{batch}} WHERE {name} < {column.minimum}",
                expectation="ExpectColumnValuesToBeBetween",
                arguments={"column": column.name, "min_value": column.minimum},
            )
        if column.values is not None:
            known = ", ".join(f"'{value}'" for value in column.values)
            yield Rule(
                f"{column.name}_is_known",
                f"{column.name} is one of {', '.join(column.values)}.",
                f"SELECT * FROM {{batch}} WHERE {name} NOT IN ({known})",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": column.name, "value_set": list(column.values)},
            )
    if table.primary_key:
        by = table.partition_column
        keys = [by, *table.primary_key] if by and by not in table.primary_key else table.primary_key
        names = ", ".join(f'"{key}"' for key in keys)
        yield Rule(
            "key_is_unique",
            f"No two rows share {', '.join(table.primary_key)}.",
            f"SELECT {names}, count(*) AS times FROM {{batch}} GROUP BY {names} HAVING count(*) > 1",
        )


BUSINESS: dict[str, tuple[Rule, ...]] = {
    "core.order_lines": (
        Rule(
            "month_is_that_of_the_sale",
            "month is the month of sold_at.",
            "SELECT * FROM {batch} WHERE month <> date_trunc('month', sold_at)",
        ),
        Rule(
            "amount_is_quantity_times_price",
            "amount is quantity x unit_price to the last digit.",
            "SELECT * FROM {batch} WHERE amount <> quantity * unit_price",
        ),
        Rule(
            "sign_follows_kind",
            "A sale has an amount above 0 and a return one below 0.",
            "SELECT * FROM {batch} "
            "WHERE (kind = 'sale' AND amount <= 0) OR (kind = 'return' AND amount >= 0)",
        ),
        Rule(
            "amount_is_plausible",
            "No line is above a million: such a line is a slip of the hand until a person has looked at it.",
            "SELECT * FROM {batch} WHERE abs(amount) > 1000000",
        ),
        Rule(
            "invoice_has_one_customer",
            "The lines of an invoice name one customer, or none.",
            "SELECT month, invoice_id, count(DISTINCT customer_id) AS customers FROM {batch} "
            "GROUP BY month, invoice_id HAVING count(DISTINCT customer_id) > 1",
            severity="warning",
        ),
        Rule(
            "most_lines_are_sales",
            "At least three lines in four are sales.",
            "SELECT month, count(*) AS lines, count(*) FILTER (kind = 'sale') AS sales FROM {batch} "
            "GROUP BY month HAVING count(*) FILTER (kind = 'sale') < 0.75 * count(*)",
            severity="warning",
        ),
    ),
    "core.customer_months": (
        Rule(
            "sales_have_a_date",
            "first_sold_at and last_sold_at are given where there are orders, in order and in the month.",
            "SELECT * FROM {batch} "
            "WHERE (orders > 0) <> (first_sold_at IS NOT NULL AND last_sold_at IS NOT NULL) "
            "OR first_sold_at > last_sold_at OR date_trunc('month', first_sold_at) <> month "
            "OR date_trunc('month', last_sold_at) <> month",
        ),
        Rule(
            "orders_have_an_amount",
            "A customer with orders has units and an amount, one without has neither.",
            "SELECT * FROM {batch} WHERE (orders > 0) <> (amount > 0) OR (orders > 0) <> (units > 0)",
        ),
    ),
    "core.sales_days": (
        Rule(
            "day_is_in_the_month",
            "day lies in month.",
            "SELECT * FROM {batch} WHERE date_trunc('month', day) <> month",
        ),
    ),
    "segments.rfm": (
        Rule(
            "scores_end_at_five",
            "r, f and m are at most 5.",
            "SELECT * FROM {batch} WHERE greatest(r, f, m) > 5",
        ),
        Rule(
            "equal_values_score_equally",
            "Customers of an as_of with the same recency have the same r, and so for f and m.",
            "SELECT as_of, 'r' AS score, recency_days AS value FROM {batch} "
            "GROUP BY as_of, recency_days HAVING min(r) <> max(r) UNION ALL "
            "SELECT as_of, 'f', frequency FROM {batch} "
            "GROUP BY as_of, frequency HAVING min(f) <> max(f) UNION ALL "
            "SELECT as_of, 'm', monetary FROM {batch} "
            "GROUP BY as_of, monetary HAVING min(m) <> max(m)",
        ),
        Rule(
            "returns_stay_below_sales",
            "At most one customer in twenty has returned more than they bought (goods sold before the data "
            "begins can come back in it).",
            "SELECT as_of, count(*) AS customers, count(*) FILTER (net_monetary < 0) AS returned_more "
            "FROM {batch} GROUP BY as_of HAVING count(*) FILTER (net_monetary < 0) > 0.05 * count(*)",
            severity="warning",
        ),
    ),
}
