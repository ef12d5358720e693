"""What reviews are written with: words that no language knows, and English between them.

A topic has words of its own, made up of syllables, of a Zipf distribution that is known; a few of them it shares
with the next topic. The small words of English stand between them, and words of praise and blame say how a
sentence speaks. Who writes what of which good belongs elsewhere.

A text is written of sentences, a sentence of words, each drawn from a stream of its review: `write` says how.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator import exact
from simulator.exact import Floats, Integers
from simulator.parameters import Writing
from simulator.streams import States, branch, integer, uniform

Flags = npt.NDArray[np.bool_]

# The small words of English that neither praise nor blame, commonest first.
SMALL = (
    "the", "a", "and", "it", "to", "i", "of", "is", "this", "for", "in", "my", "was", "with", "that", "on",
    "have", "as", "had", "be", "at", "we", "they", "from", "which", "when", "after", "by", "or", "one", "all",
    "there", "these", "an", "if", "some", "because", "our", "them", "then", "were", "has", "will", "its",
    "you", "he", "she", "been", "about", "their", "what",
)  # fmt: skip
# What a text of another language has in their place.
FOREIGN = (
    "der", "nur", "und", "das", "ist", "nicht", "mit", "ein", "eine", "ich", "auch", "sich", "auf", "wie",
    "zu", "den", "von", "dem", "sehr", "aber",
)  # fmt: skip
# Words that every lexicon of sentiment knows.
PRAISE = (
    "good", "great", "excellent", "love", "perfect", "nice", "wonderful", "best", "fantastic", "happy",
    "pleased", "beautiful", "amazing", "awesome", "enjoyed", "impressed", "lovely", "superb", "delighted",
    "satisfied",
)  # fmt: skip
BLAME = (
    "bad", "poor", "terrible", "awful", "horrible", "disappointed", "useless", "broken", "worst", "hate",
    "waste", "disappointing", "annoying", "failed", "ugly", "damaged", "defective", "angry", "pathetic",
    "regret",
)  # fmt: skip
STRESS = ("very", "really", "extremely")
NOT = "not"

_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")
# A step through all words of three syllables that shares no factor with their number: neighbours are not alike.
_STEP, _OFFSET = 97_003, 12_345

# Numbers of the draws of a word's stream, of a sentence's and of a review's.
_KIND, _RANK = 0, 1
_LENGTH, _TOPIC, _WHICH, _HAS, _PLACE, _IS_GOOD, _WORD, _IS_NOT, _IS_STRESSED, _STRESSED = range(10)
_SENTENCES, _TITLE, _TITLE_WORD, _CHANGED = -1, -2, -3, 7


@dataclass(frozen=True, slots=True)
class Language:
    """All words of a shop's reviews, each by its number.

    Attributes:
        words: As written.
        topics: How many there are.
        own: How many words are each topic's own; those of the topics lie one after the other.
        common: The first of the made-up words of no topic.
        small: The first of the small words of English; foreign, praise, blame, stress, not: of those.
        rank: Running total of the probabilities by rank of a topic's words.
        common_rank: Of the words of no topic.
        small_rank: Of the small words.
    """

    words: tuple[str, ...]
    topics: int
    own: int
    common: int
    small: int
    foreign: int
    praise: int
    blame: int
    stress: int
    negation: int
    rank: Floats
    common_rank: Floats
    small_rank: Floats

    def topic_word(self, topic: Integers, rank: Integers) -> Integers:
        """The number of the word of a rank within a topic; the last ranks are the first of the next topic's."""
        return np.asarray((topic * self.own + rank) % self.common, dtype=np.int64)


def language(writing: Writing, topics: int) -> Language:
    """The words of so many topics."""
    own = writing.topic_words * topics
    made_up = own + writing.common_words
    size = len(_SYLLABLES)
    numbers = (np.arange(made_up, dtype=np.int64) * _STEP + _OFFSET) % size**3
    invented = [
        _SYLLABLES[number // size**2] + _SYLLABLES[number // size % size] + _SYLLABLES[number % size]
        for number in numbers.tolist()
    ]
    groups = (invented, SMALL, FOREIGN, PRAISE, BLAME, STRESS, (NOT,))
    starts = np.cumsum([0, *(len(group) for group in groups)]).tolist()
    return Language(
        words=tuple(word for group in groups for word in group),
        topics=topics,
        own=writing.topic_words,
        common=own,
        small=starts[1],
        foreign=starts[2],
        praise=starts[3],
        blame=starts[4],
        stress=starts[5],
        negation=starts[6],
        rank=_zipf(min(writing.topic_words + writing.shared_words, own), writing.zipf),
        common_rank=_zipf(writing.common_words, writing.zipf),
        small_rank=_zipf(len(SMALL), 1.0),
    )


@dataclass(frozen=True, slots=True)
class Texts:
    """What was written; one element a review, or a table.

    Attributes:
        title: A word of praise or blame and one of the topic.
        text: Sentences.
        words: Words in the text.
        topic_words: How many of the text's words were drawn for each topic, reviews x topics.
    """

    title: list[str]
    text: list[str]
    words: Integers
    topic_words: Integers


def write(
    tongue: Language,
    writing: Writing,
    voice: States,
    own: States,
    *,
    topic: Integers,
    mix: Floats,
    opinion: Floats,
    changed: Floats,
    is_foreign: Flags,
) -> Texts:
    """Write reviews.

    Args:
        tongue: The words.
        writing: How the shop's customers write.
        voice: Stream that decides the text of each review: two of one voice, topic and opinion write the same.
        own: Stream of the review itself.
        topic: Its leading topic.
        mix: The shares of all topics where a sentence does not keep to it, reviews x topics.
        opinion: How the writer thinks of the good, in standard deviations.
        changed: Share of the words that the review's own stream draws in place of its voice.
        is_foreign: Whether the small words are of another language, without praise or blame.
    """
    count = np.minimum(_geometric(uniform(voice, _SENTENCES), writing.sentences), writing.most_sentences)
    of = np.repeat(np.arange(len(voice)), count)
    sentence = branch(voice[of], exact.ragged(count) + 1)
    shortest, longest = writing.sentence_words
    length = shortest + integer(sentence, longest - shortest + 1, _LENGTH)
    reached = exact.running(mix)[:, 1:]
    other = (uniform(sentence, _WHICH)[:, None] * reached[of, -1:] > reached[of]).sum(axis=1)
    about = np.where(uniform(sentence, _TOPIC) < writing.keeps_to_topic, topic[of], other)
    told = _words(tongue, writing, own, of, sentence, length, about, changed, is_foreign)
    word, row, place, is_topic = told

    has = (uniform(sentence, _HAS) < writing.says_so) & ~is_foreign[of]
    at = 2 + np.floor(uniform(sentence, _PLACE) * (length - 2)).astype(np.int64)
    is_good = uniform(sentence, _IS_GOOD) < _chance(writing, opinion[of])
    is_not = uniform(sentence, _IS_NOT) < writing.negated
    is_stressed = ~is_not & (uniform(sentence, _IS_STRESSED) < writing.stressed)
    said = np.where(
        is_good ^ is_not,
        tongue.praise + integer(sentence, len(PRAISE), _WORD),
        tongue.blame + integer(sentence, len(BLAME), _WORD),
    )
    before = np.where(is_not, tongue.negation, tongue.stress + integer(sentence, len(STRESS), _STRESSED))
    is_said = has[row] & (place == at[row])
    is_before = (has & (is_not | is_stressed))[row] & (place == at[row] - 1)
    word = np.where(is_said, said[row], np.where(is_before, before[row], word))
    is_topic &= ~is_said & ~is_before

    topic_words = np.bincount(
        of[row[is_topic]] * tongue.topics + about[row[is_topic]], minlength=len(voice) * tongue.topics
    )
    title_word = tongue.topic_word(topic, _ranks(uniform(voice, _TITLE_WORD), tongue.rank))
    title_mood = np.where(
        uniform(own, _TITLE) < _chance(writing, opinion),
        tongue.praise + integer(voice, len(PRAISE), _TITLE),
        tongue.blame + integer(voice, len(BLAME), _TITLE),
    )
    names = pl.Series(tongue.words)
    capital = pl.Series([word.capitalize() for word in tongue.words])
    titles = capital.gather(title_mood) + " " + names.gather(title_word)
    return Texts(
        title=titles.to_list(),
        text=_joined(names, capital, word, place, length[row], of[row]),
        words=np.bincount(of, weights=length, minlength=len(voice)).astype(np.int64),
        topic_words=topic_words.reshape(len(voice), tongue.topics),
    )


def _words(
    tongue: Language,
    writing: Writing,
    own: States,
    of: Integers,
    sentence: States,
    length: Integers,
    about: Integers,
    changed: Floats,
    is_foreign: Flags,
) -> tuple[Integers, Integers, Integers, Flags]:
    """Every word of every sentence: its number, its sentence, its place in it, whether it is the topic's."""
    row = np.repeat(np.arange(len(sentence)), length)
    place = exact.ragged(length)
    stream = branch(sentence[row], place + 1)
    review = of[row]
    other = branch(branch(own[review], row - np.searchsorted(of, review)), place + 1)
    stream = np.where(uniform(other, _CHANGED) < changed[review], other, stream)
    kind, rank = uniform(stream, _KIND), uniform(stream, _RANK)
    is_small = kind < writing.small_share
    is_topic = ~is_small & (kind < writing.small_share + writing.topic_share)
    small = np.where(
        is_foreign[review],
        tongue.foreign + np.floor(rank * len(FOREIGN)).astype(np.int64),
        tongue.small + _ranks(rank, tongue.small_rank),
    )
    of_topic = tongue.topic_word(about[row], _ranks(rank, tongue.rank))
    common = tongue.common + _ranks(rank, tongue.common_rank)
    return np.where(is_small, small, np.where(is_topic, of_topic, common)), row, place, is_topic


def _joined(
    names: pl.Series,
    capital: pl.Series,
    word: Integers,
    place: Integers,
    length: Integers,
    review: Integers,
) -> list[str]:
    """Words as sentences, sentences as texts; `length` is that of the word's sentence."""
    first = place == 0
    written = pl.select(pl.when(pl.Series(first)).then(capital.gather(word)).otherwise(names.gather(word)))
    pieces = written.to_series() + pl.Series(np.where(place == length - 1, ".", ""))
    texts = (
        pl.DataFrame({"review": review, "piece": pieces})
        .group_by("review", maintain_order=True)
        .agg(pl.col("piece").str.join(" "))
    )
    return list(texts["piece"])


def _chance(writing: Writing, opinion: Floats) -> Floats:
    """Chance that a sentence praises, given what the writer thinks."""
    return np.asarray(1 / (1 + exact.exp(-(writing.praise + writing.candour * opinion))))


def _zipf(count: int, exponent: float) -> Floats:
    weight = exact.power(np.arange(1, count + 1), -exponent)
    reached = exact.running(weight)[1:]
    return np.asarray(reached / reached[-1])


def _ranks(u: Floats, reached: Floats) -> Integers:
    return np.minimum(np.searchsorted(reached, u), len(reached) - 1)


def _geometric(u: Floats, mean: float) -> Integers:
    """1, 2, ... of the given mean."""
    return 1 + np.floor(exact.log(u) / exact.log(1 - 1 / mean)).astype(np.int64)
