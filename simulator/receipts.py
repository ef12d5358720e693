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
from simulator.streams import integer, uniform
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

SPELLINGS = 4  # the right one first

_DAY = 24 * 60
_FATE, _KIND = 0, 1


@dataclass(frozen=True, slots=True)
class Receipts:
    """A month's invoices in order of time, and the rows of its file in order of invoice.

    One element an invoice:

    Attributes:
        first_invoice: Number of the first; the others follow without a gap.
        is_return: Whether a C stands before the number.
        minute: Since the beginning of day 0.
        customer: Number of the customer, -1 for a guest.
        country: Index into customers.COUNTRIES.
        receipt: One element a row, as all that follow: place of its invoice.
        good: What.
        naming: Which of the good's texts is printed: see text.NAMINGS.
        quantity: Negative on returns.
        cents: Price of one.
        fate: CLEAN, DUPLICATE of the row before, or the kind of dirt (index into DIRT).
    """

    first_invoice: int
    is_return: npt.NDArray[np.bool_]
    minute: Integers
    customer: Integers
    country: Integers
    receipt: Integers
    good: Integers
    naming: Integers
    quantity: Integers
    cents: Integers
    fate: Integers

    def __len__(self) -> int:
        return len(self.receipt)


def ring_up(
    parameters: Parameters,
    customers: Customers,
    goods: Goods,
    visits: Visits,
    lines: Lines,
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
        returned: What comes back in the month.
        first_invoice: The first number to give.

    Returns:
        The rows; the invoice of each visit (0 without one); the invoice of each return.
    """
    orders = np.flatnonzero(np.bincount(lines.visit, minlength=len(visits)) > 0)
    minute = np.concatenate([visits.minute[orders], returned.minute])
    in_time = np.argsort(minute, kind="stable")
    place = np.empty(len(in_time), dtype=np.int32)
    place[in_time] = np.arange(len(in_time), dtype=np.int32)
    place_of_visit = np.full(len(visits), -1, dtype=np.int32)
    place_of_visit[orders] = place[: len(orders)]
    person = np.concatenate([visits.customer[orders], returned.customer])[in_time]
    is_guest = np.concatenate([visits.is_guest[orders], returned.is_guest])[in_time]

    receipt = np.concatenate([place_of_visit[lines.visit], place[len(orders) :]])
    fate, spelling = _fates(parameters, visits, lines)
    none = np.zeros(len(returned), dtype=np.int8)
    fate = np.concatenate([fate, none + np.int8(CLEAN)])
    row, is_added = _with_followers(np.argsort(receipt, kind="stable"), fate)
    receipt = receipt[row]
    good = np.concatenate([lines.good, returned.good.astype(np.int16)])[row]
    minute = minute[in_time]
    is_renamed = (minute // _DAY)[receipt] >= goods.renamed[good]
    rows = Receipts(
        first_invoice=first_invoice,
        is_return=in_time >= len(orders),
        minute=minute,
        customer=np.where(is_guest, -1, person),
        country=customers.country[person],
        receipt=receipt,
        good=good,
        naming=np.concatenate([spelling, none])[row] + SPELLINGS * is_renamed.astype(np.int8),
        quantity=np.concatenate([lines.quantity, -returned.quantity.astype(np.int32)])[row],
        cents=np.concatenate([lines.cents, returned.cents.astype(np.int32)])[row],
        fate=np.where(is_added, fate[row], np.int8(CLEAN)),
    )
    of_visit = np.where(place_of_visit >= 0, first_invoice + place_of_visit.astype(np.int64), 0)
    return rows, of_visit, first_invoice + place[len(orders) :].astype(np.int64)


def _fates(parameters: Parameters, visits: Visits, lines: Lines) -> tuple[Integers, Integers]:
    """What follows each line (nothing, itself again, a spoilt copy), and how its good is spelt."""
    twice = parameters.duplicate_share
    dirty = twice + parameters.dirty_share
    misspelt = dirty + parameters.misspelt_share
    fate = np.full(len(lines), CLEAN, dtype=np.int8)
    spelling = np.zeros(len(lines), dtype=np.int8)
    for some in lines.pieces():
        stream = lines.take(some).streams(visits)
        u = uniform(stream, _FATE)
        fate[some][u < twice] = DUPLICATE
        spoilt = np.flatnonzero((u >= twice) & (u < dirty))
        fate[some][spoilt] = integer(stream[spoilt], len(DIRT), _KIND)
        wrong = np.flatnonzero((u >= dirty) & (u < misspelt))
        spelling[some][wrong] = 1 + integer(stream[wrong], SPELLINGS - 1, _KIND)
    return fate, spelling


def _with_followers(order: Integers, fate: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Rows in order, each followed by what its fate says: itself again, or a copy that cannot be read.

    Dirt is added, never put in a sale's place: what a reader accepts is exactly what was sold.
    """
    times = 1 + (fate[order] != CLEAN)
    is_added = np.zeros(int(times.sum()), dtype=np.bool_)
    is_added[np.cumsum(times)[times == 2] - 1] = True
    return np.repeat(order, times), is_added
