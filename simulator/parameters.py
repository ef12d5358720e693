"""Every constant of the simulated shop, once, and the presets that vary them.

Rates are a month of 30.4375 days, money is in the shop's currency, shares and probabilities lie in 0 .. 1.
"""

from dataclasses import dataclass, replace

DAYS_A_MONTH = 30.4375

FLAT = (0.125,) * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A kind of customer: means, around which each customer has rates of its own.

    Attributes:
        name: As the truth tables call it.
        share: Share of all customers.
        orders_a_month: Visits a month, over the year.
        dropout_a_month: Rate of leaving for ever.
        basket_units: Units a visit.
        taste: Mean share of each category in the basket. The first four categories are alike in every
            segment, so pairs across them are independent whatever the mix of customers.
        peak: How many times as often they come in November and December as in other months; the year's
            mean stays `orders_a_month`.
    """

    name: str
    share: float
    orders_a_month: float
    dropout_a_month: float
    basket_units: float
    taste: tuple[float, ...] = FLAT
    peak: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyTillYouDie:
    """The population of the BG/NBD model (Fader, Hardie and Lee 2005).

    Orders are Poisson with rates Gamma(r, alpha) a week, and after each order but the first a customer
    leaves with a probability that is Beta(a, b) across customers.
    """

    r: float
    alpha_weeks: float
    a: float
    b: float


SEGMENTS = (
    Segment(
        name="loyal",
        share=0.12,
        orders_a_month=2.2,
        dropout_a_month=0.015,
        basket_units=14,
        taste=(*FLAT[:4], 0.20, 0.15, 0.10, 0.05),
    ),
    Segment(
        name="regular",
        share=0.28,
        orders_a_month=0.9,
        dropout_a_month=0.04,
        basket_units=8,
        taste=(*FLAT[:4], 0.15, 0.20, 0.05, 0.10),
    ),
    Segment(
        name="occasional",
        share=0.30,
        orders_a_month=0.35,
        dropout_a_month=0.06,
        basket_units=4,
        taste=(*FLAT[:4], 0.10, 0.05, 0.20, 0.15),
    ),
    Segment(
        name="seasonal",
        share=0.12,
        orders_a_month=0.35,
        dropout_a_month=0.03,
        basket_units=10,
        taste=(*FLAT[:4], 0.05, 0.10, 0.10, 0.25),
        peak=25,
    ),
    Segment(name="one-off", share=0.18, orders_a_month=0.10, dropout_a_month=0.15, basket_units=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What customers write of what they bought, and what is planted in it.

    Opinions are in standard deviations of one customer's from another's of the same good and topic.
    """

    delay_shape: int = 2  # from buying to writing
    delay_days: float = 9
    verified_share: float = 0.95

    # Words.
    common_topics: int = 4  # of every category, beside one that is each category's own
    topic_words: int = 200
    shared_words: int = 40  # of the next topic's, the rarest of a topic
    common_words: int = 600
    zipf: float = 0.6
    small_share: float = 0.45  # of words
    topic_share: float = 0.40
    sentences: float = 5  # mean of a geometric number
    most_sentences: int = 15
    sentence_words: tuple[int, int] = (6, 14)
    keeps_to_topic: float = 0.85  # of sentences, that keep to the leading topic of the review
    says_so: float = 0.7  # of sentences, that praise or blame
    negated: float = 0.08  # of those, by "not" and the opposite
    stressed: float = 0.2
    praise: float = 0.8  # log odds that a sentence praises, of one who thinks the average of the good
    candour: float = 2.0  # by how much these rise with the opinion

    # Shares of the topics.
    own_topic: float = 0.4  # of the category's own topic
    drifting_topic: int = 0
    drift: float = 4.0  # its weight after `drift_months`, in multiples of that at first
    drift_months: int = 24
    jumping_topic: int = 1
    jump: float = 4.0
    jump_month: int = 12

    # Opinions and stars.
    topic_spread: float = 0.3
    good_spread: float = 0.5
    rating_noise: float = 0.4
    stars: tuple[float, ...] = (-2.1, -1.5, -0.9, 0.0)  # opinions from which on a rating has one star more
    soured_share: float = 0.25  # of the best selling goods, which are spoilt one day
    soured_ranks: int = 3
    soured_months: tuple[int, int] = (8, 20)
    soured_by: float = 1.6
    soured_topic: int | None = 2
    soured_topic_month: int = 16
    soured_topic_by: float = 1.2

    # Campaigns.
    days_a_campaign: int = 45
    campaign_reviews: tuple[int, int] = (12, 40)
    smear_share: float = 0.3  # of campaigns, that give one star
    campaign_templates: int = 3
    campaign_changed: float = 0.05  # of the words of a copied text
    campaign_days: int = 6  # over which copies are spread that do not come in one hour

    # Votes.
    votes: float = 2.0  # mean of all who voted, for a review of 50 words
    votes_by_length: float = 0.6  # log odds of a helpful vote, for each unit of the log of the words
    votes_by_stars: float = 0.25

    # Dirt.
    duplicate_share: float = 0.01
    dirty_share: float = 0.004
    empty_share: float = 0.005
    foreign_share: float = 0.01
    marked_up_share: float = 0.02
    emoji_share: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A shop: its customers, goods, prices, supply, mishaps and reviews."""

    # Customers.
    segments: tuple[Segment, ...] = SEGMENTS
    customer_shape: int = 2  # Gamma shape of a customer's rates around those of the segment
    share_before: float = 0.30  # of customers, who began before the first day
    arrival_months: float = 27  # the others arrive at a rate that makes up the number in so many months
    oldest_days: int = 3650  # nobody began earlier than this before the first day
    buy_till_you_die: BuyTillYouDie | None = None
    is_every_visit_an_order: bool = False
    guest_share: float = 0.25  # of orders
    home_share: float = 0.90  # of customers, in the United Kingdom

    # Days.
    season_amplitude: float = 0.35
    season_top: tuple[int, int] = (11, 30)
    weekdays: tuple[float, ...] = (0.95, 1.05, 1.00, 1.15, 0.90, 0.0, 0.60)  # Monday first
    is_closed_on_holidays: bool = True
    trend_a_year: float = 0.06

    # Baskets.
    basket_spread: float = 0.5  # standard deviation of the log of customers' basket scales
    visit_shape: int = 2  # Gamma shape of a visit's scale around its customer's
    taste_concentration: float = 20
    bundle_pairs: int = 20
    bundle_triples: int = 5
    bundle_probabilities: tuple[float, ...] = (0.1, 0.2, 0.4)
    bundle_ranks: int = 12  # bundles are made of the best selling goods of each category
    judged_count: float = 30  # pairs expected this often are judged

    # Goods.
    goods: int = 300
    categories: int = 8
    zipf: float = 0.9
    category_amplitude: tuple[float, float] = (0.1, 0.6)
    shock_spread: float = 0.15  # standard deviation of the log of a good's demand, month by month
    renamed_share: float = 0.05  # of goods, which take another name one day
    misspelt_share: float = 0.01  # of lines

    # Prices.
    base_price: tuple[float, float] = (1.0, 0.7)  # mean and standard deviation of the log
    steps_a_year: float = 3
    step: tuple[float, float] = (0.03, 0.08)
    share_of_rises: float = 2 / 3
    promotion_share: float = 0.20  # of product-months
    promotion_days: tuple[int, int] = (7, 14)
    promotion_depth: tuple[float, float] = (0.1, 0.3)
    is_promotion_led_by_demand: bool = False
    wholesale_units: int = 24  # in the whole basket
    wholesale_discount: float = 0.08
    elasticity: float = -1.8
    elasticity_of_categories: float = 0.5  # standard deviations
    elasticity_of_goods: float = 0.4
    elasticity_bounds: tuple[float, float] = (-4.0, -0.2)
    cost_share: tuple[float, float] = (0.45, 0.65)

    # Supply.
    launches_a_month: int = 2
    delistings_a_month: float = 0.5
    stockout_share: float = 0.03  # of product-weeks
    stockout_days: tuple[int, int] = (2, 7)
    lead_days: float = 10
    lead_shape: int = 4

    # Returns.
    return_share: tuple[float, float] = (0.01, 0.08)
    return_shape: int = 2
    return_scale_days: float = 7
    unmatched_share: float = 0.02  # of returns
    giant_months: tuple[tuple[int, int], ...] = (
        (0, 5),
        (6, 17),
    )  # one giant order within each, ends included
    giant_units: tuple[int, int] = (20_000, 80_000)

    # Anomalies.
    days_an_anomaly: int = 45
    anomaly_sigmas: tuple[float, float] = (4.0, 8.0)
    anomaly_days: tuple[int, int] = (1, 3)
    share_of_falls: float = 0.3
    good_anomalies: float = 0.01  # of product-months
    good_anomaly_factor: tuple[float, float] = (3.0, 6.0)
    missing_day_months: tuple[int, int] | None = (3, 11)  # one day within these, ends included

    # Dirt.
    duplicate_share: float = 0.01  # of lines
    dirty_share: float = 0.001  # of lines, all kinds together

    # Numbers on the receipts.
    first_invoice: int = 100_001
    first_customer: int = 12_001
    first_code: int = 10_000

    writing: Writing = Writing()


DEFAULT = Parameters()

# The rates of any two segments are three standard deviations of a customer within its segment apart or more, and
# so are their baskets, both in logs, where Gamma(20) has 0.2264 and a basket here 0.2. How high they are, how far
# baskets spread and which basket goes with which rate is a choice: so, no two segments are neighbours in both.
_EASY = tuple(
    replace(segment, orders_a_month=orders, basket_units=units)
    for segment, orders, units in zip(
        SEGMENTS, (4.0, 2.027, 1.027, 0.5206, 0.2639), (9.97, 33.11, 5.47, 18.17, 3.0), strict=True
    )
)

_ALIKE = Segment(name="alike", share=1.0, orders_a_month=0.9, dropout_a_month=0.0, basket_units=8)

PRESETS = {
    "default": DEFAULT,
    "easy": replace(DEFAULT, segments=_EASY, customer_shape=20, visit_shape=20, basket_spread=0.2),
    "null": replace(
        DEFAULT,
        segments=(_ALIKE,),
        bundle_pairs=0,
        bundle_triples=0,
        elasticity=0.0,
        elasticity_of_categories=0.0,
        elasticity_of_goods=0.0,
        elasticity_bounds=(0.0, 0.0),
        days_an_anomaly=0,
        good_anomalies=0.0,
        missing_day_months=None,
        giant_months=(),
        writing=Writing(
            drift=1.0,
            jump=1.0,
            topic_spread=0.0,
            good_spread=0.0,
            soured_share=0.0,
            soured_topic=None,
            days_a_campaign=0,
            votes_by_length=0.0,
            votes_by_stars=0.0,
        ),
    ),
    "endogenous": replace(DEFAULT, is_promotion_led_by_demand=True, shock_spread=0.3),
    "bgnbd": replace(
        DEFAULT,
        segments=(_ALIKE,),
        buy_till_you_die=BuyTillYouDie(r=0.243, alpha_weeks=4.414, a=0.793, b=2.426),
        is_every_visit_an_order=True,
        share_before=0.0,
        season_amplitude=0.0,
        weekdays=(1.0,) * 7,
        is_closed_on_holidays=False,
        trend_a_year=0.0,
        days_an_anomaly=0,
        missing_day_months=None,
        giant_months=(),
    ),
}
