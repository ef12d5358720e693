"""The models that tables were made with, so that they can be asked again."""

from warehouse.contract import Column, Table

REGISTRY = Table(
    schema="models",
    name="registry",
    description=(
        "Models that were stored when a month of a table was published. Rows are only ever added: of a name and "
        "as_of the newest counts."
    ),
    grain="one row per model and time its month was made",
    columns=(
        Column("name", "VARCHAR", "Table that it belongs to, as schema.name."),
        Column("as_of", "DATE", "First day of the month at whose end it was fitted."),
        Column("code_version", "VARCHAR", "Fingerprint of the code that fitted it, as in meta.versions."),
        Column(
            "data_version", "VARCHAR", "Fingerprint of the versions of what it was fitted to (inputs there)."
        ),
        Column("snapshot", "BIGINT", "Snapshot of the lake that it was fitted to.", minimum=0),
        Column("parameters", "VARCHAR", "What it was fitted with, as JSON."),
        Column("metrics", "VARCHAR", "How good it is, as JSON."),
        Column("path", "VARCHAR", "Its file, relative to the home; read with skops."),
        Column("run", "VARCHAR", "Dagster run that made it.", nullable=True),
        Column(
            "remark", "VARCHAR", "That it was fitted to a customer who was forgotten since.", nullable=True
        ),
    ),
    primary_key=(),
)
