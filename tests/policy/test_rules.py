from __future__ import annotations

from collections.abc import Callable

import pytest

Mistakes = Callable[..., list[str]]

CHECK_NAMES = (
    "expected one of actor-known, lineage-known, purpose-permitted, region-permitted, retention-open,"
    " consent-valid, legal-basis-documented, membership-auc, membership-tpr, attack-withstood, dp-epsilon,"
    " dp-unit, dp-budget, approval"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "rules:\n  - name: r\n    checks: [lineage-known]\n",
            "",
            "1: the policy is empty: it has no rules, so it lets nothing through",
        ),
        ("  - name: r\n    checks", "  - checks", "8: rules: rule 1: the key 'name' is missing"),
        (
            "[lineage-known]\n",
            "[lineage-known]\n  - { name: r, checks: [actor-known] }\n",
            "10: rules: rule 2: two rules have the name 'r'; the first is on line 8",
        ),
        (
            "[lineage-known]\n",
            "[lineage-known]\n    enforcement: denny\n",
            "10: rule r: enforcement: unknown word 'denny'; did you mean 'deny'? expected one of deny,"
            " warn, audit",
        ),
        (
            "[lineage-known]\n",
            "[lineage-known]\n    targets: [prodution]\n",
            "10: rule r: targets: undefined target 'prodution'; did you mean 'production'? expected"
            " production",
        ),
        (
            "[lineage-known]\n",
            "[lineage-known]\n    targets: []\n",
            "10: rule r: can never apply: it is for no target",
        ),
        (
            "    checks: [lineage-known]\n",
            "",
            "8: rule r: has no checks, so it demands nothing; expected at least one",
        ),
        (
            "[lineage-known]",
            "[]",
            "8: rule r: has no checks, so it demands nothing; expected at least one",
        ),
        (
            "[lineage-known]",
            "[linage-known]",
            f"9: rule r: unknown check 'linage-known'; did you mean 'lineage-known'? {CHECK_NAMES}",
        ),
        (
            "[lineage-known]",
            "[{ actor-known: {}, lineage-known: {} }]",
            "9: rule r: checks: expected one check an entry, found actor-known, lineage-known",
        ),
        (
            "[lineage-known]",
            "[{ lineage-known: { max: 1 } }]",
            "9: rule r: lineage-known: unknown parameter 'max'; expected none",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: 3.0, delta: 1.0e-5, delta_max: 1.0e-5 } }]",
            "9: rule r: dp-epsilon: unknown parameter 'delta'; did you mean 'delta_max'?"
            " expected one of max, delta_max",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: 3.0 } }]",
            "9: rule r: dp-epsilon: the parameter 'delta_max' is missing: the largest δ",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: 3.0, delta_max: 1e-5 } }]",
            "9: rule r: dp-epsilon: delta_max: expected a number in (0, 1), found the text '1e-5';"
            " write 1.0e-5",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: 1.5e1, delta_max: 1.0e-5 } }]",
            "9: rule r: dp-epsilon: max: expected a number in (0, 100], found the text '1.5e1'; write 1.5e+1",
        ),
        (
            "[lineage-known]",
            '[{ dp-epsilon: { max: "3.0", delta_max: 1.0e-5 } }]',
            "9: rule r: dp-epsilon: max: expected a number in (0, 100], found the text '3.0';"
            " write 3.0 without quotes",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: 1_0, delta_max: 1.0e-5 } }]",
            "9: rule r: dp-epsilon: max: expected a number in (0, 100], found the number 1_0",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: .nan, delta_max: 1.0e-5 } }]",
            "9: rule r: dp-epsilon: max: expected a number in (0, 100], found the number .nan",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: .inf, delta_max: 1.0e-5 } }]",
            "9: rule r: dp-epsilon: max: expected a number in (0, 100], found the number .inf",
        ),
        (
            "[lineage-known]",
            "[{ dp-epsilon: { max: 0.0, delta_max: 1.0e-5 } }]",
            "9: rule r: dp-epsilon: max: expected a number in (0, 100], found 0.0",
        ),
        (
            "[lineage-known]",
            "[{ membership-tpr: { fpr: 0.01, max: 1.2 } }]",
            "9: rule r: membership-tpr: max: expected a number in (0, 1], found 1.2",
        ),
        (
            "[lineage-known]",
            "[{ membership-tpr: { fpr: 0.01, max: 0.01 } }]",
            "9: rule r: membership-tpr: can never pass: max is not above fpr,"
            " and a coin flip already has a TPR equal to the FPR; expected a larger max",
        ),
        (
            "[lineage-known]",
            "[{ approval: { role: dop } }]",
            "9: rule r: approval: role: undefined role 'dop'; expected dpo",
        ),
        (
            "[lineage-known]",
            "[{ approval: { role: dpo, independent: yes } }]",
            "9: rule r: approval: independent: expected true or false, found `yes`; write true",
        ),
        (
            "[lineage-known]",
            "[{ approval: { role: dpo, independent: OFF } }]",
            "9: rule r: approval: independent: expected true or false, found `OFF`; write false",
        ),
        (
            "[lineage-known]",
            '[{ approval: { role: dpo, independent: "true" } }]',
            "9: rule r: approval: independent: expected true or false, found the text 'true'",
        ),
        (
            "[lineage-known]",
            "[{ approval: { role: dpo, count: 1.0 } }]",
            "9: rule r: approval: count: expected a whole number in [1, 100], found the number 1.0",
        ),
    ],
)
def test_each_mistake_in_a_rule(mistakes: Mistakes, sound: str, old: str, new: str, expected: str) -> None:
    """Every kind of mistake in a rule is named with its line, what was found and what was expected."""
    assert old in sound
    assert [f"p.yaml:{expected}"] == mistakes(sound.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    checks:",
            "    when: { secrecy: high }\n    checks:",
            "9: rule r: when: unknown key 'secrecy'; expected one of confidentiality, identifiability,"
            " consent,"
            " legal_basis, special_categories, subject_categories, vulnerable, unknown",
        ),
        (
            "    checks:",
            "    when: { identifiability: personal }\n    checks:",
            "9: rule r: when.identifiability: expected a mapping, found the text 'personal'",
        ),
        (
            "    checks:",
            "    when: { identifiability: { at_least: persona } }\n    checks:",
            "9: rule r: when.identifiability.at_least: unknown word 'persona'; did you mean 'personal'?"
            " expected one of non_personal, anonymised_by_source, pseudonymised, personal",
        ),
        (
            "    checks:",
            "    when: { identifiability: { at_least: personal, at_most: non_personal } }\n    checks:",
            "9: rule r: when.identifiability: can never apply: at_least personal is above at_most"
            " non_personal",
        ),
        (
            "    checks:",
            "    when: { consent: {} }\n    checks:",
            "9: rule r: when.consent: expected at_least or at_most,"
            " each one of not_relied_on, valid, partially_withdrawn, invalid",
        ),
        (
            "    checks:",
            "    when: { special_categories: { any_of: [] } }\n    checks:",
            "9: rule r: when.special_categories.any_of: can never apply: the list is empty",
        ),
        (
            "    checks:",
            "    when: { special_categories: health }\n    checks:",
            "9: rule r: when.special_categories: unknown word 'health'; expected any",
        ),
        (
            "    checks:",
            "    when: { special_categories: { any_of: [helth] } }\n    checks:",
            "9: rule r: when.special_categories.any_of: unknown word 'helth'; did you mean 'health'?"
            " expected one of biometric_id, communications, criminal_art10, financial, genetic,"
            " health, location,"
            " political, racial_ethnic, religious_philosophical, sex_life_orientation, trade_union,"
            " hipaa_id:NAME",
        ),
        (
            "    checks:",
            "    when: { subject_categories: { any_of: [pateint] } }\n    checks:",
            "9: rule r: when.subject_categories.any_of: unknown word 'pateint'; did you mean 'patient'?"
            " expected one of asylum_seeker, child, elderly, employee, patient, or another word in"
            " lower case",
        ),
        (
            "    checks:",
            "    when: { vulnerable: false, subject_categories: { any_of: [child] } }\n    checks:",
            "9: rule r: when: can never apply: child are vulnerable",
        ),
    ],
)
def test_each_mistake_in_a_condition(
    mistakes: Mistakes, sound: str, old: str, new: str, expected: str
) -> None:
    """A condition that is misspelled, or that no label can meet, is a mistake."""
    assert old in sound
    assert [f"p.yaml:{expected}"] == mistakes(sound.replace(old, new))
