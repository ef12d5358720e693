import math

import numpy as np
import pytest

from simulator import streams

MANY = streams.streams(1, "test", np.arange(200_000))


def near(values, mean, variance, sigmas=5):
    """Whether the sample's mean lies within so many standard errors of the law's."""
    return abs(values.mean() - mean) < sigmas * math.sqrt(variance / len(values))


def test_a_stream_is_a_function_of_seed_purpose_and_entity_alone():
    """A customer's numbers would otherwise change with the customers before it."""
    alone = streams.streams(1, "test", 77)
    assert streams.uniform(alone)[0] == streams.uniform(MANY)[77]
    assert streams.uniform(streams.streams(2, "test", 77)) != streams.uniform(alone)
    assert streams.uniform(streams.streams(1, "other", 77)) != streams.uniform(alone)
    assert streams.uniform(alone, 1) != streams.uniform(alone, 0)


def test_numbers_are_those_on_record():
    """The same on every machine: a change here changes every shop."""
    stream = streams.streams(1, "record", np.arange(3))
    assert streams.bits(stream).tolist() == BITS
    assert streams.normal(stream).tolist() == NORMALS


BITS = [789212828178428674, 8655893706431298644, 10027561693771481222]
NORMALS = [-1.7192622731749878, -0.07718814040186708, 0.10949538417093783]


def test_uniforms_are_flat_and_strictly_inside():
    u = streams.uniform(MANY)
    assert u.min() > 0
    assert u.max() < 1
    counts = np.histogram(u, bins=50, range=(0, 1))[0]
    assert ((counts - 4000) ** 2 / 4000).sum() < 100  # chi-square with 49 degrees, beyond 5 deviations


def test_draws_of_a_stream_are_uncorrelated_and_so_are_neighbours():
    u, v = streams.uniform(MANY, 0), streams.uniform(MANY, 1)
    assert abs(np.corrcoef(u, v)[0, 1]) < 5 / math.sqrt(len(u))
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 5 / math.sqrt(len(u))


def test_integers_cover_their_range_evenly():
    counts = np.bincount(streams.integer(MANY, 7))
    assert len(counts) == 7
    assert ((counts - len(MANY) / 7) ** 2 / (len(MANY) / 7)).sum() < 35


def test_normals_have_mean_0_and_variance_1():
    z = streams.normal(MANY)
    assert near(z, 0, 1)
    assert near(z * z, 1, 2)


@pytest.mark.parametrize("shape", [1, 2, 20])
def test_erlangs_have_mean_1_and_variance_one_over_shape(shape):
    x = streams.erlang(MANY, shape)
    assert near(x, 1, 1 / shape)
    assert near((x - 1) ** 2, 1 / shape, (3 + 6 / shape - 1) / shape**2)


@pytest.mark.parametrize("shape", [0.243, 0.793, 1.0, 2.5, 20.0])
def test_gammas_have_mean_and_variance_of_their_shape(shape):
    x = streams.gamma(MANY, shape)
    assert x.min() >= 0
    assert near(x, shape, shape)
    assert near((x - shape) ** 2, shape, 3 * shape**2 + 6 * shape - shape**2)


@pytest.mark.parametrize("mean", [0.01, 0.7, 6.0, 250.0])
def test_poisson_counts_follow_their_law(mean):
    n = streams.poisson(streams.uniform(MANY), mean)
    assert near(n, mean, mean)
    assert near((n - mean) ** 2, mean, mean + 2 * mean**2)
    assert near(n == 0, math.exp(-mean), math.exp(-mean) + 1e-12)


def test_poisson_of_the_most_extreme_uniforms_ends():
    assert streams.poisson(np.array([1 - 2**-53, 2**-53]), [300.0, 300.0])[0] < 600


def test_geometric_counts_follow_their_law():
    n = streams.geometric(streams.uniform(MANY), np.full(len(MANY), 4.0))
    assert near(n, 4, 20)
    assert near(n == 0, 1 / 5, 4 / 25)


def test_coins_are_fair_however_many_are_tossed():
    for tosses in (1, 5, 63, 64, 200):
        heads = streams.coins(MANY, np.full(len(MANY), tosses))
        assert heads.max() <= tosses
        assert near(heads, tosses / 2, tosses / 4)
    assert streams.coins(MANY[:3], np.zeros(3, dtype=np.int64)).tolist() == [0, 0, 0]
