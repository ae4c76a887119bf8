"""Rows of one's own: what they say, and which are refused with their row."""

from datetime import timedelta
from pathlib import Path

import pytest

from dsnwatch.config import loading
from dsnwatch.errors import ConfigError, RuleError
from dsnwatch.model import Action, Kind, Trust
from dsnwatch.policy import PRESETS, Policy, decide
from dsnwatch.policy.reach import unreachable

from .builders import (
    COUNT,
    DAY,
    HARD,
    HOLD,
    IGNORE,
    SUPPRESS,
    TODAY,
    a_policy,
    an_event,
    past,
)


def a_row(**row: object) -> Policy:
    """Make a policy with one row of one's own."""
    return a_policy(rule=[{"id": "ours", "then": "suppress", **row}])


def policy_of(path: Path) -> Policy:
    loaded = loading.load(path)
    return Policy.of(loaded.settings.policy, loaded.file.place)


def refusal(tmp_path: Path, text: str) -> str:
    """Say how a configuration file is refused, when it is read or when its policy is made."""
    path = tmp_path / "dsnwatch.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        policy_of(path)
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix(str(path))


def test_a_row_of_ones_own_is_asked_before_those_of_the_preset() -> None:
    policy = a_row(reason="user_unknown", **{"for": "30d"})
    decision = decide(policy, an_event("user_unknown"), ())
    assert (decision.action, decision.rule) == (SUPPRESS, "ours")
    assert decision.until == TODAY + 30 * DAY
    assert decide(policy, an_event("domain_unknown"), ()).rule == "hard"


def test_a_row_with_an_id_of_the_preset_takes_its_place() -> None:
    row = {"id": "soft", "then": "suppress", "class": ["soft"], "count": 2, "within": "9d"}
    policy = a_policy(rule=[row])
    assert [rule.id for rule in policy.rules] == [rule.id for rule in PRESETS["default"]]
    assert decide(policy, an_event("expired"), past(1)).action is SUPPRESS


def test_a_disabled_row_is_left_out() -> None:
    policy = a_policy(disable=["hard"])
    assert decide(policy, an_event("user_unknown"), ()).rule == "nothing_follows"


def test_the_first_row_that_describes_an_event_answers_for_it() -> None:
    policy = a_row(reason="mailbox_full", provider="google", count=10, within="90d")
    others = past(1, 2, 3, 4, reason="mailbox_full")
    assert decide(policy, an_event("mailbox_full", provider="google"), others).action is COUNT


def test_a_row_can_let_those_below_answer_too() -> None:
    policy = a_row(reason="mailbox_full", count=10, within="90d", go_on=True)
    decision = decide(policy, an_event("mailbox_full"), past(1, 2, 3, 4, reason="mailbox_full"))
    assert (decision.action, decision.rule) == (SUPPRESS, "mailbox_full_often")


@pytest.mark.parametrize(
    ("condition", "fits", "fits_not"),
    [
        ({"provider": "google"}, {"provider": "google"}, {"provider": "outlook"}),
        ({"stream": ["letters"]}, {"stream": "letters"}, {"stream": "invoices"}),
        ({"trust": ["claimed"]}, {}, {"trust": Trust.SIGNED}),
        ({"status": ["5.1."]}, {"status": "5.1.1"}, {"status": "5.2.1"}),
        ({"not_status": ["5.1.1"]}, {"status": "5.1.2"}, {"status": "5.1.1"}),
        ({"not_reason": ["user_unknown"]}, {"reason": "bad_address"}, {"reason": "user_unknown"}),
    ],
    ids=lambda value: next(iter(value), ""),
)
def test_a_row_describes_by(
    condition: dict[str, object], fits: dict[str, str], fits_not: dict[str, str]
) -> None:
    policy = a_row(**{"class": ["hard"], **condition})
    assert decide(policy, an_event(**fits), ()).rule == "ours"  # type: ignore[arg-type]  # named above
    assert decide(policy, an_event(**fits_not), ()).rule == "hard"  # type: ignore[arg-type]  # likewise


def test_a_row_counts_what_it_describes_and_nothing_else() -> None:
    policy = a_row(stream="letters", **{"class": "soft", "count": 3, "within": "30d"})
    mine, others = past(1, 2, stream="letters"), past(1, 2, 3, 4, stream="invoices")
    new = an_event("expired", stream="letters")
    assert decide(policy, new, others).action is COUNT
    assert decide(policy, new, (*mine, *others)).action is SUPPRESS


def test_a_stream_may_have_a_preset_of_its_own() -> None:
    policy = a_policy(stream=[{"name": "shop", "preset": "transactional"}])
    others = (*past(1, 3), *past(1, 3, stream="shop"))
    assert decide(policy, an_event("expired"), others).action is SUPPRESS
    assert decide(policy, an_event("expired", stream="shop"), others).action is COUNT


@pytest.mark.parametrize("trust", [Trust.SIGNED, Trust.MATCHED])
def test_trust_that_is_required_and_given_suppresses(trust: Trust) -> None:
    policy = a_policy(require_trust="matched")
    assert decide(policy, an_event(trust=trust), ()).action is SUPPRESS


@pytest.mark.parametrize("trust", [Trust.VOUCHED, Trust.DKIM, Trust.CLAIMED])
def test_what_is_believed_less_than_required_waits_for_a_person(trust: Trust) -> None:
    decision = decide(a_policy(require_trust="matched"), an_event(trust=trust), ())
    assert (decision.action, decision.rule) == (HOLD, "hard")
    assert "trust 'matched' is required" in decision.because


def test_only_what_is_believed_counts_towards_a_suppression() -> None:
    policy = a_policy(require_trust="matched")
    claimed, matched = past(1, 3), past(1, 3, trust=Trust.MATCHED)
    new = an_event("expired", trust=Trust.MATCHED)
    assert decide(policy, new, claimed).action is HOLD
    assert decide(policy, new, matched).action is SUPPRESS
    assert decide(policy, an_event("expired"), matched).action is HOLD


def test_a_row_can_require_more_or_less_than_the_policy() -> None:
    row = {"id": "hard", "class": "hard", "then": "suppress", "require_trust": "signed"}
    policy = a_policy(rule=[row])
    assert decide(policy, an_event(trust=Trust.MATCHED), ()).action is HOLD
    complaint = an_event(kind=Kind.COMPLAINT, action=Action.DELIVERED)
    assert decide(policy, complaint, ()).action is SUPPRESS


@pytest.mark.parametrize("reason", HARD)
def test_backscatter_weighs_nothing(reason: str) -> None:
    event = an_event(reason, trust=Trust.BACKSCATTER)
    assert decide(a_policy(), event, ()).rule == "backscatter"


def test_backscatter_adds_to_no_count() -> None:
    others = past(1, 3, trust=Trust.BACKSCATTER)
    assert decide(a_policy(), an_event("expired"), others).action is COUNT


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("anne@example.org", "anne@example.org"),
        ("Anne@Example.ORG", "anne@example.org"),
        ("@example.org", "anne@example.org"),
        ("@*.example.org", "anne@staff.example.org"),
        ("test+*@example.org", "test+7@example.org"),
        ("@bücher.example", "anne@xn--bcher-kva.example"),
    ],
)
def test_an_address_that_is_never_suppressed_is_not(pattern: str, address: str) -> None:
    policy = a_policy(never_suppress=[pattern])
    decision = decide(policy, an_event(recipient=address), ())
    assert (decision.action, decision.rule) == (IGNORE, "never_suppress")
    assert decide(policy, an_event(recipient="anne@example.net"), ()).action is SUPPRESS


def test_failures_before_a_sign_of_life_are_not_counted() -> None:
    others = past(1, 3, 5)
    alive = TODAY - 2 * DAY
    assert decide(a_policy(), an_event("expired"), others).action is SUPPRESS
    assert decide(a_policy(), an_event("expired"), others, alive).action is COUNT
    assert decide(a_policy(), an_event("expired"), others, TODAY - 6 * DAY).action is SUPPRESS


def test_a_failure_before_a_sign_of_life_counts_nothing() -> None:
    decision = decide(a_policy(), an_event("expired"), past(1, 3), TODAY)
    assert (decision.action, decision.rule) == (COUNT, "soft")
    assert "sign of life" in decision.because


def test_a_dead_address_is_dead_whatever_it_showed_before() -> None:
    assert decide(a_policy(), an_event("user_unknown"), (), TODAY).action is SUPPRESS


def test_a_row_may_hold_and_says_what_would_follow() -> None:
    policy = a_policy(rule=[{"id": "ours", "class": "hard", "then": "hold", "for": "90d"}])
    decision = decide(policy, an_event("user_unknown"), ())
    assert (decision.action, decision.until) == (HOLD, TODAY + 90 * DAY)


WRONG = [
    ('then = "suppress"\nclass = "soft"', "would suppress after one soft failure"),
    ('then = "suppress"\nclass = "block"', "would suppress after a block"),
    ('then = "suppress"\nfault = "message"', "the sender's or the message's own affair"),
    ('then = "suppress"\nkind = "delay"', "would suppress after what says nothing"),
    ('then = "suppress"\nkind = "auto_reply"', "would suppress after what says nothing"),
    ('then = "suppress"\nstatus = "5.7.1"', "only 5.7.13, 5.7.17 and 5.7.18"),
    ('then = "hold"\ntrust = "backscatter"', "for mail that was never ours"),
    ('then = "suppress"\nclass = "soft"\ncount = 3', "say within"),
    ('then = "suppress"\nclass = "hard"\nwithin = "3d"', "takes one message only"),
    ('then = "suppress"\nclass = "soft"\ncount = 3\ndays = 4\nwithin = "9d"', "more days than"),
    ('then = "suppress"\nclass = "soft"\ncount = 3\nspan = "9d"\nwithin = "8d"', "longer span"),
    ('then = "suppress"\nclass = "soft"\ncount = 9\ndays = 9\nwithin = "7d"', "than lie within"),
    ('then = "suppress"\nclass = "hard"\nreason = "mailbox_full"', "describes nothing"),
    ('then = "suppress"\nreason = "virus"', "describes nothing"),
    ('then = "ignore"\nreason = "user_unknwon"', "'user_unknwon' is no reason"),
    ('then = "ignore"\nfor = "3d"', "suppresses nobody"),
    ('then = "ignore"\nrequire_trust = "signed"', "suppresses nobody"),
    ('then = "ignore"\nscope = "stream"', "suppresses nobody"),
    ('then = "ignore"\nkind = "complaint"\nclass = "hard"', "only bounces have them"),
    ('then = "suppress"\nkind = "complaint"\ncount = 2\nwithin = "9d"', "what is no failure"),
    ('then = "suppress"\nclass = "hard"\ngo_on = true', "leave go_on out"),
    ('then = "suppress"\nclass = "hard"\nfor = "0d"', "longer than nothing"),
]


@pytest.mark.parametrize(("row", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_row_that_contradicts_itself_is_refused(tmp_path: Path, row: str, said: str) -> None:
    refused = refusal(tmp_path, f'node = "x"\n\n[[policy.rule]]\nid = "ours"\n{row}\n')
    assert refused.startswith(", line 3: policy.rule: row 'ours'")
    assert said in refused


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param(
            '[[policy.rule]]\nid = "one"\nthen = "ignore"\nclass = "hard"\n'
            '[[policy.rule]]\nid = "two"\nthen = "suppress"\nreason = "user_unknown"\n',
            ", line 5: row 'two': can never decide: row 'one' above it",
            id="behind one of one's own",
        ),
        pytest.param(
            '[[policy.rule]]\nid = "one"\nthen = "ignore"\nclass = "hard"\nstream = "letters"\n'
            '[[policy.rule]]\nid = "two"\nthen = "hold"\nreason = "user_unknown"\n'
            'stream = "letters"\n',
            ", line 6: row 'two': can never decide: row 'one' above it",
            id="in one stream",
        ),
        pytest.param(
            "[policy]\ndisable = ['hrad']\n",
            ", line 2: row 'hrad': is disabled and is no row; did you mean 'hard'?",
            id="disabled and not there",
        ),
    ],
)
def test_a_row_that_can_never_decide_is_refused(tmp_path: Path, rows: str, said: str) -> None:
    assert refusal(tmp_path, rows).startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        '[policy]\nnever_suppress = ["anne"]',
        '[policy.keep]\nuser_unknwon = "3d"',
        '[policy.keep]\nuser_unknown = "3h"',
        '[[policy.rule]]\nid = "Ours!"\nthen = "ignore"',
        '[[policy.rule]]\nid = "x"\nthen = "supress"',
        '[[policy.rule]]\nid = "x"\nthen = "ignore"\nstatus = "abc"',
        '[[policy.rule]]\nid = "x"\nthen = "suppress"\nclass = "soft"\ncount = 0\nwithin = "3d"',
        '[[policy.rule]]\nid = "x"\nthen = "ignore"\n[[policy.rule]]\nid = "x"\nthen = "ignore"',
        '[[policy.stream]]\nname = "x"\npreset = "colds"',
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith(", line ")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_row_of_a_preset_can_decide(preset: str) -> None:
    assert [row.id for row, _ in unreachable(PRESETS[preset])] == []


def test_the_longest_window_of_any_stream_is_remembered() -> None:
    policy = a_policy(stream=[{"name": "letters", "preset": "newsletter"}])
    assert policy.memory == timedelta(days=190)


def test_an_error_of_a_row_is_one_of_the_rules() -> None:
    with pytest.raises(RuleError, match="hrad"):
        a_policy(disable=["hrad"])
