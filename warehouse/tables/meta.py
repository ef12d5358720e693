"""What the lake knows of itself: what each month of each table was made from, and what was refused."""

from warehouse.contract import Column, Table

VERSIONS = Table(
    schema="meta",
    name="versions",
    description="What each month of each table was made from. Rows are only ever added: the newest counts.",
    grain="one row per table, month and time it was made or found unchanged",
    columns=(
        Column("table", "VARCHAR", "Table, as schema.name."),
        Column("month", "DATE", "First day of the month; null for a table without months.", nullable=True),
        Column("version", "VARCHAR", "Fingerprint of the month's rows, whatever their order; 0 for none."),
        Column("rows", "BIGINT", "Rows of the month.", unit="rows", minimum=0),
        Column("code", "VARCHAR", "Fingerprint of the SQL, contract and rules that made it."),
        Column("inputs", "VARCHAR", "Fingerprint of the versions of what it was made from."),
        Column("run", "VARCHAR", "Dagster run that made it.", nullable=True),
    ),
    primary_key=(),
)

REFUSALS = Table(
    schema="meta",
    name="refusals",
    description=(
        "Months that stand refused by a rule, or published with a warning, until they pass. "
        "A refused month keeps the rows that it had before."
    ),
    grain="one row per table, month and rule that it fails",
    columns=(
        Column("table", "VARCHAR", "Table, as schema.name."),
        Column("month", "DATE", "First day of the month; null for a table without months.", nullable=True),
        Column("rule", "VARCHAR", "Name of the expectation, as in the Dagster UI."),
        Column(
            "severity",
            "VARCHAR",
            "error: the month was not published; warning: it was.",
            values=("error", "warning"),
        ),
        Column("count", "BIGINT", "Rows that fail the rule.", unit="rows", minimum=0),
        Column("sample", "VARCHAR", "Some of the failing rows, as JSON.", personal=True),
        Column("code", "VARCHAR", "Fingerprint of the code that made the refused rows."),
        Column("inputs", "VARCHAR", "Fingerprint of the inputs that they were made from."),
        Column("run", "VARCHAR", "Dagster run that judged it.", nullable=True),
    ),
    primary_key=("table", "month", "rule"),
)

FORGOTTEN = Table(
    schema="meta",
    name="forgotten",
    description=(
        "Customers who were forgotten on request: who they were cannot be read from it, but rows of them in any file "
        "are known, and taken in as those of a guest."
    ),
    grain="one row per customer who was forgotten",
    columns=(
        Column("salt", "VARCHAR", "Drawn by chance for this row, in hexadecimal."),
        Column("customer_hash", "VARCHAR", "SHA-256 of the salt and the customer's number, in hexadecimal."),
        Column("forgotten_at", "TIMESTAMP", "When (UTC)."),
    ),
    primary_key=("customer_hash",),
)
