"""The rows of a month's file: invoices numbered in order of time, lines in order of invoice.

A row here is a line as it was rung up. What goes wrong on the way into the file (the same row twice, a row
nobody can read) is drawn here too, and written out in text.py.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.baskets import Lines
from simulator.customers import Customers
from simulator.exact import Integers
from simulator.goods import Goods
from simulator.parameters import Parameters
from simulator.returns import Returns
from simulator.streams import States, branch, integer, uniform
from simulator.visits import Visits

CLEAN, DUPLICATE = -1, -2
DIRT = (
    "impossible_date",
    "text_date",
    "text_quantity",
    "text_price",
    "empty_invoice",
    "empty_code",
    "future_date",
)

_FATE, _KIND = 0, 1
_LINES = 1 << 32


@dataclass(frozen=True, slots=True)
class Receipts:
    """The rows of a file in order, one element a row.

    Attributes:
        invoice: Number.
        is_return: Whether a C stands before the number.
        minute: Since the beginning of day 0.
        customer: Number of the customer, -1 for a guest.
        country: Index into customers.COUNTRIES.
        good: What.
        generation: 1 if the good bears its second name by then.
        spelling: 0 as it should be, or one of text.SPELLINGS others.
        quantity: Negative on returns.
        cents: Price of one.
        fate: CLEAN, DUPLICATE of the row before, or the kind of dirt (index into DIRT).
    """

    invoice: Integers
    is_return: npt.NDArray[np.bool_]
    minute: Integers
    customer: Integers
    country: Integers
    good: Integers
    generation: Integers
    spelling: Integers
    quantity: Integers
    cents: Integers
    fate: Integers

    def __len__(self) -> int:
        return len(self.invoice)


def line_streams(visits: Visits, lines: Lines) -> States:
    """The random stream of each line."""
    return branch(visits.stream[lines.visit], _LINES + lines.good)


def ring_up(
    parameters: Parameters,
    customers: Customers,
    goods: Goods,
    visits: Visits,
    lines: Lines,
    streams_of_lines: States,
    returned: Returns,
    first_invoice: int,
) -> tuple[Receipts, Integers, Integers]:
    """Number the month's invoices and put the rows in order.

    Args:
        parameters: The shop's.
        customers: All of them.
        goods: All launched by the end of the month.
        visits: The month's; those without a line get no invoice.
        lines: Their lines.
        streams_of_lines: See `line_streams`.
        returned: What comes back in the month.
        first_invoice: The first number to give.

    Returns:
        The rows; the invoice of each visit (0 without one); the invoice of each return.
    """
    has_lines = np.bincount(lines.visit, minlength=len(visits)) > 0
    orders = np.flatnonzero(has_lines)
    in_time = np.argsort(np.concatenate([visits.minute[orders], returned.minute]), kind="stable")
    number = np.empty(len(in_time), dtype=np.int64)
    number[in_time] = first_invoice + np.arange(len(in_time))
    of_visit = np.zeros(len(visits), dtype=np.int64)
    of_visit[orders] = number[: len(orders)]
    of_return = number[len(orders) :]

    invoice = np.concatenate([of_visit[lines.visit], of_return])
    order = np.argsort(invoice, kind="stable")
    fate, spelling = _fates(parameters, streams_of_lines)
    none = np.zeros(len(returned), dtype=np.int64)
    person = np.concatenate([visits.customer[lines.visit], returned.customer])[order]
    is_guest = np.concatenate([visits.is_guest[lines.visit], returned.is_guest])[order]
    minute = np.concatenate([visits.minute[lines.visit], returned.minute])[order]
    good = np.concatenate([lines.good, returned.good])[order]
    clean = Receipts(
        invoice=invoice[order],
        is_return=order >= len(lines),
        minute=minute,
        customer=np.where(is_guest, -1, person),
        country=customers.country[person],
        good=good,
        generation=(minute // (24 * 60) >= goods.renamed[good]).astype(np.int64),
        spelling=np.concatenate([spelling, none])[order],
        quantity=np.concatenate([lines.quantity, -returned.quantity])[order],
        cents=np.concatenate([lines.cents, returned.cents])[order],
        fate=np.concatenate([fate, none + CLEAN])[order],
    )
    return _spoil(clean), of_visit, of_return


def _fates(parameters: Parameters, stream: States) -> tuple[Integers, Integers]:
    """What follows each line (nothing, itself again, a spoilt copy), and how its good is spelt."""
    u = uniform(stream, _FATE)
    twice = parameters.duplicate_share
    dirty = twice + parameters.dirty_share
    misspelt = dirty + parameters.misspelt_share
    fate = np.full(len(stream), CLEAN)
    fate[u < twice] = DUPLICATE
    spoilt = np.flatnonzero((u >= twice) & (u < dirty))
    fate[spoilt] = integer(stream[spoilt], len(DIRT), _KIND)
    spelling = np.zeros(len(stream), dtype=np.int64)
    wrong = np.flatnonzero((u >= dirty) & (u < misspelt))
    spelling[wrong] = 1 + integer(stream[wrong], 3, _KIND)
    return fate, spelling


def _spoil(clean: Receipts) -> Receipts:
    """Put after each row what its fate says: the row itself again, or a copy that cannot be read.

    Dirt is added, never put in a sale's place: what a reader accepts is exactly what was sold.
    """
    times = 1 + (clean.fate != CLEAN)
    which = np.repeat(np.arange(len(clean)), times)
    is_added = np.zeros(len(which), dtype=np.bool_)
    is_added[np.cumsum(times)[times == 2] - 1] = True
    return Receipts(
        clean.invoice[which],
        clean.is_return[which],
        clean.minute[which],
        clean.customer[which],
        clean.country[which],
        clean.good[which],
        clean.generation[which],
        clean.spelling[which],
        clean.quantity[which],
        clean.cents[which],
        np.where(is_added, clean.fate[which], CLEAN),
    )
