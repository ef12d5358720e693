"""What is out of date, and why."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from warehouse.contract import Sees
from warehouse.plan import Node, Plan, month_before, month_range, next_month
from warehouse.records import NOTHING, Finding, Record, Records, Refusal

MONTHS = [date(2011, month, 1) for month in (1, 2, 3, 4)]
LANDED, SEED = "landing.orders", "seeds.names"
LINES, STATE, SCORE = "core.order_lines", "core.customer_months", "segments.rfm"
GRAPH = {
    SEED: Node("seed-1", {}, is_monthly=False),
    LINES: Node("lines-1", {LANDED: Sees.SAME, SEED: Sees.WHOLE}),
    STATE: Node("state-1", {LINES: Sees.SAME}),
    SCORE: Node("score-1", {STATE: Sees.UP_TO, SEED: Sees.WHOLE}),
}
FILES = {(LANDED, month): Record(f"files {month}", "", "") for month in MONTHS}

Rows = Callable[[str, date | None, str], str]


def plain(name: str, month: date | None, inputs: str) -> str:
    """Rows that tell all that they were made from."""
    return f"{name} {month} {inputs}"


def build(
    records: Records,
    graph: Mapping[str, Node] = GRAPH,
    rows: Rows = plain,
    names: Collection[str] | None = None,
) -> tuple[dict[tuple[str, date | None], Record], list[tuple[str, int]]]:
    """Make whatever is stale of `names`, in order; `rows` gives what a month of a table comes out as."""
    found, made = dict(records), []
    for name, node in graph.items():
        for month in Plan(graph, found, {}).stale(name) if names is None or name in names else ():
            plan = Plan(graph, found, {})
            inputs = plan.inputs(name).get(month, "")
            version = rows(name, month, inputs) if month in plan.months(name) else NOTHING
            found[name, month] = Record(version, node.code, inputs)
            made.append((name, month.month if month else 0))
    return found, made


BUILT, ALL = build(FILES)


def refused(month: date | None, code: str, inputs: str, severity: str = "error") -> Refusal:
    return Refusal(Finding(month, "rule", severity, 1, "[]"), code, inputs)


def test_everything_is_made_once() -> None:
    assert len(ALL) == 1 + 3 * 4
    assert build(BUILT)[1] == []
    assert Plan(GRAPH, BUILT, {}).outlook() == {}


def test_an_empty_lake_has_nothing_to_make_but_seeds() -> None:
    plan = Plan(GRAPH, {}, {})
    assert {name: plan.months(name) for name in GRAPH} == {SEED: [None], LINES: [], STATE: [], SCORE: []}
    assert plan.outlook() == {SEED: {None: "never made"}}
    assert plan.months("landing.nothing") == []


def test_months_between_files_are_made_though_they_are_empty() -> None:
    """A month without a sale is a figure too, and later months see it."""
    files = {(LANDED, month): FILES[LANDED, month] for month in (MONTHS[0], MONTHS[3])}
    assert Plan(GRAPH, files, {}).months(SCORE) == MONTHS
    assert len(build(files)[1]) == len(ALL)


def test_a_late_line_rebuilds_its_month_and_the_as_of_months_that_see_it() -> None:
    changed = {**BUILT, (LANDED, MONTHS[2]): Record("late", "", "")}
    assert build(changed)[1] == [(LINES, 3), (STATE, 3), (SCORE, 3), (SCORE, 4)]


def test_a_new_month_makes_itself_alone() -> None:
    may = date(2011, 5, 1)
    assert build({**BUILT, (LANDED, may): Record("may", "", "")})[1] == [(LINES, 5), (STATE, 5), (SCORE, 5)]


def test_an_older_month_makes_every_as_of_since() -> None:
    december = date(2010, 12, 1)
    made = build({**BUILT, (LANDED, december): Record("december", "", "")})[1]
    assert made == [(LINES, 12), (STATE, 12), *((SCORE, month) for month in (12, 1, 2, 3, 4))]


def test_what_sees_the_month_before_is_made_with_it_and_with_the_month_after() -> None:
    """Moves between March and April change with either; those between January and February with neither."""
    graph = {**GRAPH, "segments.moves": Node("moves-1", {STATE: Sees.PREVIOUS})}
    built, _ = build(FILES, graph)
    changed = {**built, (LANDED, MONTHS[2]): Record("late", "", "")}
    assert build(changed, graph)[1] == [
        (LINES, 3), (STATE, 3), (SCORE, 3), (SCORE, 4), ("segments.moves", 3), ("segments.moves", 4)
    ]  # fmt: skip
    assert list(Plan(graph, changed, {}).outlook()["segments.moves"]) == MONTHS[2:]


def test_equal_rows_stop_the_change() -> None:
    """A line whose description was corrected leaves the customer's month as it was."""

    def same(name: str, month: date | None, inputs: str) -> str:
        return f"{name} {month}" if name == STATE else plain(name, month, inputs)

    built, _ = build(FILES, rows=same)
    changed = {**built, (LANDED, MONTHS[2]): Record("corrected", "", "")}
    assert build(changed, rows=same)[1] == [(LINES, 3), (STATE, 3)]


def test_changed_code_rebuilds_its_table_in_full() -> None:
    changed = {**GRAPH, STATE: replace(GRAPH[STATE], code="state-2")}
    assert set(Plan(changed, BUILT, {}).stale(STATE).values()) == {"its code changed"}
    same = build(BUILT, changed, rows=lambda name, month, _: BUILT[name, month].version)[1]
    assert same == [(STATE, month) for month in (1, 2, 3, 4)]


def test_a_changed_seed_rebuilds_whatever_reads_it() -> None:
    changed = {**GRAPH, SEED: replace(GRAPH[SEED], code="seed-2")}
    assert build(BUILT, changed, rows=lambda *at: f"2 {plain(*at)}")[1] == [(SEED, 0), *ALL[1:]]
    same = build(BUILT, changed, rows=lambda name, month, _: BUILT[name, month].version)[1]
    assert same == [(SEED, 0)], "a seed with equal rows stops the change"


def test_reasons_are_told_apart() -> None:
    records = {**BUILT, (LANDED, MONTHS[1]): Record("late", "", "")}
    del records[LINES, MONTHS[0]]
    records[LINES, MONTHS[2]] = replace(records[LINES, MONTHS[2]], code="lines-0")
    assert Plan(GRAPH, records, {}).stale(LINES) == {
        MONTHS[0]: "never made", MONTHS[1]: "an input changed", MONTHS[2]: "its code changed"
    }  # fmt: skip


def test_a_month_that_lost_its_rows_is_another_than_one_that_was_never_made() -> None:
    empty = {**BUILT, (STATE, MONTHS[0]): replace(BUILT[STATE, MONTHS[0]], version="0")}
    missing = {key: record for key, record in BUILT.items() if key != (STATE, MONTHS[0])}
    fingerprints = {Plan(GRAPH, records, {}).inputs(SCORE)[MONTHS[3]] for records in (BUILT, empty, missing)}
    assert len(fingerprints) == 3


def test_a_version_that_moves_to_another_month_is_a_change() -> None:
    """Rows that were booked into the wrong month have the same sum of fingerprints."""
    moved = {**BUILT}
    moved[STATE, MONTHS[0]], moved[STATE, MONTHS[1]] = BUILT[STATE, MONTHS[1]], BUILT[STATE, MONTHS[0]]
    assert list(Plan(GRAPH, moved, {}).stale(SCORE)) == MONTHS


# Months that files took back

TAKEN_BACK = Record(NOTHING, "", "")
GONE = "no file reaches to it any more"


def test_a_month_that_was_taken_back_at_the_end_is_made_no_more() -> None:
    """A slip in a date, corrected, would leave segments of a month in which nothing was ever sold."""
    changed = {**BUILT, (LANDED, MONTHS[3]): TAKEN_BACK}
    assert Plan(GRAPH, changed, {}).months(SCORE) == MONTHS[:3]
    assert Plan(GRAPH, changed, {}).outlook() == {name: {MONTHS[3]: GONE} for name in (LINES, STATE, SCORE)}
    after, made = build(changed)
    assert made == [(LINES, 4), (STATE, 4), (SCORE, 4)]
    assert {after[name, MONTHS[3]].version for name in (LINES, STATE, SCORE)} == {NOTHING}
    assert Plan(GRAPH, after, {}).outlook() == {}


def test_a_month_that_was_taken_back_at_the_beginning_is_seen_until_its_rows_are_gone() -> None:
    """Whatever read them is made anew, whether it was made before they went or after."""
    changed = {**BUILT, (LANDED, MONTHS[0]): TAKEN_BACK}
    assert Plan(GRAPH, changed, {}).months(SCORE) == MONTHS[1:]
    assert build(changed)[1] == [
        (LINES, 1), (STATE, 1), *((SCORE, month) for month in (1, 2, 3, 4))
    ]  # fmt: skip
    early, made = build(changed, names=(LINES, SCORE))
    assert made == [(LINES, 1), (SCORE, 1)], "the others are made from what is left, and were"
    assert build(early)[1] == [(STATE, 1), *((SCORE, month) for month in (2, 3, 4))]


def test_a_month_that_is_taken_back_between_others_stays_one_without_a_sale() -> None:
    changed = {**BUILT, (LANDED, MONTHS[1]): TAKEN_BACK}
    assert Plan(GRAPH, changed, {}).months(SCORE) == MONTHS
    assert set(Plan(GRAPH, changed, {}).stale(LINES).values()) == {"an input changed"}


def test_a_month_that_comes_again_is_made_again() -> None:
    after, _ = build({**BUILT, (LANDED, MONTHS[3]): TAKEN_BACK})
    again = {**after, (LANDED, MONTHS[3]): FILES[LANDED, MONTHS[3]]}
    assert build(again) == (BUILT, [(LINES, 4), (STATE, 4), (SCORE, 4)])


def test_all_that_was_taken_back_leaves_nothing() -> None:
    after, _ = build({**BUILT, **dict.fromkeys(FILES, TAKEN_BACK)}, TODAY | CHAIN)
    assert {at.version for (name, _), at in after.items() if name != SEED} == {NOTHING}
    plan = Plan(TODAY | CHAIN, after, {})
    assert (plan.outlook(), plan.provisional(FITTED)) == ({}, {})


def test_what_a_month_stood_refused_for_goes_with_it() -> None:
    records = {key: record for key, record in BUILT.items() if key != (LINES, MONTHS[3])}
    records[LANDED, MONTHS[3]] = TAKEN_BACK
    for severity in ("error", "warning"):
        refusals = {LINES: (refused(MONTHS[3], "lines-1", "others", severity),)}
        assert Plan(GRAPH, records, refusals).stale(LINES) == {MONTHS[3]: GONE}
    assert Plan(GRAPH, records, {}).stale(LINES) == {}


def test_of_what_is_served_the_month_that_is_the_newest_again_is_asked_for() -> None:
    made, _ = build(FILES, TODAY)
    after, steps = build({**made, (LANDED, MONTHS[3]): TAKEN_BACK}, TODAY)
    assert [month for name, month in steps if name == SERVED] == [3, 4]
    assert after[SERVED, MONTHS[3]].version == NOTHING


def test_the_months_of_a_chain_that_are_left_go_and_none_is_made_from_them() -> None:
    after, steps = build({**FIT, (LANDED, MONTHS[0]): TAKEN_BACK}, CHAIN)
    assert of_chain(steps) == [1, 4]
    assert list(Plan(CHAIN, after, {}).provisional(FITTED)) == MONTHS[1:3]


def test_what_is_asked_for_by_force_is_every_month_and_what_is_left_of_others() -> None:
    changed = {**BUILT, (LANDED, MONTHS[3]): TAKEN_BACK}
    assert Plan(GRAPH, changed, {}).all_of(LINES) == {
        **dict.fromkeys(MONTHS[:3], "asked for"),
        MONTHS[3]: GONE,
    }
    assert Plan(GRAPH, BUILT, {}).all_of(SEED) == {None: "asked for"}


# Refused months


def test_a_refused_month_is_not_tried_again_before_its_code_or_inputs_change() -> None:
    """A month that is wrong would be made, and refused, by every tick of the sensor."""
    records = {key: record for key, record in BUILT.items() if key != (LINES, MONTHS[1])}
    inputs = Plan(GRAPH, records, {}).inputs(LINES)[MONTHS[1]]
    refusals = {LINES: (refused(MONTHS[1], "lines-1", inputs),)}
    assert Plan(GRAPH, records, refusals).stale(LINES) == {}
    late = {**records, (LANDED, MONTHS[1]): Record("late", "", "")}
    assert Plan(GRAPH, late, refusals).stale(LINES) == {MONTHS[1]: "never made"}
    changed = {**GRAPH, LINES: replace(GRAPH[LINES], code="lines-2")}
    assert MONTHS[1] in Plan(changed, records, refusals).stale(LINES)


def test_what_follows_a_refused_month_is_made_from_the_good_ones() -> None:
    records = {key: record for key, record in BUILT.items() if key != (LINES, MONTHS[1])}
    inputs = Plan(GRAPH, records, {}).inputs(LINES)[MONTHS[1]]
    plan = Plan(GRAPH, records, {LINES: (refused(MONTHS[1], "lines-1", inputs),)})
    assert plan.stale(STATE) == {MONTHS[1]: "an input changed"}
    assert plan.months(SCORE) == MONTHS


def test_a_warning_is_no_refusal() -> None:
    records = {key: record for key, record in BUILT.items() if key != (LINES, MONTHS[1])}
    inputs = Plan(GRAPH, records, {}).inputs(LINES)[MONTHS[1]]
    warned = {LINES: (refused(MONTHS[1], "lines-1", inputs, "warning"),)}
    assert Plan(GRAPH, records, warned).stale(LINES) == {MONTHS[1]: "never made"}


def test_a_refusal_whose_inputs_were_taken_back_is_judged_anew() -> None:
    """The file was put back as it was: the published rows are right, and the check must not stay red."""
    plan = Plan(GRAPH, BUILT, {LINES: (refused(MONTHS[1], "lines-1", "others"),)})
    assert plan.stale(LINES) == {MONTHS[1]: "what it stands refused for was taken back"}
    assert (
        Plan(GRAPH, BUILT, {LINES: (refused(MONTHS[1], "lines-1", "others", "warning"),)}).stale(LINES) == {}
    )


# Chains: a month is made from its own month before

FITTED = "segments.clusters"
CHAIN = {**GRAPH, FITTED: Node("fit-1", {SCORE: Sees.SAME, FITTED: Sees.BEFORE})}
FIT, _ = build(FILES, CHAIN)


def of_chain(made: list[tuple[str, int]]) -> list[int]:
    return [month for name, month in made if name == FITTED]


def test_a_chain_is_made_once_in_order() -> None:
    assert of_chain(build(FILES, CHAIN)[1]) == [1, 2, 3, 4]
    assert build(FIT, CHAIN)[1] == []
    assert Plan(CHAIN, FIT, {}).outlook() == {}
    assert Plan(CHAIN, FIT, {}).provisional(FITTED) == {}


def test_a_change_makes_the_newest_month_of_a_chain_alone_and_the_others_are_provisional() -> None:
    """Else each late line would fit every model since, and every label of the past would change under a reader."""
    changed, made = build({**FIT, (LANDED, MONTHS[1]): Record("late", "", "")}, CHAIN)
    assert of_chain(made) == [4]
    assert Plan(CHAIN, changed, {}).provisional(FITTED) == dict.fromkeys(MONTHS[1:3], "an input changed")
    assert build(changed, CHAIN)[1] == [], "no plan asks for what is provisional"
    assert Plan(CHAIN, changed, {}).provisional(SCORE) == {}


def test_changed_code_makes_the_newest_month_of_a_chain_alone() -> None:
    graph = {**CHAIN, FITTED: replace(CHAIN[FITTED], code="fit-2")}
    changed, made = build(FIT, graph)
    assert of_chain(made) == [4]
    assert Plan(graph, changed, {}).provisional(FITTED) == dict.fromkeys(MONTHS[:3], "its code changed")


def test_a_new_month_of_a_chain_leaves_the_one_that_was_the_newest() -> None:
    files = {(LANDED, MONTHS[3]): Record("late", "", ""), (LANDED, date(2011, 5, 1)): Record("may", "", "")}
    changed, made = build({**FIT, **files}, CHAIN)
    assert of_chain(made) == [5]
    assert list(Plan(CHAIN, changed, {}).provisional(FITTED)) == MONTHS[3:]


def test_a_month_of_a_chain_that_was_never_made_is_asked_for_wherever_it_lies() -> None:
    december = date(2010, 12, 1)
    changed, made = build({**FIT, (LANDED, december): Record("december", "", "")}, CHAIN)
    assert of_chain(made) == [12, 4]
    assert list(Plan(CHAIN, changed, {}).provisional(FITTED)) == MONTHS[:3]


def test_a_month_of_a_chain_whose_predecessor_is_made_follows_it() -> None:
    """It stood refused when the newest was made, and now its inputs are others: one pass must do both."""
    records = {key: record for key, record in FIT.items() if key != (FITTED, MONTHS[2])}
    newest = Plan(CHAIN, records, {}).inputs(FITTED)[MONTHS[3]]
    records[FITTED, MONTHS[3]] = Record("from none", "fit-1", newest)
    assert Plan(CHAIN, records, {}).stale(FITTED) == {
        MONTHS[2]: "never made", MONTHS[3]: "the month before is made"
    }  # fmt: skip
    assert build(build(records, CHAIN)[0], CHAIN)[1] == []


def test_the_outlook_of_a_chain_promises_no_month_that_stays() -> None:
    changed = {**FIT, (LANDED, MONTHS[1]): Record("late", "", "")}
    assert Plan(CHAIN, changed, {}).outlook()[FITTED] == {MONTHS[3]: f"follows if {SCORE} changes"}


# What is served: only the newest month is asked for

SERVED = "recommendations.for_customers"
TODAY = {**GRAPH, SERVED: Node("serve-1", {SCORE: Sees.SAME}, is_served=True)}


def test_of_what_is_served_the_newest_month_alone_is_made() -> None:
    """The list that a shop showed a customer a year ago serves nobody, and costs as much as today's."""
    made, steps = build(FILES, TODAY)
    assert [month for name, month in steps if name == SERVED] == [4]
    assert Plan(TODAY, made, {}).outlook() == {}
    assert Plan(TODAY, made, {}).provisional(SERVED) == {}, "what was never made is not out of step"


def test_a_new_month_of_what_is_served_leaves_the_one_that_was_the_newest() -> None:
    made, _ = build(FILES, TODAY)
    late = {(LANDED, MONTHS[1]): Record("late", "", ""), (LANDED, date(2011, 5, 1)): Record("may", "", "")}
    changed, steps = build({**made, **late}, TODAY)
    assert [month for name, month in steps if name == SERVED] == [5]
    assert list(Plan(TODAY, changed, {}).provisional(SERVED)) == [MONTHS[3]]


# A chain that is served: made from the last of its months that has rows

CHOSEN = "topics.models"
BOTH = {**GRAPH, CHOSEN: Node("choose-1", {SCORE: Sees.SAME, CHOSEN: Sees.LAST}, is_served=True)}


def months_of(name: str, made: list[tuple[str, int]]) -> list[int]:
    return [month for at, month in made if at == name]


def test_of_a_served_chain_the_newest_month_alone_is_made() -> None:
    """Ten years of fits would be made for the sake of one."""
    made, steps = build(FILES, BOTH)
    assert months_of(CHOSEN, steps) == [4]
    assert Plan(BOTH, made, {}).outlook() == {}
    assert Plan(BOTH, made, {}).last_before(CHOSEN, MONTHS[3]) is None


def test_a_served_chain_goes_on_from_the_last_month_that_was_made() -> None:
    """Two months that came at once would else begin it anew, and every name of last month's be lost."""
    made, _ = build(FILES, BOTH)
    before = made[CHOSEN, MONTHS[3]].version
    later = {(LANDED, date(2011, month, 1)): Record(f"{month}", "", "") for month in (5, 6)}
    grown, steps = build({**made, **later}, BOTH)
    assert months_of(CHOSEN, steps) == [6]
    plan = Plan(BOTH, grown, {})
    assert plan.last_before(CHOSEN, date(2011, 6, 1)) == MONTHS[3]
    assert build(grown, BOTH)[1] == []
    other = {**grown, (CHOSEN, MONTHS[3]): replace(grown[CHOSEN, MONTHS[3]], version=f"{before} forced")}
    assert Plan(BOTH, other, {}).stale(CHOSEN) == {date(2011, 6, 1): "an input changed"}


def test_a_month_without_rows_is_no_predecessor() -> None:
    made, _ = build(FILES, BOTH)
    made[CHOSEN, MONTHS[2]] = Record("0", "choose-1", "x")
    made[CHOSEN, MONTHS[1]] = Record("rows", "choose-1", "x")
    assert Plan(BOTH, made, {}).last_before(CHOSEN, MONTHS[3]) == MONTHS[1]
    without = {key: record for key, record in made.items() if key != (CHOSEN, MONTHS[2])}
    inputs = [Plan(BOTH, records, {}).inputs(CHOSEN)[MONTHS[3]] for records in (made, without)]
    assert inputs[0] == inputs[1]


# The outlook


def test_the_outlook_tells_what_is_stale_and_what_may_follow() -> None:
    changed = {**BUILT, (LANDED, MONTHS[2]): Record("late", "", "")}
    assert Plan(GRAPH, changed, {}).outlook() == {
        LINES: {MONTHS[2]: "an input changed"},
        STATE: {MONTHS[2]: f"follows if {LINES} changes"},
        SCORE: dict.fromkeys(MONTHS[2:], f"follows if {STATE} changes"),
    }


def test_the_outlook_of_a_new_seed_is_every_month_of_what_reads_it() -> None:
    changed = {**GRAPH, SEED: replace(GRAPH[SEED], code="seed-2")}
    outlook = Plan(changed, BUILT, {}).outlook()
    assert outlook[SEED] == {None: "its code changed"}
    assert outlook[LINES] == dict.fromkeys(MONTHS, f"follows if {SEED} changes")
    assert list(outlook) == list(GRAPH)


@given(
    st.lists(st.tuples(st.sampled_from(MONTHS), st.integers(0, 3)), max_size=8),
    st.lists(st.sampled_from([SEED, LINES, STATE, SCORE, FITTED]), max_size=3),
)
def test_all_that_is_made_was_in_the_outlook(changes: list[tuple[date, int]], recoded: list[str]) -> None:
    """`--dry-run` must not promise less than what is then done."""
    records = {**FIT, **{(LANDED, month): Record(f"files {n}", "", "") for month, n in changes}}
    graph = {name: replace(node, code=f"{node.code}{name in recoded}") for name, node in CHAIN.items()}
    del records[FITTED, MONTHS[len(changes) % 4]]
    outlook = Plan(graph, records, {}).outlook()
    promised = {(name, month.month if month else 0) for name, months in outlook.items() for month in months}
    assert set(build(records, graph)[1]) <= promised


# Making what is stale, and nothing else, comes to the same as making all


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Node]:
    """Up to six tables, each made from some of those before it, and some from themselves."""
    found: dict[str, Node] = {}
    for at in range(draw(st.integers(1, 6))):
        sources = draw(st.sets(st.sampled_from([LANDED, *found]), min_size=1))
        is_seed = draw(st.integers(0, 4)) == 0
        if is_seed:
            found[f"seeds.t{at}"] = Node("1", {}, is_monthly=False)
            continue
        found[f"core.t{at}"] = Node(
            "1",
            {
                source: draw(st.sampled_from([Sees.SAME, Sees.PREVIOUS, Sees.UP_TO]))
                if source == LANDED or found[source].is_monthly
                else Sees.WHOLE
                for source in sorted(sources)
            }
            | ({f"core.t{at}": Sees.BEFORE} if draw(st.integers(0, 2)) == 0 else {}),
        )
    return found


def seen_rows(name: str, month: date | None, graph: Mapping[str, Node], records: Records) -> str:
    """What a table comes out as: a function of its code and of the rows it sees, and often the same."""
    seen = []
    for source, sees in sorted(graph[name].inputs.items()):
        months = {
            Sees.SAME: [month],
            Sees.PREVIOUS: [at for at in MONTHS if month is not None and month in {at, next_month(at)}],
            Sees.BEFORE: [] if month is None else [month_before(month)],
            Sees.WHOLE: [None],
            Sees.UP_TO: [at for at in MONTHS if month is not None and at <= month],
        }[sees]
        seen += [records[source, at].version for at in months if (source, at) in records]
    number = sum(int(version) for version in seen) + int(graph[name].code)
    return str(number % 3)


@given(
    graphs(),
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(MONTHS), st.integers(0, 3)), min_size=1, max_size=12
    ),
)
def test_making_what_is_stale_equals_making_everything(
    graph: dict[str, Node], events: list[tuple[int, date, int]]
) -> None:
    """Files and code change in any order, and between them whatever is stale is made, or not.

    Of a chain that holds when what is provisional was made, too, with all that comes after it.
    """

    def make(
        records: dict[tuple[str, date | None], Record], *, backfill: bool = False
    ) -> dict[tuple[str, date | None], Record]:
        for name, node in graph.items():
            plan = Plan(graph, records, {})
            is_asked = set(plan.stale(name))
            if backfill and plan.is_chain(name):
                first = min([*is_asked, *plan.provisional(name)], default=None, key=str)
                is_asked |= {at for at in plan.months(name) if first and at and at >= first}
            for month in [at for at in plan.all_of(name) if at in is_asked]:
                inputs = Plan(graph, records, {}).inputs(name).get(month, "")
                version = seen_rows(name, month, graph, records) if month in plan.months(name) else NOTHING
                records = {**records, (name, month): Record(version, node.code, inputs)}
        assert all(Plan(graph, records, {}).stale(name) == {} for name in graph), "one pass settles it"
        return records

    files: dict[tuple[str, date | None], Record] = {}
    records: dict[tuple[str, date | None], Record] = {}
    for kind, month, number in events:
        if kind == 0:
            name = list(graph)[number % len(graph)]
            graph = {**graph, name: replace(graph[name], code=str(int(graph[name].code) + 1))}
        elif kind < 4:
            files[LANDED, month] = Record(str(number), "", "")
        else:
            records = make({**records, **files})
    incremental, full = make({**records, **files}, backfill=True), make(dict(files))
    assert all(Plan(graph, incremental, {}).provisional(name) == {} for name in graph)
    given_up = {key for key, at in incremental.items() if key not in full and at.version == NOTHING}
    assert {key: at.version for key, at in incremental.items() if key not in given_up} == {
        key: at.version for key, at in full.items()
    }


# Months


def test_months_are_counted_across_years() -> None:
    assert month_range(date(2010, 11, 1), date(2011, 2, 1)) == [
        date(2010, 11, 1), date(2010, 12, 1), date(2011, 1, 1), date(2011, 2, 1)
    ]  # fmt: skip
    assert month_range(date(2011, 2, 1), date(2011, 1, 1)) == []
    assert next_month(date(2010, 12, 1)) == date(2011, 1, 1)
    assert month_before(date(2011, 1, 1)) == date(2010, 12, 1)


@given(st.dates(date(1, 1, 1), date(9990, 12, 31)), st.integers(0, 40))
def test_a_range_is_every_next_month(first: date, count: int) -> None:
    months = [first.replace(day=1)]
    for _ in range(count):
        months.append(next_month(months[-1]))
    assert month_range(months[0], months[-1]) == months
