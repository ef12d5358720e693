"""What a notebook does for the same tables: pandas, everything from the start, every as_of month in turn."""

import sys

import numpy as np
import pandas as pd

NOT_GOODS = {"POST", "DOT", "C2", "M", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "B"}


def main() -> None:
    """Compute order_lines, customer_months, sales_days and rfm of the CSV named."""
    lines = pd.read_csv(
        sys.argv[1], dtype={"InvoiceNo": str, "StockCode": str, "CustomerID": "Int64"}, keep_default_na=False,
        na_values={"CustomerID": [""], "Description": [""]},
    )  # fmt: skip
    lines["sold_at"] = pd.to_datetime(lines["InvoiceDate"], format="%m/%d/%Y %H:%M")
    lines["Description"] = lines["Description"].str.strip()
    lines = lines.drop_duplicates().copy()
    lines["product_id"] = lines["StockCode"].str.upper()
    lines["month"] = lines["sold_at"].dt.to_period("M")
    lines["amount"] = (lines["Quantity"] * lines["UnitPrice"]).round(4)
    is_cancelled = lines["InvoiceNo"].str.startswith("C")
    is_sale = ~is_cancelled & ~lines["InvoiceNo"].str.startswith("A")
    lines["kind"] = np.select(
        [
            is_sale & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0),
            is_cancelled & (lines["Quantity"] < 0) & (lines["UnitPrice"] > 0),
        ],
        ["sale", "return"],
        "adjustment",
    )
    lines["is_goods"] = ~(
        lines["product_id"].isin(NOT_GOODS) | lines["product_id"].str.startswith("GIFT_0001_")
    )
    lines = lines.sort_values(["InvoiceNo", "sold_at", "product_id", "Description", "Quantity", "UnitPrice"])
    lines["line"] = lines.groupby(["month", "InvoiceNo"]).cumcount() + 1

    sales, returns = lines[lines["kind"] == "sale"], lines[lines["kind"] == "return"]

    def state(keys: list[object]) -> pd.DataFrame:
        made = sales.groupby(keys).agg(
            orders=("InvoiceNo", "nunique"), units=("Quantity", "sum"), amount=("amount", "sum"),
            first_sold_at=("sold_at", "min"), last_sold_at=("sold_at", "max"),
        )  # fmt: skip
        returned = -returns.groupby(keys)["amount"].sum().rename("returned_amount")
        return made.join(returned, how="outer").fillna(
            {"orders": 0, "units": 0, "amount": 0, "returned_amount": 0}
        )

    customer_months = state(["month", "CustomerID"]).reset_index()
    for frame in (sales, returns):
        frame.insert(0, "day", frame["sold_at"].dt.normalize())
    sales_days = state(["month", "day", "Country"])

    segments = []
    for as_of in sorted(lines["month"].unique()):
        seen = customer_months[customer_months["month"] <= as_of]
        rfm = seen.groupby("CustomerID").agg(
            last=("last_sold_at", "max"), frequency=("orders", "sum"), monetary=("amount", "sum"),
            returned=("returned_amount", "sum"),
        )  # fmt: skip
        rfm = rfm[rfm["frequency"] > 0]
        reference = sales.loc[sales["month"] <= as_of, "day"].max() + pd.Timedelta(days=1)
        rfm["recency_days"] = (reference - rfm["last"].dt.normalize()).dt.days
        for name, column, ascending in (
            ("r", "recency_days", False),
            ("f", "frequency", True),
            ("m", "monetary", True),
        ):
            rank = (rfm[column].rank(method="min", ascending=ascending) - 1) / max(len(rfm) - 1, 1)
            rfm[name] = np.minimum(5, 1 + np.floor(5 * rank))
        rfm["fm"] = np.floor((rfm["f"] + rfm["m"] + 1) / 2)
        rfm["tier"] = pd.cut(
            rfm[["r", "f", "m"]].sum(axis=1), [0, 7, 11, 15], labels=["Low", "Medium", "High"]
        )
        segments.append(rfm.assign(as_of=as_of))
    rfm = pd.concat(segments)
    print(len(lines), len(customer_months), len(sales_days), len(rfm))


if __name__ == "__main__":
    main()
