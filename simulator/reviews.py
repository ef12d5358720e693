"""Reviews: who writes of what, when, how many stars, and what is planted among them.

A customer who bought a good may write of it some days later. What the good and the topic are thought of, how the
shares of the topics move, which goods turn sour and when: drawn here, from the streams of what they are of. So are
campaigns: many reviews of one good by accounts that bought nothing, in one hour, or as copies of a few texts, or both.
The words are made in words.py.

What waits to be written is all that a month hands on to the next.
"""

from dataclasses import dataclass, field, fields
from datetime import date

import numpy as np
import numpy.typing as npt

from simulator import exact, words
from simulator.days import Month
from simulator.exact import Floats, Integers
from simulator.parameters import Parameters
from simulator.receipts import CLEAN
from simulator.shop import MonthOfShop
from simulator.streams import States, branch, erlang, integer, normal, poisson, streams, uniform
from simulator.words import Flags, Language, Texts

HONEST = -1  # in place of the number of a campaign
KINDS = ("plain", "no_text", "one_word", "foreign", "marked_up", "emoji")
DIRT = (
    "rating_0",
    "rating_6",
    "rating_between",
    "rating_in_words",
    "year_1970",
    "text_date",
    "empty_product",
    "unknown_verified",
)
CLEAN_ROW, DUPLICATE = -1, -2
FIRST_ACCOUNT = 50_000_000  # of campaigns: far from the numbers of customers

_DAY = 24 * 60
_HOUR = 60
_GIANT = 10_000  # units that nobody writes of

# Numbers of the draws of a line's stream, and of a review's.
_WRITES, _DELAY = 0, 1
_VERIFIED, _TOPIC, _KIND, _FATE, _DIRT, _VOTES, _HELPFUL = 10, 11, 12, 13, 14, 15, 32
_OPINION, _STARS = -1_001, -1_002  # branches; those of sentences count from 1


@dataclass(frozen=True, slots=True)
class Written:
    """Who writes of what and when; one element a review.

    Attributes:
        stream: Its random stream.
        voice: The stream of its text.
        minute: Since the beginning of day 0.
        customer: Number of the customer, from FIRST_ACCOUNT on that of an account of a campaign.
        good: What of.
        campaign: Number of its campaign, HONEST if it is of none.
        stars: What the campaign gives; 0 for a rating of one's own.
        changed: Share of the words that it has not in common with its voice.
    """

    stream: States
    voice: States
    minute: Integers
    customer: Integers
    good: Integers
    campaign: Integers
    stars: Integers
    changed: Floats

    def __len__(self) -> int:
        return len(self.minute)

    def take(self, which: Integers | Flags) -> "Written":
        """These alone."""
        return Written(*(getattr(self, each.name)[which] for each in fields(self)))

    def and_then(self, others: "Written") -> "Written":
        """These and the others, one after the other."""
        return Written(
            *(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self))
        )


@dataclass(frozen=True, slots=True)
class Campaigns:
    """What is planted; one element a campaign.

    Attributes:
        number: Of the campaign.
        good: What of.
        starts: First minute.
        reviews: How many.
        stars: What they give.
        is_burst: Whether all come within an hour.
        is_copied: Whether their texts are copies.
    """

    number: Integers
    good: Integers
    starts: Integers
    reviews: Integers
    stars: Integers
    is_burst: Flags
    is_copied: Flags


@dataclass(frozen=True, slots=True)
class MonthOfReviews:
    """The reviews of a month in order of time, and what stands behind them; one element a review.

    Attributes:
        month: When.
        written: Who, what of, when.
        first: Number of the first; the others follow without a gap.
        topic: The leading one.
        opinion: What the writer thinks, in standard deviations.
        rating: Stars.
        texts: What is written.
        kind: Index into KINDS.
        votes: All who voted.
        helpful: Those who found it helpful.
        is_verified: Whether it is said to be by somebody who bought the good.
        fate: CLEAN_ROW, DUPLICATE, or index into DIRT: what follows the row.
        mix: Share of each topic in the month, categories x topics.
        good_opinion: What is thought of each good in the month.
        topic_opinion: Of each topic.
        campaigns: Those that begin within the month.
    """

    month: Month
    written: Written
    first: int
    topic: Integers
    opinion: Floats
    rating: Integers
    texts: Texts
    kind: Integers
    votes: Integers
    helpful: Integers
    is_verified: Flags
    fate: Integers
    mix: Floats
    good_opinion: Floats
    topic_opinion: Floats
    campaigns: Campaigns


@dataclass(slots=True)
class Desk:
    """Where the reviews of a shop come in, month after month.

    Attributes:
        parameters: The shop's.
        seed: The shop's.
        first_day: Day 0.
        share: Of the lines of known customers, that are written of.
    """

    parameters: Parameters
    seed: int
    first_day: date
    share: float
    tongue: Language = field(init=False)
    _waiting: Written = field(init=False)
    _next: int = 1

    def __post_init__(self) -> None:
        self.tongue = words.language(self.parameters.writing, self.topics)
        self._waiting = _none()

    @property
    def topics(self) -> int:
        """How many topics there are."""
        return self.parameters.writing.common_topics + self.parameters.categories

    def of_month(self, made: MonthOfShop) -> MonthOfReviews:
        """The reviews of the next month."""
        month, how = made.month, self.parameters.writing
        campaigns = planted(self.parameters, self.seed, month)
        all_that_wait = self._waiting.and_then(self._of_lines(made)).and_then(self._of_campaigns(campaigns))
        is_due = all_that_wait.minute < month.stop * _DAY
        self._waiting = all_that_wait.take(~is_due)
        due = all_that_wait.take(is_due)
        due = due.take(np.lexsort((due.stream, due.minute)))
        first, self._next = self._next, self._next + len(due)

        mix = shares(self.parameters, self.seed, month)
        of_goods = goods_opinion(self.parameters, self.seed, np.arange(len(made.goods)), month)
        of_topics = topics_opinion(self.parameters, self.seed, self.topics, month)
        category = made.goods.category[due.good]
        reached = exact.running(mix)[:, 1:]
        topic = (uniform(due.voice, _TOPIC)[:, None] * reached[category, -1:] > reached[category]).sum(axis=1)
        opinion = of_goods[due.good] + of_topics[topic] + normal(branch(due.stream, _OPINION))
        noise = how.rating_noise * normal(branch(due.stream, _STARS))
        rating = 1 + ((opinion + noise)[:, None] > np.array(how.stars)).sum(axis=1)
        rating = np.where(due.stars > 0, due.stars, rating)
        # Who is paid to write thinks as the stars say.
        opinion = np.where(due.stars > 0, np.where(due.stars > 3, 3.0, -3.0), opinion)
        kind = _kinds(self.parameters, due)
        texts = words.write(
            self.tongue,
            how,
            due.voice,
            due.stream,
            topic=topic,
            mix=mix[category],
            opinion=opinion,
            changed=due.changed,
            is_foreign=kind == KINDS.index("foreign"),
        )
        votes, helpful = self._votes(due.stream, texts.words, rating)
        return MonthOfReviews(
            month=month,
            written=due,
            first=first,
            topic=topic,
            opinion=opinion,
            rating=rating,
            texts=texts,
            kind=kind,
            votes=votes,
            helpful=helpful,
            is_verified=uniform(due.stream, _VERIFIED)
            < np.where(due.campaign == HONEST, how.verified_share, 0.5),
            fate=_fates(self.parameters, due.stream),
            mix=mix,
            good_opinion=of_goods,
            topic_opinion=of_topics,
            campaigns=campaigns,
        )

    def _of_lines(self, made: MonthOfShop) -> Written:
        """Reviews of what known customers bought within the month, whenever they will be written."""
        rows, how = made.receipts, self.parameters.writing
        is_bought = (rows.fate == CLEAN) & (rows.quantity > 0) & (rows.quantity < _GIANT)
        line = np.flatnonzero(is_bought & (rows.customer >= 0)[rows.receipt])
        receipt, good = rows.receipt[line].astype(np.int64), rows.good[line].astype(np.int64)
        stream = branch(streams(self.seed, "review", rows.first_invoice + receipt), good)
        writes = uniform(stream, _WRITES) < self.share
        stream, receipt, good = stream[writes], receipt[writes], good[writes]
        days = how.delay_days * how.delay_shape * erlang(stream, how.delay_shape, _DELAY)
        count = len(stream)
        return Written(
            stream=stream,
            voice=stream,
            minute=rows.minute[receipt].astype(np.int64) + _HOUR + np.floor(days * _DAY).astype(np.int64),
            customer=rows.customer[receipt].astype(np.int64),
            good=good,
            campaign=np.full(count, HONEST, dtype=np.int64),
            stars=np.zeros(count, dtype=np.int64),
            changed=np.zeros(count),
        )

    def _of_campaigns(self, planned: Campaigns) -> Written:
        how = self.parameters.writing
        of = np.repeat(np.arange(len(planned.number)), planned.reviews)
        place = exact.ragged(planned.reviews)
        source = streams(self.seed, "campaign", planned.number[of])
        stream = branch(source, place + 1)
        template = branch(source, -1 - integer(stream, how.campaign_templates, _TOPIC))
        is_copied = planned.is_copied[of]
        span = np.where(planned.is_burst[of], _HOUR, how.campaign_days * _DAY)
        return Written(
            stream=stream,
            voice=np.where(is_copied, template, stream),
            minute=planned.starts[of] + integer(stream, span, _DELAY),
            customer=FIRST_ACCOUNT + planned.number[of] * 1_000 + place,
            good=planned.good[of],
            campaign=planned.number[of],
            stars=planned.stars[of],
            changed=np.where(is_copied, how.campaign_changed, 0.0),
        )

    def _votes(self, stream: States, length: Integers, rating: Integers) -> tuple[Integers, Integers]:
        """How many voted on each review, and for how many of them it was helpful."""
        how = self.parameters.writing
        votes = poisson(uniform(stream, _VOTES), how.votes * length / 50)
        log_odds = how.votes_by_length * exact.log(np.maximum(length, 1) / 50)
        log_odds = log_odds + how.votes_by_stars * (rating - 4)
        chance = 1 / (1 + exact.exp(-log_odds))
        helpful = np.zeros(len(stream), dtype=np.int64)
        for number in range(int(votes.max(initial=0))):
            helpful += (number < votes) & (uniform(stream, _HELPFUL + number) < chance)
        return votes, helpful


def shares(parameters: Parameters, seed: int, month: Month) -> Floats:
    """Share of each topic in what is written of each category in a month, categories x topics."""
    how = parameters.writing
    kinds = np.arange(parameters.categories)
    weight = np.zeros((len(kinds), how.common_topics + len(kinds)))
    for topic in range(how.common_topics):
        weight[:, topic] = 0.5 + uniform(streams(seed, "topic share", kinds, topic))
    weight[:, how.drifting_topic] *= 1 + (how.drift - 1) * min(month.index / how.drift_months, 1)
    weight[:, how.jumping_topic] *= how.jump if month.index >= how.jump_month else 1.0
    weight[kinds, how.common_topics + kinds] = how.common_topics * how.own_topic / (1 - how.own_topic)
    return np.asarray(weight / exact.total(weight)[:, None])


def soured_from(parameters: Parameters, seed: int, numbers: Integers) -> Integers:
    """Month, counted from 0, from which on each good is spoilt; -1 for one that never is."""
    how = parameters.writing
    stream = streams(seed, "soured", numbers)
    first, last = how.soured_months
    is_soured = uniform(stream) < how.soured_share
    is_soured &= numbers < how.soured_ranks * parameters.categories
    return np.where(is_soured, first + integer(stream, last - first + 1, 1), -1)


def goods_opinion(parameters: Parameters, seed: int, numbers: Integers, month: Month) -> Floats:
    """What is thought of each good in a month."""
    how = parameters.writing
    start = soured_from(parameters, seed, numbers)
    is_sour = (start >= 0) & (month.index >= start)
    return np.asarray(
        how.good_spread * normal(streams(seed, "opinion of good", numbers)) - how.soured_by * is_sour
    )


def topics_opinion(parameters: Parameters, seed: int, topics: int, month: Month) -> Floats:
    """What is thought of whatever each topic is about, in a month."""
    how = parameters.writing
    found = how.topic_spread * normal(streams(seed, "opinion of topic", np.arange(topics)))
    if how.soured_topic is not None and month.index >= how.soured_topic_month:
        found[how.soured_topic] -= how.soured_topic_by
    return found


def planted(parameters: Parameters, seed: int, month: Month) -> Campaigns:
    """The campaigns that begin within the month: one in each stretch of `days_a_campaign` days."""
    how = parameters.writing
    span = how.days_a_campaign
    numbers = np.arange(month.start // span, (month.stop - 1) // span + 1) if span else np.zeros(0, np.int64)
    stream = streams(seed, "campaign", numbers)
    starts = numbers * span * _DAY + integer(stream, max(span, 1) * _DAY)
    begins = (starts >= month.start * _DAY) & (starts < month.stop * _DAY)
    numbers, stream, starts = numbers[begins], stream[begins], starts[begins]
    fewest, most = how.campaign_reviews
    manner = integer(stream, 3, 4)  # in one hour, copied, or both
    return Campaigns(
        number=numbers,
        good=integer(stream, parameters.goods, 1),
        starts=starts,
        reviews=fewest + integer(stream, most - fewest + 1, 2),
        stars=np.where(uniform(stream, 3) < how.smear_share, 1, 5),
        is_burst=manner != 1,
        is_copied=manner != 0,
    )


def _kinds(parameters: Parameters, due: Written) -> Integers:
    """Index into KINDS of each review; those of campaigns are plain."""
    how = parameters.writing
    shares_of = np.array(
        [
            how.empty_share,
            how.empty_share,
            how.foreign_share,
            how.marked_up_share,
            how.emoji_share,
        ]
    )
    reached = exact.running(shares_of)[1:]
    place = np.searchsorted(reached, uniform(due.stream, _KIND), side="right")
    return np.where((place < len(reached)) & (due.campaign == HONEST), place + 1, 0)


def _fates(parameters: Parameters, stream: States) -> Integers:
    """What follows the row of each review: nothing, itself again, a spoilt copy."""
    how = parameters.writing
    u = uniform(stream, _FATE)
    fate = np.full(len(stream), CLEAN_ROW, dtype=np.int64)
    fate[u < how.duplicate_share] = DUPLICATE
    is_dirty = (u >= how.duplicate_share) & (u < how.duplicate_share + how.dirty_share)
    return np.where(is_dirty, integer(stream, len(DIRT), _DIRT), fate)


def _none() -> Written:
    nothing: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    stream = nothing.astype(np.uint64)
    return Written(stream, stream, nothing, nothing, nothing, nothing, nothing, np.zeros(0))
