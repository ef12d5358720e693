"""What the shop sells: goods, their prices and what is on the shelf, day by day.

A good's number is its place in order of launch. Everything of a good is drawn from streams of its own;
only its list price is carried from month to month. What customers do with it belongs elsewhere.

Prices are whole cents. `weight` of a good on a day is its share of the units that a customer of pure
taste for its category takes there: zipf share x season x price response x the month's shock x on sale.
"""

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import numpy.typing as npt

from simulator import exact
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.parameters import Parameters
from simulator.streams import branch, erlang, integer, normal, streams, uniform

NEVER = 1 << 40

_CATEGORIES = (
    ("kitchen", ("MUG", "TEAPOT", "CAKE STAND", "EGG CUP", "JUG", "TRAY", "BREAD BIN", "CAKE TIN")),
    (
        "party",
        ("BUNTING", "PAPER CUPS SET OF 20", "NAPKINS", "BALLOONS", "CANDLES", "LANTERN", "GARLAND", "SASH"),
    ),
    (
        "garden",
        ("PLANT POT", "WATERING CAN", "BIRD FEEDER", "KNEELER", "TROWEL", "WIND CHIME", "DOORMAT", "HOOK"),
    ),
    (
        "stationery",
        ("NOTEBOOK", "PENCIL CASE", "GIFT WRAP", "CARD", "STICKERS", "RULER", "ERASER", "CALENDAR"),
    ),
    ("toys", ("JIGSAW", "SKIPPING ROPE", "DOLL", "TRAIN", "KITE", "DOMINOES", "SPINNING TOP", "MONEY BOX")),
    (
        "textiles",
        ("CUSHION", "TEA TOWEL", "APRON", "THROW", "OVEN GLOVE", "BLANKET", "RUG", "HOT WATER BOTTLE"),
    ),
    (
        "decoration",
        ("WALL CLOCK", "PHOTO FRAME", "MIRROR", "WREATH", "BAUBLE", "HEART", "SIGN", "NIGHT LIGHT"),
    ),
    ("bags", ("LUNCH BAG", "JUMBO BAG", "SHOPPER", "PURSE", "SUITCASE", "WASH BAG", "RUCKSACK", "KEY RING")),
)
_STYLES = (
    "RED RETROSPOT",
    "BLUE POLKADOT",
    "VINTAGE ROSE",
    "WHITE ENAMEL",
    "IVORY LACE",
    "PINK PAISLEY",
    "GREEN GINGHAM",
    "BLACK BAROQUE",
    "SILVER STAR",
    "STRAWBERRY",
    "WOODLAND",
    "NORDIC",
    "ANTIQUE",
    "RUSTIC, ZINC",
    "SET OF 3",
    '10" ROUND',
    "£1 CLUB",
    "SPACEBOY",
    "DOLLY GIRL",
    "TOADSTOOL",
)
# A step through the codes that shares no factor with their number: neighbours by launch are none by code.
_CODES = 89_989
_CODE_STEP = 7_919


@dataclass(frozen=True, slots=True)
class Goods:
    """What does not change of a good; one element a good, in order of launch.

    Attributes:
        category: Index of its category.
        share: Its share of its category's units, by zipf's law over the category's first goods.
        base_cents: Price at launch, to which the elasticity refers.
        cost_cents: What the shop pays.
        elasticity: Relative change of units for a relative change of price.
        launched: First day on sale; 0 for those sold from the beginning.
        renamed: Day from which it bears its second name.
        lead_days: Mean days from ordering it to having it.
    """

    category: Integers
    share: Floats
    base_cents: Integers
    cost_cents: Integers
    elasticity: Floats
    launched: Integers
    renamed: Integers
    lead_days: Floats

    def __len__(self) -> int:
        return len(self.category)

    def and_then(self, others: "Goods") -> "Goods":
        """These and the others, one after the other."""
        return Goods(
            *(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self))
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """A month of all goods launched by its end: arrays of days x goods, unless said otherwise.

    Attributes:
        cents: Price of one, promotions included.
        is_promoted: Whether a promotion runs.
        depth: What the promotion takes off, if there is one; one a good.
        weight: Units relative to the category's, as sold.
        usual_weight: The same without stock-outs and the goods' own anomalies.
        factor: What an anomaly of the good multiplies its demand with; 1 where there is none.
        is_out: Whether it is out of stock.
        is_listed: Whether it is launched and not delisted.
        closing_cents: List price at the end of the month, one a good.
    """

    cents: Integers
    is_promoted: npt.NDArray[np.bool_]
    depth: Floats
    weight: Floats
    usual_weight: Floats
    factor: Floats
    is_out: npt.NDArray[np.bool_]
    is_listed: npt.NDArray[np.bool_]
    closing_cents: Integers


def category_name(category: int) -> str:
    """What a category is called."""
    return _CATEGORIES[category][0]


def stock_codes(parameters: Parameters, numbers: Integers) -> list[str]:
    """Five digits, in no order."""
    return [str(parameters.first_code + int(number) * _CODE_STEP % _CODES) for number in numbers]


def names(category: Integers, generation: int) -> list[str]:
    """Names of goods, in order of launch; `generation` 1 is what renamed goods are called then."""
    result = []
    so_far = [0] * len(_CATEGORIES)
    for kind in category.tolist():
        nouns = _CATEGORIES[kind][1]
        within = so_far[kind]
        so_far[kind] += 1
        style = _STYLES[within % len(_STYLES)]
        noun = nouns[(within // len(_STYLES) + within) % len(nouns)]
        series = within // (len(_STYLES) * len(nouns))
        name = f"{style} {noun}" + (f" NO {series + 1}" if series else "")
        result.append(f"{noun} {style} NEW" if generation else name)
    return result


def first_goods(parameters: Parameters, seed: int) -> Goods:
    """Those sold from the first day, the same number in every category or one more."""
    numbers = np.arange(parameters.goods)
    category = numbers % parameters.categories
    rank = numbers // parameters.categories
    return _draw(parameters, seed, numbers, category, rank, np.zeros(len(numbers), dtype=np.int64))


def launches(parameters: Parameters, seed: int, month: Month) -> Goods:
    """Those launched in the month; they join the slower half of their category."""
    count = parameters.launches_a_month
    numbers = parameters.goods + month.index * count + np.arange(count)
    stream = streams(seed, "launch", numbers)
    ranks = max(parameters.goods // parameters.categories, 1)
    return _draw(
        parameters,
        seed,
        numbers,
        integer(stream, parameters.categories, 0),
        ranks // 2 + integer(stream, ranks - ranks // 2, 1),
        month.start + integer(stream, month.days, 2),
    )


def _draw(
    parameters: Parameters,
    seed: int,
    numbers: Integers,
    category: Integers,
    rank: Integers,
    launched: Integers,
) -> Goods:
    per_category = np.bincount(
        np.arange(parameters.goods) % parameters.categories, minlength=parameters.categories
    )
    zipf = exact.power(np.arange(1, per_category.max() + 1), -parameters.zipf)
    whole = exact.running(zipf)[per_category]
    mean, spread = parameters.base_price
    base = np.maximum(
        _between_cents(exact.exp(mean + spread * normal(streams(seed, "base price", numbers)))), 5
    )
    low, high = parameters.cost_share
    cost = base * (low + (high - low) * uniform(streams(seed, "cost", numbers)))
    of_category = parameters.elasticity_of_categories * normal(
        streams(seed, "elasticity of category", category)
    )
    of_good = parameters.elasticity_of_goods * normal(streams(seed, "elasticity", numbers))
    rename = streams(seed, "rename", numbers)
    return Goods(
        category=category,
        share=zipf[rank] / whole[category],
        base_cents=base,
        cost_cents=np.floor(cost + 0.5).astype(np.int64),
        elasticity=np.clip(parameters.elasticity + of_category + of_good, *parameters.elasticity_bounds),
        launched=launched,
        renamed=np.where(
            uniform(rename) < parameters.renamed_share, launched + 60 + integer(rename, 400, 1), NEVER
        ),
        lead_days=parameters.lead_days * erlang(streams(seed, "lead", numbers), parameters.lead_shape),
    )


def _between_cents(price: Floats) -> Integers:
    return np.floor(price * 100 + 0.5).astype(np.int64)


def delisting(
    parameters: Parameters, seed: int, month: Month, lasting: Integers, delisted: Integers
) -> Integers:
    """The last days of goods, with the one that the month takes off sale, if it does.

    Args:
        parameters: The shop's.
        seed: The shop's.
        month: When.
        lasting: Goods that are never taken off.
        delisted: First day off sale of each good, NEVER if none; goods launched this month included.
    """
    stream = streams(seed, "delisting", month.index)
    candidates = np.setdiff1d(np.flatnonzero(delisted == NEVER), lasting)
    # Those launched in the month itself stay: they are the last in number.
    candidates = candidates[candidates < parameters.goods + month.index * parameters.launches_a_month]
    result = delisted.copy()
    if len(candidates) and uniform(stream)[0] < parameters.delistings_a_month:
        gone = candidates[integer(stream, len(candidates), 1)[0]]
        result[gone] = month.start + integer(stream, month.days, 2)[0]
    return result


def shelf(
    parameters: Parameters,
    seed: int,
    first_day: date,
    month: Month,
    goods: Goods,
    list_cents: Integers,
    delisted: Integers,
) -> Shelf:
    """Prices and weights of the month.

    Args:
        parameters: The shop's.
        seed: The shop's.
        first_day: Day 0.
        month: When.
        goods: All goods launched by the end of the month.
        list_cents: Their list prices at its beginning.
        delisted: First day off sale of each.
    """
    numbers = np.arange(len(goods))
    day = np.arange(month.start, month.stop)[:, None]
    shock = normal(streams(seed, "shock", numbers, month.index))
    opening, closing, step_day = _steps(parameters, seed, month, list_cents)
    listed_cents = np.where(day < step_day, opening, closing)
    is_promoted, depth = _promotions(parameters, seed, month, numbers, shock)
    promoted = np.floor(listed_cents * (1 - depth) + 0.5).astype(np.int64)
    cents = np.maximum(np.where(is_promoted, promoted, listed_cents), 1)

    response = exact.power(cents / goods.base_cents, goods.elasticity)
    spread = parameters.shock_spread
    usual = goods.share * _season(parameters, seed, first_day, month, goods.category) * response
    usual = usual * exact.exp(spread * shock - spread * spread / 2)
    is_listed = (day >= goods.launched) & (day < delisted)
    usual = np.where(is_listed, usual, 0.0)
    factor = _anomalies(parameters, seed, month, numbers)
    is_out = out_of_stock(parameters, seed, month, numbers) & is_listed
    return Shelf(
        cents=cents,
        is_promoted=is_promoted & is_listed,
        depth=depth,
        weight=np.where(is_out, 0.0, usual * factor),
        usual_weight=usual,
        factor=np.where(is_listed, factor, 1.0),
        is_out=is_out,
        is_listed=is_listed,
        closing_cents=closing,
    )


def _steps(
    parameters: Parameters, seed: int, month: Month, list_cents: Integers
) -> tuple[Integers, Integers, Integers]:
    """List prices before and after the month's step, and the day of it; at most one a month and good."""
    stream = streams(seed, "step", np.arange(len(list_cents)), month.index)
    low, high = parameters.step
    size = low + (high - low) * uniform(stream, 1)
    sign = np.where(uniform(stream, 2) < parameters.share_of_rises, 1, -1)
    stepped = np.maximum(np.floor(list_cents * (1 + sign * size) + 0.5).astype(np.int64), 5)
    closing = np.where(uniform(stream) < parameters.steps_a_year / 12, stepped, list_cents)
    return list_cents, closing, month.start + integer(stream, month.days, 3)


def _promotions(
    parameters: Parameters, seed: int, month: Month, numbers: Integers, shock: Floats
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Whether a promotion runs (days x goods), and its depth (goods); it lies within its month."""
    stream = streams(seed, "promotion", numbers, month.index)
    if parameters.is_promotion_led_by_demand:
        has_one = shock > exact.normal_quantile(1 - parameters.promotion_share)
    else:
        has_one = uniform(stream) < parameters.promotion_share
    shortest, longest = parameters.promotion_days
    length = shortest + integer(stream, longest - shortest + 1, 1)
    begins = month.start + integer(stream, month.days - length + 1, 2)
    low, high = parameters.promotion_depth
    depth = low + (high - low) * uniform(stream, 3)
    day = np.arange(month.start, month.stop)[:, None]
    return has_one & (day >= begins) & (day < begins + length), depth


def _season(parameters: Parameters, seed: int, first_day: date, month: Month, category: Integers) -> Floats:
    """The season of each good (days x goods): its category's, of mean 1 over the year."""
    kinds = np.arange(parameters.categories)
    stream = streams(seed, "category season", kinds)
    low, high = parameters.category_amplitude
    amplitude = low + (high - low) * uniform(stream)
    top = uniform(stream, 1)
    since = ((first_day - date(2000, 1, 1)).days + np.arange(month.start, month.stop))[:, None] / 365.2425
    return (1 + amplitude * exact.cosine(since - top))[:, category]


def _anomalies(parameters: Parameters, seed: int, month: Month, numbers: Integers) -> Floats:
    """What anomalies of single goods multiply their demand with (days x goods)."""
    stream = streams(seed, "good anomaly", numbers, month.index)
    shortest, longest = parameters.anomaly_days
    length = shortest + integer(stream, longest - shortest + 1, 1)
    begins = month.start + integer(stream, month.days - length + 1, 2)
    low, high = parameters.good_anomaly_factor
    height = low + (high - low) * uniform(stream, 3)
    day = np.arange(month.start, month.stop)[:, None]
    hit = (uniform(stream) < parameters.good_anomalies) & (day >= begins) & (day < begins + length)
    return np.where(hit, height, 1.0)


def out_of_stock(parameters: Parameters, seed: int, month: Month, numbers: Integers) -> npt.NDArray[np.bool_]:
    """Whether each good is out of stock (days x goods); at most once a week, weeks counted from day 0."""
    weeks = np.arange(month.start // 7, (month.stop - 1) // 7 + 1)
    stream = branch(streams(seed, "stock-out", numbers)[None, :], weeks[:, None])
    shortest, longest = parameters.stockout_days
    length = shortest + integer(stream, longest - shortest + 1, 1)
    begins = weeks[:, None] * 7 + integer(stream, 8 - length, 2)
    hit = uniform(stream) < parameters.stockout_share
    day = np.arange(month.start, month.stop)
    of_day = (hit & (day[:, None, None] >= begins) & (day[:, None, None] < begins + length))[
        np.arange(len(day)), day // 7 - weeks[0]
    ]
    return np.asarray(of_day)
