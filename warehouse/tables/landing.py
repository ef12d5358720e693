"""What files brought: every row is here, accepted or in quarantine, and every file with what became of it."""

from warehouse.contract import Column, Table

FILES = Table(
    schema="landing",
    name="files",
    description=(
        "Every content that any path of landing/ has held. A content is known by its SHA-256; its rows live "
        "while it is the newest accepted content of some path."
    ),
    grain="one row per content and path",
    columns=(
        Column("file_id", "VARCHAR", "SHA-256 of the content, in hexadecimal."),
        Column("path", "VARCHAR", "Path below landing/."),
        Column("source", "VARCHAR", "Folder of landing/ that it lies in: what kind of rows it holds."),
        Column("state", "VARCHAR", "Whether its rows were taken in.", values=("accepted", "refused")),
        Column("reason", "VARCHAR", "Why it was refused.", nullable=True),
        Column("header", "VARCHAR", "Set of header aliases that its columns follow.", nullable=True),
        Column("reading", "VARCHAR", "Fingerprint of the settings and headers it was read with."),
        Column("rows_read", "BIGINT", "Rows after the header.", unit="rows", minimum=0),
        Column(
            "rows_accepted",
            "BIGINT",
            "Rows that became rows of the table of its source.",
            unit="rows",
            minimum=0,
        ),
        Column("rows_quarantined", "BIGINT", "Rows in landing.quarantine.", unit="rows", minimum=0),
        Column("first_month", "DATE", "First month with an accepted row.", nullable=True),
        Column("last_month", "DATE", "Last month with an accepted row.", nullable=True),
        Column(
            "currency",
            "VARCHAR",
            "Currency that it names and that is the shop's: in a column, in its set of headers, or beside the prices of its first rows.",
            nullable=True,
        ),
        Column(
            "basis",
            "VARCHAR",
            "What its amounts hold of tax, discount and shipping, by its set.",
            nullable=True,
        ),
        Column("remark", "VARCHAR", "What was left out of it: sheets without orders.", nullable=True),
        Column("size", "BIGINT", "Size of the file.", unit="bytes", minimum=0),
        Column("modified_ns", "BIGINT", "When the file was last written.", unit="ns since 1970, UTC"),
        Column("seen_at", "TIMESTAMP", "When this content was last found new at this path (UTC)."),
        Column("arrival", "BIGINT", "Order of arrival; the highest of a path is its newest.", minimum=1),
    ),
    primary_key=("file_id", "path"),
)

FILE_MONTHS = Table(
    schema="landing",
    name="file_months",
    description=(
        "Which months the living contents hold rows of; sums over it are the versions of landing.orders and landing.reviews."
    ),
    grain="one row per living content and month",
    columns=(
        Column("file_id", "VARCHAR", "SHA-256 of the content."),
        Column("month", "DATE", "First day of the month."),
        Column("rows", "BIGINT", "Accepted rows.", unit="rows", minimum=1),
        Column("rows_hash", "HUGEINT", "Sum of the hashes of those rows as parsed, place in the file aside."),
    ),
    primary_key=("file_id", "month"),
)

ORDERS = Table(
    schema="landing",
    name="orders",
    description="Order lines as the files hold them, parsed, duplicates included.",
    grain="one row per accepted row of a living content",
    columns=(
        Column("month", "DATE", "First day of the month of sold_at."),
        Column("file_id", "VARCHAR", "SHA-256 of the content it stands in."),
        Column("row", "BIGINT", "Place in the file; 1 is the first after the header.", minimum=1),
        Column("invoice_id", "VARCHAR", "Number of the invoice."),
        Column("product_id", "VARCHAR", "Code of the product, as written."),
        Column("description", "VARCHAR", "Name of the product, as written.", nullable=True),
        Column("quantity", "BIGINT", "Units; negative in a return.", unit="units"),
        Column("sold_at", "TIMESTAMP", "Moment of the sale in the shop's time."),
        Column(
            "unit_price",
            "DECIMAL(18,4)",
            "Price of one unit as charged, rounded to 4 digits.",
            unit="currency",
        ),
        Column("customer_id", "VARCHAR", "Customer; null for a guest.", nullable=True, personal=True),
        Column("country", "VARCHAR", "Country of the customer.", nullable=True),
    ),
    primary_key=("file_id", "row"),
    partition_column="month",
)

REVIEWS = Table(
    schema="landing",
    name="reviews",
    description="Reviews as the files hold them, parsed, duplicates included.",
    grain="one row per accepted row of a living content",
    columns=(
        Column("month", "DATE", "First day of the month of reviewed_at."),
        Column("file_id", "VARCHAR", "SHA-256 of the content it stands in."),
        Column("row", "BIGINT", "Place in the file; 1 is the first after the header.", minimum=1),
        Column("review_id", "VARCHAR", "Number of the review, where the file gives one.", nullable=True),
        Column("product_id", "VARCHAR", "Code of the product, as written."),
        Column("customer_id", "VARCHAR", "Who wrote it.", nullable=True, personal=True),
        Column("rating", "TINYINT", "Stars, 1 to 5.", unit="stars", minimum=1),
        Column("title", "VARCHAR", "Heading, as written.", nullable=True, personal=True),
        Column("text", "VARCHAR", "What was written.", nullable=True, personal=True),
        Column("reviewed_at", "TIMESTAMP", "When it was written, in the shop's time."),
        Column(
            "helpful_votes", "BIGINT", "How many found it helpful.", nullable=True, unit="votes", minimum=0
        ),
        Column(
            "total_votes", "BIGINT", "How many said whether it was.", nullable=True, unit="votes", minimum=0
        ),
        Column("is_verified", "BOOLEAN", "Whether the writer bought it, by the source.", nullable=True),
    ),
    primary_key=("file_id", "row"),
    partition_column="month",
)

QUARANTINE = Table(
    schema="landing",
    name="quarantine",
    description="Rows that could not be taken in, with the reasons.",
    grain="one row per rejected row of a living content",
    columns=(
        Column("file_id", "VARCHAR", "SHA-256 of the content it stands in."),
        Column("row", "BIGINT", "Place in the file; 1 is the first after the header.", minimum=1),
        Column("raw", "VARCHAR", "The row as written.", personal=True),
        Column("reasons", "VARCHAR[]", "What is wrong with it, and the fields that are.", personal=True),
    ),
    primary_key=("file_id", "row"),
)
